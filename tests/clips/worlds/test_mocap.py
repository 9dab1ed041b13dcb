import importlib.util
import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.clips.worlds import mocap
from kinetoscope.clips.worlds.mocap import (
    ACTIONS,
    TURNING,
    Motion,
    between,
    closed,
    conjugate,
    load_motion,
    matrices,
    multiply,
    poses_at,
    turned,
)
from kinetoscope.errors import CatalogError, MissingPackageError

LOOPS = [*(set(ACTIONS) - {"kick", "punch", "getup_facedown", "getup_faceup"})]
parts = st.floats(-1, 1)
turns = (
    st.tuples(parts, parts, parts, parts)
    .map(np.array)
    .filter(lambda turn: np.linalg.norm(turn) > 0.1)
    .map(lambda turn: turn / np.linalg.norm(turn))
)


def about(axis, angle):
    """A turn about an axis, as a quaternion."""
    return np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * np.array(axis, dtype=float)])


def spun(angles, *, loops, places=None):
    """A recording of a person who does nothing but turn about the vertical."""
    poses = np.zeros((len(angles), len(TURNING), 4))
    poses[:, :, 0] = 1
    poses[:, 0] = [about((0, 1, 0), angle) for angle in angles]
    places = np.zeros((len(angles), 3)) if places is None else np.array(places, dtype=float)
    seconds = np.arange(len(angles), dtype=float)
    return Motion(seconds=seconds, places=places, turns=poses, loops=loops)


def heading(poses):
    """Where forward points on the floor, as angles."""
    forward = poses.turns[:, 0, :, 0]
    return np.unwrap(np.arctan2(-forward[:, 2], forward[:, 0]))


# Known answers


def test_a_quarter_turn_about_the_vertical_turns_forward_to_the_left():
    turn = about((0, 1, 0), np.pi / 2)
    np.testing.assert_allclose(turned(turn, np.array([1.0, 0.0, 0.0])), [0, 0, -1], atol=1e-12)


def test_poses_between_two_frames_lie_between_them():
    motion = spun([0.0, 0.4], loops=False, places=[(0, 1, 0), (2, 1, 0)])
    found = poses_at(motion, np.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(found.places[:, 0], [0, 0.5, 2])
    np.testing.assert_allclose(heading(found), [0, 0.1, 0.4], atol=1e-3)


def test_before_and_after_a_recording_that_does_not_loop_its_ends_are_held():
    motion = spun([0.0, 0.4], loops=False, places=[(0, 1, 0), (2, 1, 0)])
    found = poses_at(motion, np.array([-3.0, 7.0]))
    np.testing.assert_allclose(found.places[:, 0], [0, 2])
    np.testing.assert_allclose(heading(found), [0, 0.4], atol=1e-12)


def test_a_loop_goes_on_from_where_it_has_got_to():
    straight = spun([0.0, 0.0, 0.0], loops=True, places=[(0, 1, 0), (1, 1, 0), (2, 1, 0)])
    found = poses_at(straight, np.array([0.5, 2.5, 4.5]))
    np.testing.assert_allclose(found.places, [(0.5, 1, 0), (2.5, 1, 0), (4.5, 1, 0)])


def test_a_loop_that_ends_turned_goes_on_in_its_new_heading():
    quarter = np.pi / 2
    turning = spun(
        [0.0, quarter / 2, quarter], loops=True, places=[(0, 1, 0), (1, 1, 0), (1, 1, -1)]
    )
    found = poses_at(turning, np.array([0.0, 2.0, 4.0, 6.0, 8.0]))
    np.testing.assert_allclose(heading(found), quarter * np.arange(5), atol=1e-9)
    ring = [(0, 1, 0), (1, 1, -1), (0, 1, -2), (-1, 1, -1), (0, 1, 0)]
    np.testing.assert_allclose(found.places, ring, atol=1e-9)


# Promises


@given(turns, turns)
def test_turns_one_after_the_other_are_matrices_multiplied(first, second):
    both = matrices(multiply(first, second))
    np.testing.assert_allclose(both, matrices(first) @ matrices(second), atol=1e-9)


@given(turns)
def test_a_turn_and_the_turn_back_are_none(turn):
    np.testing.assert_allclose(matrices(multiply(turn, conjugate(turn))), np.eye(3), atol=1e-9)


@given(turns, turns, st.floats(0, 1))
def test_between_two_turns_is_a_turn(first, second, share):
    found = matrices(between(first, second, np.array([share])))
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-6)


def test_between_goes_the_shorter_way_whatever_the_sign():
    first, second = about((0, 1, 0), 0.0), -about((0, 1, 0), 0.2)
    np.testing.assert_allclose(
        matrices(between(first, second, np.array([0.5]))),
        matrices(about((0, 1, 0), 0.1)),
        atol=1e-9,
    )


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize("action", ACTIONS)
def test_every_recording_can_be_read(action):
    motion = load_motion(action)
    assert 0.7 < motion.duration_seconds < 4.5
    assert motion.loops == (action in LOOPS)
    found = poses_at(motion, np.linspace(0, motion.duration_seconds, 30))
    assert 0.05 < found.places[:, 1].min() < found.places[:, 1].max() < 1.3
    products = found.turns @ np.swapaxes(found.turns, -1, -2)
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(3), products.shape), atol=1e-9)


@pytest.mark.usefixtures("recordings")
@pytest.mark.parametrize("action", sorted(LOOPS))
def test_a_loop_has_no_jump_where_it_closes(action):
    motion = load_motion(action)
    step = 1 / 120
    around = motion.duration_seconds + step * np.arange(-60, 61)
    found = poses_at(motion, around)
    turned_by = np.linalg.norm(np.diff(found.turns, axis=0), axis=(2, 3)).max(axis=1)
    moved_by = np.linalg.norm(np.diff(found.places, axis=0), axis=1)
    assert turned_by[58:62].max() < 2.5 * np.median(turned_by) + 0.05
    assert moved_by[58:62].max() < 2.5 * np.median(moved_by) + 0.01


def test_closing_bends_only_the_end():
    motion = spun(np.linspace(0, 0.5, 30), loops=True)
    turns = motion.turns.copy()
    turns[:, 3] = [about((1, 0, 0), 0.02 * frame) for frame in range(30)]
    motion = Motion(seconds=motion.seconds / 30, places=motion.places, turns=turns, loops=True)
    bent = closed(motion)
    np.testing.assert_allclose(bent.turns[:20], motion.turns[:20])
    np.testing.assert_allclose(bent.turns[-1, 3], motion.turns[0, 3], atol=1e-9)


@pytest.mark.usefixtures("recordings")
def test_pybullet_is_never_imported():
    load_motion("walk")
    assert not {"pybullet", "pybullet_data"} & set(sys.modules)


# Refusals


def test_says_which_package_is_missing(monkeypatch):
    found = importlib.util.find_spec
    without = lambda name: None if name == "pybullet_data" else found(name)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(MissingPackageError, match=r"pip install .kinetoscope\[mocap\]"):
        mocap.recordings_folder()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("", "JSONDecodeError"),
        ("{}", "KeyError"),
        (json.dumps({"Loop": "wrap", "Frames": [[0.1] * 20] * 3}), r"\(20,\)"),
        (json.dumps({"Loop": "wrap", "Frames": [[0.1] * 44, [0.1]]}), "ValueError"),
    ],
    ids=["empty", "without frames", "of a dog", "cut off"],
)
def test_refuses_what_is_not_a_recording(tmp_path, monkeypatch, content, got):
    (tmp_path / ACTIONS["walk"].file).write_text(content)
    monkeypatch.setattr(mocap, "recordings_folder", lambda: tmp_path)
    with pytest.raises(CatalogError, match=f"is not a recording(.|\n)*{got}"):
        load_motion.__wrapped__("walk")
