import math
from typing import get_args

import numpy as np
import pytest

from kinetoscope.clips.worlds.seeds import generator_for
from kinetoscope.clips.worlds.textures import (
    PATTERNS,
    Pattern,
    Texture,
    draw_texture,
    muted_colours,
    paint,
    values,
)

BLACK_WHITE = ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))


def drawn(pattern, *, wavelength=8.0):
    return draw_texture(
        generator_for("texture", pattern),
        wavelengths=(wavelength, wavelength),
        colours=BLACK_WHITE,
        patterns=(pattern,),
    )


def grid(size=96):
    down, right = np.mgrid[:size, :size].astype(float)
    return right, down


def test_stripes_repeat_after_a_wavelength_and_turn_around_after_half_of_one():
    stripes = Texture(pattern="stripes", wavelength=6.0)
    x, y = np.array([1.2, 1.2 + 6.0, 1.2 + 3.0]), np.array([0.0, 5.0, -7.0])
    first, again, opposite = values(stripes, x, y)
    assert first == pytest.approx(again)
    assert first == pytest.approx(1 - opposite)


def test_a_plain_texture_is_half_way_everywhere():
    assert (values(Texture(pattern="plain", wavelength=1.0), *grid(4)) == 0.5).all()


@pytest.mark.parametrize("pattern", get_args(Pattern))
def test_values_lie_between_dark_and_light(pattern):
    found = values(drawn(pattern), *grid())
    assert found.min() >= 0
    assert found.max() <= 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_texture_can_be_seen_and_is_about_as_dark_as_light(pattern):
    found = values(drawn(pattern), *grid())
    assert found.std() > 0.15
    assert abs(found.mean() - 0.5) < 0.2


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_finer_than_a_pixel_fades_to_grey(pattern):
    found = values(drawn(pattern, wavelength=0.4), *grid(), pixel=1.0)
    np.testing.assert_allclose(found, 0.5, atol=1e-3)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_value_is_what_a_pixel_sees_of_the_texture_on_average(pattern):
    texture, (x, y) = drawn(pattern, wavelength=9.0), grid(24)
    steps = (np.arange(8) + 0.5) / 8 - 0.5
    finer = [values(texture, x + i, y + j, pixel=0.02) for i in steps for j in steps]
    assert np.abs(np.mean(finer, axis=0) - values(texture, x, y)).mean() < 0.06


def test_a_colour_is_mixed_of_dark_and_light():
    texture = Texture(pattern="plain", wavelength=1.0, dark=(10, 20, 30), light=(30, 40, 90))
    np.testing.assert_allclose(paint(texture, *grid(2)), np.full((2, 2, 3), (20, 30, 60)))


def test_a_texture_is_drawn_by_its_seed():
    assert drawn("blotches") == drawn("blotches")
    colours = [muted_colours(generator_for(seed), contrast=0.2) for seed in (0, 0, 1)]
    assert colours[0] == colours[1] != colours[2]


def test_muted_colours_are_greyish_and_differ_in_brightness():
    for seed in range(50):
        dark, light = muted_colours(generator_for(seed), contrast=0.2)
        assert max(light) - max(dark) == pytest.approx(0.2 * 255)
        assert max(light) - min(light) < 0.31 * max(light)
        assert math.isclose(min(dark) / max(dark), min(light) / max(light))
