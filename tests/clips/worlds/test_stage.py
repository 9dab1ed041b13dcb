from dataclasses import replace

import numpy as np
import pytest

from kinetoscope.clips.worlds.bodies import JOINTS, Limbs
from kinetoscope.clips.worlds.camera import Camera, looking
from kinetoscope.clips.worlds.mocap import TURNING
from kinetoscope.clips.worlds.seeds import generator_for
from kinetoscope.clips.worlds.stage import draw_stage, paint_stage
from kinetoscope.clips.worlds.textures import Texture


def ball(height, *, time=1):
    return Limbs(
        joints=np.zeros((time, len(JOINTS), 3)),
        turns=np.tile(np.eye(3), (time, len(TURNING), 1, 1)),
        ends=np.tile([0.0, height, 0.0], (time, 1, 2, 1)),
        radii=np.full((1, 2), 0.3),
    )


def camera(*, elevation=0.5, time=1, glide=0.0):
    axes = looking(0.0, elevation)
    places = -5 * axes[2] + np.outer(np.arange(time), [0.0, 0.0, glide])
    return Camera(places=places, axes=axes, focal=60.0, middle=(31.5, 31.5))


def stage(seed=0, **changed):
    return replace(draw_stage(generator_for("stage", seed)), **changed)


def plain(*colour):
    return Texture(pattern="plain", wavelength=1.0, dark=colour, light=colour)


def test_a_shadow_lies_on_the_floor_below_who_stands_in_the_light():
    lit = stage(light=(0.0, 1.0, 0.0), floor=plain(200, 200, 200))
    (picture,) = paint_stage(lit, ball(0.3), camera(), 64)
    right, down = np.rint(camera().project(np.zeros((1, 3)))[0, :2]).astype(int)
    beside = picture[down, right + 20, 0]
    assert picture[down, right, 0] < 0.7 * beside
    row = beside - picture[down, :, 0]
    assert np.average(np.arange(64), weights=np.maximum(row, 0)) == pytest.approx(31.5, abs=1)


def test_a_shadow_falls_away_from_the_light():
    lit = stage(light=(0.0, 0.8, 0.6), floor=plain(200, 200, 200))
    (picture,) = paint_stage(lit, ball(1.0), camera(), 64)
    place = camera().project(np.array([[0.0, 0.0, -0.75]]))[0, :2]
    darkest = np.unravel_index(picture[..., 0].argmin(), (64, 64))
    np.testing.assert_allclose(darkest[::-1], place, atol=2)


def test_above_the_horizon_there_is_wall_and_below_floor():
    apart = stage(floor=plain(0, 200, 0), wall=plain(200, 0, 0))
    (picture,) = paint_stage(apart, ball(90.0), camera(elevation=0.1), 64)
    horizon = 31.5 - 60 * np.tan(0.1)
    assert (picture[: int(horizon), :, 0] > 100).all()
    assert (picture[int(horizon) + 2 :, :, 0] == 0).all()


def test_the_floor_stays_where_it_is_while_the_camera_glides():
    eye = camera(time=2, glide=0.4)
    pictures = paint_stage(stage(1), ball(90.0, time=2), eye, 64)
    point = np.array([[0.3, 0.0, 0.2]] * 2)
    one, two = eye.project(point)[:, :2]
    assert np.abs(two - one).max() > 3
    found = [
        np.array(
            [np.interp(place[0], np.arange(64), picture[round(place[1]), :, c]) for c in range(3)]
        )
        for place, picture in zip((one, two), pictures, strict=True)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=6)


@pytest.mark.parametrize("seed", range(5))
def test_stages_are_pictures_and_drawn_by_their_seed(seed):
    pictures = paint_stage(stage(seed), ball(1.0), camera(), 64)
    assert pictures.min() >= 0
    assert pictures.max() <= 255
    assert stage(seed) == stage(seed) != stage(seed + 1)
