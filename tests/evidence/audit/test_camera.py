import numpy as np
import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.audit.camera import (
    CAMERA,
    camera_motion,
    margin_points,
    steps_of,
    summary,
)
from tests.evidence.audit.test_hashes import scene


def flow_of(right=0.0, down=0.0, turn=0.0, zoom=0.0, time=4, side=64):
    """The whole picture moves; the last field is repeated."""
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    angle, growth = np.radians(turn), np.exp(zoom / 100)
    across = growth * (np.cos(angle) * columns - np.sin(angle) * rows) - columns + right
    along = growth * (np.sin(angle) * columns + np.cos(angle) * rows) - rows + down
    return np.repeat(np.stack([across, along])[:, None], time, axis=1).astype(np.float32)


def test_finds_shift_turn_and_zoom_of_the_whole_picture():
    steps = steps_of(flow_of(right=1.6, down=-0.8, turn=2.0, zoom=4.0))
    assert steps.shape == (3, 4)
    np.testing.assert_allclose(steps, [[2.5, -1.25, 2.0, 4.0]] * 3, atol=0.7)


def test_what_moves_otherwise_in_the_margin_does_not_count():
    flow = flow_of(right=2.0)
    flow[:, :, :40, :30] = 7.0  # a large part passes the corner
    np.testing.assert_allclose(steps_of(flow)[:, 0], 100 * 2.0 / 64, atol=0.1)


def test_what_drags_flow_along_by_tenths_of_a_pixel_is_taken_for_no_motion():
    assert not summary(steps_of(flow_of(right=0.15, turn=0.1))).any()


def test_a_picture_without_any_motion_has_none():
    np.testing.assert_array_equal(steps_of(np.zeros((2, 1, 64, 64), np.float32)), np.zeros((1, 4)))


def test_sums_up_a_shake_by_hand():
    steps = np.array([[3.0, 0.0, 1.0, 0.0], [-3.0, 0.0, 1.0, 2.0], [3.0, 0.0, 1.0, 4.0]])
    found = dict(zip(CAMERA, summary(steps), strict=True))
    assert found["speed"] == pytest.approx(3)
    assert found["jolt"] == pytest.approx(6)
    assert found["right"] == pytest.approx(1)
    assert found["uneven right"] == pytest.approx(np.std([3, -3, 3]))
    assert found["turn"] == pytest.approx(1)
    assert found["uneven turn"] == 0
    assert found["zoom"] == pytest.approx(2)


def test_flow_is_computed_where_a_clip_has_none():
    still = scene(3, side=80)[0]
    frames = np.stack([still[8:72, 2 * t : 2 * t + 64] for t in range(5)])  # pans right
    movie = np.repeat(frames[..., None], 3, axis=3)
    clip = Clip(frames=torch.from_numpy(movie).permute(3, 0, 1, 2).float())
    found = dict(zip(CAMERA, camera_motion(clip, movie), strict=True))
    assert found["right"] == pytest.approx(-100 * 2 / 64, abs=0.4)
    assert abs(found["down"]) < 0.4


def test_points_lie_in_the_margin_on_all_sides():
    points = margin_points(64, 96)
    assert len(points) <= 256
    inside = (points >= [12, 8]).all(axis=1) & (points < [84, 56]).all(axis=1)
    assert not inside.any()
    assert points.min() == 0
    assert (points.max(axis=0) > [90, 60]).all()
