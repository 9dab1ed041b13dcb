"""Heat, painted."""

import pytest
import torch

from kinetoscope.report.heat import (
    AGAINST,
    FOR,
    greyed,
    heat_picture,
    lasting,
    painted_over,
    small_enough,
)


def test_red_is_for_it_blue_against_it_and_nothing_where_there_is_none():
    painted = heat_picture(torch.tensor([[[1.0, -1.0, 0.0]]]), 1.0)[0, 0]
    assert painted[0, :3].tolist() == list(FOR)
    assert painted[1, :3].tolist() == list(AGAINST)
    assert painted[2].tolist() == [0, 0, 0, 0]
    assert painted[0, 3] == painted[1, 3] > 200


def test_weaker_heat_lets_more_through_and_stronger_than_full_colour_no_less():
    opacity = heat_picture(torch.tensor([[[0.1, 0.5, 1.0, 7.0]]]), 1.0)[0, 0, :, 3].tolist()
    assert opacity == sorted(opacity)
    assert opacity[0] < opacity[1] < opacity[2] == opacity[3]


def test_a_clip_without_heat_is_grey():
    picture = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    painted = painted_over(picture, torch.zeros(2, 4, 4), 1.0)
    assert torch.equal(painted, greyed(picture))
    assert torch.equal(painted[..., 0], painted[..., 2])


def test_heat_of_another_size_is_brought_to_that_of_the_pictures():
    heat = torch.zeros(1, 2, 2)
    heat[0, 0, 0] = 1.0
    painted = painted_over(torch.zeros(1, 8, 8, 3, dtype=torch.uint8), heat, 1.0)
    assert painted[0, 0, 0].tolist() != [0, 0, 0]
    assert painted[0, 7, 7].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("frames", "steps"), [(8, [0, 0, 0, 0, 1, 1, 1, 1]), (3, [0, 0, 1])])
def test_a_step_of_a_native_map_lasts_as_long_as_it_stands_for(frames, steps):
    native = torch.arange(2.0).reshape(2, 1, 1)
    assert lasting(native, frames).flatten().tolist() == steps


def test_large_heat_is_made_smaller_with_its_mean_kept():
    heat = torch.rand(2, 256, 256)
    small = small_enough(heat)
    assert small.shape == (2, 128, 128)
    torch.testing.assert_close(small.mean(), heat.mean())
