"""Heat that is kept, and where it is strongest."""

import pytest
import torch

from kinetoscope.evidence.attribution.heats import (
    full_colour,
    keep_heats,
    kept_heats,
    strong_heat,
    strongest_box,
)


def test_what_is_kept_is_read_to_three_digits(tmp_path):
    heat = torch.randn(4, 8, 8) * 10.0 ** torch.linspace(-3, 0, 4)[:, None, None]
    keep_heats(tmp_path / "heats.safetensors", {"a": 1e-6 * heat, "b": 1e6 * heat})
    found = kept_heats(tmp_path / "heats.safetensors")
    torch.testing.assert_close(found["a"], 1e-6 * heat, rtol=1e-3, atol=1e-12)
    torch.testing.assert_close(found["b"], 1e6 * heat, rtol=1e-3, atol=1.0)


def test_no_heat_at_all_is_kept(tmp_path):
    keep_heats(tmp_path / "heats.safetensors", {"a": torch.zeros(2, 3, 3)})
    assert kept_heats(tmp_path / "heats.safetensors")["a"].abs().max() == 0


def test_a_few_pixels_do_not_make_heat_strong():
    heat = torch.full((4, 20, 20), -1.0)
    heat[0, 0, :5] = 100.0
    assert strong_heat(heat) == 1.0


def test_heat_of_a_few_pixels_alone_is_strong():
    heat = torch.zeros(4, 20, 20)
    heat[0, 0, 0] = 3.0
    assert strong_heat(heat) == 3.0


@pytest.mark.parametrize(("strong", "drawn"), [([], 1.0), ([0.0], 1.0), ([0.0, 2.0], 2.0)])
def test_clips_without_heat_do_not_count(strong, drawn):
    assert full_colour(strong) == drawn


def test_the_strongest_box_is_where_most_speaks_for_it():
    heat = torch.zeros(8, 32, 40)
    heat[3, 8:12, 20:25] = 1.0
    heat[6, 0, 0] = 5.0  # a single pixel
    heat[2, 16:20, 0:5] = -9.0
    assert strongest_box(heat) == ((3, 4), (8, 12), (20, 25))
