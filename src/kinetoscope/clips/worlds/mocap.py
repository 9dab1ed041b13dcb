"""Where is every joint of a recorded person, at any second?

The recordings are fifteen motions of one skeleton, as rotations of its joints. They come with the
package pybullet, whose data is read and whose code is never imported. A recording that loops is
closed (its last tenths of a second are bent so that they end as the first began) and then goes on
for ever, from where it has got to.

Source: Peng et al., "DeepMimic", SIGGRAPH 2018, section 4 and their humanoid3d files; axes are
forward, up, right [metres], quaternions have their real part first.
"""

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from einops import rearrange
from jaxtyping import Float

from kinetoscope.errors import CatalogError, MissingPackageError

Array = np.ndarray
Quaternions = Float[Array, "*#time 4"]


@dataclass(frozen=True)
class Action:
    """A recording, and what of it has to be seen to know it.

    Args:
        file: its name among the recordings.
        heart: from when until when it is like no other [s]; None where all of it is.
    """

    file: str
    heart: tuple[float, float] | None = None


ACTIONS = {
    "walk": Action("humanoid3d_walk.txt"),
    "run": Action("humanoid3d_run.txt"),
    "jump": Action("humanoid3d_jump.txt", heart=(0.65, 1.25)),
    "kick": Action("humanoid3d_kick.txt", heart=(0.5, 1.0)),
    "spinkick": Action("humanoid3d_spinkick.txt", heart=(0.45, 0.95)),
    "punch": Action("humanoid3d_punch.txt", heart=(0.7, 1.2)),
    "cartwheel": Action("humanoid3d_cartwheel.txt", heart=(1.0, 1.7)),
    "backflip": Action("humanoid3d_backflip.txt", heart=(0.6, 1.1)),
    "roll": Action("humanoid3d_roll.txt", heart=(0.5, 1.1)),
    "crawl": Action("humanoid3d_crawl.txt"),
    "spin": Action("humanoid3d_spin.txt", heart=(1.4, 2.2)),
    "dance_a": Action("humanoid3d_dance_a.txt"),
    "dance_b": Action("humanoid3d_dance_b.txt"),
    "getup_facedown": Action("humanoid3d_getup_facedown.txt", heart=(1.2, 1.9)),
    "getup_faceup": Action("humanoid3d_getup_faceup.txt", heart=(1.2, 2.0)),
}

# Which numbers of a frame turn which joint: four are a quaternion, one is a hinge's angle about the
# axis to the right. Number 0 is the frame's duration, numbers 1 to 3 are the root's place.
TURNING = {
    "root": slice(4, 8),
    "chest": slice(8, 12),
    "neck": slice(12, 16),
    "right_hip": slice(16, 20),
    "right_knee": slice(20, 21),
    "right_ankle": slice(21, 25),
    "right_shoulder": slice(25, 29),
    "right_elbow": slice(29, 30),
    "left_hip": slice(30, 34),
    "left_knee": slice(34, 35),
    "left_ankle": slice(35, 39),
    "left_shoulder": slice(39, 43),
    "left_elbow": slice(43, 44),
}
NUMBERS_PER_FRAME = 44
CLOSING_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True)
class Motion:
    """A recording.

    Args:
        seconds: when each frame is, from 0.
        places: of the root in each frame [m], forward, up, right.
        turns: of each joint of TURNING, in its parent.
        loops: whether the end goes on into the beginning.
    """

    seconds: Float[Array, " time"]
    places: Float[Array, "time 3"]
    turns: Float[Array, "time joint 4"]
    loops: bool

    @property
    def duration_seconds(self) -> float:
        """How long it is, or how long one round of it."""
        return float(self.seconds[-1])


@dataclass(frozen=True, kw_only=True)
class Poses:
    """A person at several moments.

    Args:
        places: of the root [m].
        turns: of each joint of TURNING, in its parent, as a matrix.
    """

    places: Float[Array, "time 3"]
    turns: Float[Array, "time joint 3 3"]


@cache
def load_motion(action: str) -> Motion:
    """Read one of the recordings.

    Raises:
        MissingPackageError: pybullet is not installed.
        CatalogError: its file is not there or not as expected.
    """
    path = recordings_folder() / ACTIONS[action].file
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        frames = np.array(found["Frames"], dtype=float)
        loops = found["Loop"] == "wrap"
    except (OSError, ValueError, KeyError) as error:
        raise CatalogError(
            f"{path} is not a recording",
            got=f"{type(error).__name__}: {error}",
            expected="a JSON object with Loop and Frames",
        ) from error
    if frames.ndim != 2 or frames.shape[1] != NUMBERS_PER_FRAME:
        raise CatalogError(
            f"{path} is not a recording of the humanoid",
            got=f"frames of shape {frames.shape[1:]}",
            expected=f"{NUMBERS_PER_FRAME} numbers in each frame",
        )
    motion = _motion(frames, loops=loops)
    return closed(motion) if loops else motion


def recordings_folder() -> Path:
    """Where pybullet's recordings lie; pybullet itself is not imported.

    Raises:
        MissingPackageError: pybullet is not installed.
    """
    found = importlib.util.find_spec("pybullet_data")
    if found is None or not found.submodule_search_locations:
        raise MissingPackageError(
            "the world of figures moves by motion capture that comes with pybullet",
            got="no package pybullet_data",
            expected="pybullet, of which only the data is read",
            hint='pip install "kinetoscope[mocap]"',
        )
    return Path(next(iter(found.submodule_search_locations))) / "data" / "motions"


def poses_at(motion: Motion, seconds: Float[Array, " time"]) -> Poses:
    """The person at some seconds, between the frames by interpolation.

    Outside of a recording that does not loop, its first and last pose are held.
    """
    rounds = np.floor(seconds / motion.duration_seconds) if motion.loops else 0 * seconds
    within = seconds - rounds * motion.duration_seconds
    after = np.clip(
        np.searchsorted(motion.seconds, within, side="right"), 1, len(motion.seconds) - 1
    )
    before = after - 1
    step = motion.seconds[after] - motion.seconds[before]
    share = np.clip((within - motion.seconds[before]) / step, 0, 1)[:, None]
    places = motion.places[before] * (1 - share) + motion.places[after] * share
    turns = between(motion.turns[before], motion.turns[after], share[..., None])
    headings, shifts = _carried(motion, rounds)
    turns[:, 0] = multiply(headings, turns[:, 0])
    return Poses(places=turned(headings, places) + shifts, turns=matrices(turns))


def closed(motion: Motion) -> Motion:
    """The motion, bent towards its end so that it ends as it began, but for place and heading."""
    heading, _ = _per_round(motion)
    begin = motion.turns[0].copy()
    begin[0] = multiply(heading, begin[0])
    error = multiply(conjugate(motion.turns[-1]), begin)
    left = np.clip((motion.seconds - motion.duration_seconds) / CLOSING_SECONDS + 1, 0, 1)
    ease = rearrange(left * left * (3 - 2 * left), "time -> time 1 1")
    still = np.broadcast_to([1.0, 0.0, 0.0, 0.0], error.shape)
    bend = between(still[None], error[None], ease)
    places = motion.places.copy()
    places[:, 1] += ease[:, 0, 0] * (places[0, 1] - places[-1, 1])
    return Motion(
        seconds=motion.seconds, places=places, turns=multiply(motion.turns, bend), loops=True
    )


def _motion(frames: Float[Array, "time number"], *, loops: bool) -> Motion:
    seconds = np.concatenate([[0.0], np.cumsum(frames[:-1, 0])])
    turns = [_quaternions(frames[:, numbers]) for numbers in TURNING.values()]
    return Motion(
        seconds=seconds, places=frames[:, 1:4], turns=np.stack(turns, axis=1), loops=loops
    )


def _quaternions(numbers: Float[Array, "time _"]) -> Quaternions:
    if numbers.shape[1] == 4:
        return numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
    half, none = numbers[:, 0] / 2, np.zeros(len(numbers))
    return np.stack([np.cos(half), none, none, np.sin(half)], axis=1)


def _per_round(motion: Motion) -> tuple[Quaternions, Float[Array, "3"]]:
    """By how much one round changes the heading, and then the place on the floor."""
    change = multiply(motion.turns[-1, 0], conjugate(motion.turns[0, 0]))
    heading = change * np.array([1.0, 0.0, 1.0, 0.0])
    heading = heading / np.linalg.norm(heading)
    shift = motion.places[-1] - turned(heading, motion.places[0])
    return heading, shift * np.array([1.0, 0.0, 1.0])


def _carried(
    motion: Motion, rounds: Float[Array, " time"]
) -> tuple[Quaternions, Float[Array, "time 3"]]:
    """Heading and shift after each number of whole rounds."""
    heading, shift = _per_round(motion) if motion.loops else (np.eye(4)[0], np.zeros(3))
    count = int(rounds.max(initial=0))
    headings, shifts = [np.eye(4)[0]], [np.zeros(3)]
    for _ in range(count):
        shifts.append(shifts[-1] + turned(headings[-1], shift))
        headings.append(multiply(headings[-1], heading))
    at = rounds.astype(int)
    return np.stack(headings)[at], np.stack(shifts)[at]


def multiply(first: Quaternions, then_in: Quaternions) -> Quaternions:
    """The turn of a child with turn `then_in` in a parent with turn `first`."""
    w, x, y, z = np.moveaxis(first, -1, 0)
    a, b, c, d = np.moveaxis(then_in, -1, 0)
    parts = (
        w * a - x * b - y * c - z * d,
        w * b + x * a + y * d - z * c,
        w * c - x * d + y * a + z * b,
        w * d + x * c - y * b + z * a,
    )
    return np.stack(parts, axis=-1)


def conjugate(turn: Quaternions) -> Quaternions:
    """The turn back."""
    return turn * np.array([1.0, -1.0, -1.0, -1.0])


def between(before: Quaternions, after: Quaternions, share: Array) -> Quaternions:
    """Turns between two, by the shorter way round, as unit quaternions."""
    shorter = np.where((before * after).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    mixed = before * (1 - share) + shorter * after * share
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def turned(turn: Quaternions, points: Float[Array, "*#time 3"]) -> Float[Array, "*#time 3"]:
    """Points after a turn."""
    return (matrices(turn) @ points[..., None])[..., 0]


def matrices(turn: Quaternions) -> Float[Array, "*#time 3 3"]:
    """Quaternions as matrices that turn columns."""
    w, x, y, z = np.moveaxis(turn, -1, 0)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
