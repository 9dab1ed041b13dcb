"""Figures: who does what, seen from where?

A person is animated by motion capture and seen from any side, on a floor in front of a wall.
Persons differ in build and clothes, and each performs every action once, so that nothing but the
action tells the label. No person and no direction of view is in two splits: the views that are
tested lie between those that are trained on.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from kinetoscope.clips.worlds.bodies import JOINTS, PARTS, Body, Limbs, draw_body, limbs_of
from kinetoscope.clips.worlds.camera import Camera, framed, looking
from kinetoscope.clips.worlds.limbs import Surface, paint_person, surface_of
from kinetoscope.clips.worlds.mocap import ACTIONS, load_motion, poses_at, recordings_folder
from kinetoscope.clips.worlds.seeds import generator_for, uniform
from kinetoscope.clips.worlds.stage import Stage, draw_stage, paint_stage
from kinetoscope.clips.worlds.world import (
    ClipsPerLabel,
    Drawn,
    Factor,
    Progress,
    Split,
    Wanted,
    World,
    all_wanted,
    check_frames,
    write_world,
)
from kinetoscope.errors import CatalogError, unknown_name

DRAWING = 1
FRAMES_PER_SECOND = 12.0
NOTES = {
    "joints": "(right, down) in pixels; 0 is the centre of the first pixel",
    "away": "how far each joint is from the camera in metres",
    "visible": "1 where nothing hides the joint but the limb around it",
    "mask": "what the centre of each pixel shows: 0 the stage, then the parts in their order",
    "joint_names": " ".join(JOINTS),
    "part_names": " ".join(PARTS),
}

VIEWS = 24  # directions of view all around, each with its split, in turn:
SPLIT_OF_VIEW: tuple[Split, ...] = ("train", "test", "train", "validation")
ELEVATIONS = (4.0, 38.0)  # [degrees]
DISTANCES = (4.0, 7.0)  # [m]
FILLS = (0.8, 0.95)  # how much of the picture the action takes up
PACES = (0.8, 1.25)  # [seconds of the recording per second]
LIMB_REACH = 0.16  # what is nearer to the camera than this hides a joint [m]


@dataclass(frozen=True, kw_only=True)
class FigureClip:
    """Everything that a clip of a figure is drawn from.

    Args:
        action: which recording.
        subject: who performs, by name.
        azimuth: from where it is seen [degrees]: 0 from the front, 90 from the right.
        elevation: from how high [degrees].
        distance: of the camera [m].
        fill: how much of the picture the action takes up.
        pace: how much faster than recorded.
        begin: which second of the recording is shown first.
        body: the performer.
        stage: where.
    """

    action: str
    subject: str
    azimuth: float
    elevation: float
    distance: float
    fill: float
    pace: float
    begin: float
    body: Body = field(repr=False)
    stage: Stage = field(repr=False)


def make_figures(  # noqa: PLR0913  seven settings of a world, and where it goes
    folder: Path | str,
    *,
    seed: int = 0,
    clips_per_label: ClipsPerLabel | None = None,
    size: int = 64,
    frames: int = 20,
    actions: Sequence[str] = tuple(ACTIONS),
    processes: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Make clips of people in action, with joints and masks, as a catalog of mp4 files.

    Args:
        folder: where; see `write_world`.
        seed: the same seed gives the same clips.
        clips_per_label: how many in each split; 60, 12 and 24 by default.
        size: height and width of the clips [pixels].
        frames: how many a clip has, at FRAMES_PER_SECOND.
        actions: which.
        processes: how many draw at once; see `write_world`.
        progress: called after each clip with the number done and the number wanted.

    Returns:
        the folder.

    Raises:
        MissingPackageError: pybullet, which carries the recordings, is not installed.
        UnknownNameError: there is no such action.
        CatalogError: no action is named, or something else lies in the folder.
        ClipError: clips of this size can't be made.
    """
    check_frames(frames, size, least_size=32)
    check_actions(actions)
    recordings_folder()
    counts = clips_per_label or ClipsPerLabel()
    world = World(
        name="figures",
        drawing=DRAWING,
        settings={
            "seed": seed,
            "size": size,
            "frames": frames,
            "clips_per_label": asdict(counts),
            "actions": list(actions),
        },
        wanted=all_wanted(actions, counts, seed),
        draw=partial(_draw_wanted, size, frames),
        frames_per_second=FRAMES_PER_SECOND,
        notes=NOTES,
    )
    return write_world(Path(folder), world, processes=processes, progress=progress)


def check_actions(actions: Sequence[str]) -> None:
    """Refuse actions that were not recorded.

    Raises:
        UnknownNameError: one was not.
        CatalogError: none is named, or one twice.
    """
    for action in actions:
        if action not in ACTIONS:
            raise unknown_name("action", action, list(ACTIONS))
    if not actions or len(set(actions)) < len(actions):
        raise CatalogError(
            "a world of figures has actions",
            got=", ".join(actions) or "none",
            expected="one or more, each once",
        )


def draw_clip(wanted: Wanted, *, frames: int) -> FigureClip:
    """Draw the factors of one clip at random.

    Views take turns; all else is independent of the label and of each other. The person depends on
    the split and the clip's number alone.
    """
    generator = generator_for("figures", wanted.seed, wanted.label, wanted.split, wanted.index)
    pace = uniform(generator, *PACES)
    shown = pace * (frames - 1) / FRAMES_PER_SECOND
    return FigureClip(
        action=wanted.label,
        subject=f"{wanted.split}_{wanted.index:03d}",
        azimuth=(_view(wanted) + uniform(generator, -0.5, 0.5)) * 360 / VIEWS % 360,
        elevation=uniform(generator, *ELEVATIONS),
        distance=uniform(generator, *DISTANCES),
        fill=uniform(generator, *FILLS),
        pace=pace,
        begin=_draw_begin(generator, wanted.label, shown),
        body=draw_body(generator_for("person", wanted.seed, wanted.split, wanted.index)),
        stage=draw_stage(generator),
    )


def _view(wanted: Wanted) -> int:
    views = [
        view for view in range(VIEWS) if SPLIT_OF_VIEW[view % len(SPLIT_OF_VIEW)] == wanted.split
    ]
    generator = generator_for("view", wanted.seed, wanted.label, wanted.split)
    first = int(uniform(generator, 0, len(views)))
    return views[(first + wanted.index) % len(views)]


def _draw_begin(generator: np.random.Generator, action: str, shown: float) -> float:
    """A second from which on the action's heart is shown, and as little stillness as can be."""
    motion, heart = load_motion(action), ACTIONS[action].heart
    duration = motion.duration_seconds
    low, high = (0.0, duration) if heart is None else (heart[1] - shown, heart[0])
    if motion.loops:
        return uniform(generator, low, high) % duration
    spare = duration - shown
    return uniform(generator, max(low, min(0.0, spare)), min(high, max(0.0, spare)))


def render(clip: FigureClip, *, size: int, frames: int) -> Drawn:
    """Draw the frames of a clip, with the truth about each.

    Args:
        clip: what.
        size: height and width [pixels].
        frames: how many.
    """
    seconds = clip.begin + clip.pace * np.arange(frames) / FRAMES_PER_SECOND
    limbs = limbs_of(clip.body, poses_at(load_motion(clip.action), seconds))
    camera = _camera(clip, limbs, size)
    surface = surface_of(limbs, camera, size)
    person = paint_person(surface, clip.body, limbs, camera, np.array(clip.stage.light))
    pictures = paint_stage(clip.stage, limbs, camera, size)
    pictures = pictures * (1 - person[..., 3:]) + person[..., :3]
    return Drawn(
        frames=np.rint(np.clip(pictures, 0, 255)).astype(np.uint8),
        factors=_factors(clip),
        truth=_truth(clip.body, limbs, camera, surface),
    )


def _draw_wanted(size: int, frames: int, wanted: Wanted) -> Drawn:
    drawn = render(draw_clip(wanted, frames=frames), size=size, frames=frames)
    factors = {**drawn.factors, "seed": wanted.seed}
    return Drawn(frames=drawn.frames, factors=factors, truth=drawn.truth)


def _camera(clip: FigureClip, limbs: Limbs, size: int) -> Camera:
    """A camera that glides along with the person at an even pace, and keeps its height."""
    root = limbs.joints[:, [*JOINTS].index("root")]
    time = np.arange(len(root)) - (len(root) - 1) / 2
    pace = (time[:, None] * root).sum(axis=0) / (time * time).sum()
    targets = root.mean(axis=0) + time[:, None] * pace * np.array([1.0, 0.0, 1.0])
    return framed(
        limbs.ends.reshape(len(root), -1, 3),
        limbs.radii.ravel(),
        targets,
        axes=looking(math.radians(clip.azimuth), math.radians(clip.elevation)),
        distance=clip.distance,
        size=size,
        fill=clip.fill,
    )


def _truth(body: Body, limbs: Limbs, camera: Camera, surface: Surface) -> dict[str, np.ndarray]:
    numbers = np.array([*(1 + PARTS.index(capsule.part) for capsule in body.capsules), 0])
    joints = camera.project(limbs.joints)
    return {
        "mask": numbers[surface.in_pixels(surface.capsule)].astype(np.uint8),
        "joints": joints[..., :2].astype(np.float32),
        "away": joints[..., 2].astype(np.float32),
        "visible": _visible(joints, surface).astype(np.uint8),
    }


def _visible(joints: Float[np.ndarray, "time joint 3"], surface: Surface) -> np.ndarray:
    """Whether nothing lies between a joint and the camera but the limb around it."""
    nearest = surface.in_pixels(surface.away)
    column, row = np.clip(np.rint(joints[..., :2]).astype(int), 0, nearest.shape[1] - 1).transpose(
        2, 0, 1
    )
    time = np.arange(len(joints))[:, None]
    return joints[..., 2] - nearest[time, row, column] < LIMB_REACH


def _factors(clip: FigureClip) -> dict[str, Factor]:
    """The clip's row of index.csv."""
    return {
        "subject": clip.subject,
        "azimuth": round(clip.azimuth, 2),
        "elevation": round(clip.elevation, 2),
        "distance": round(clip.distance, 3),
        "fill": round(clip.fill, 3),
        "pace": round(clip.pace, 4),
        "begin_seconds": round(clip.begin, 4),
        "girth": round(clip.body.girth, 3),
        **{f"{name}_stretch": round(value, 3) for name, value in clip.body.stretch.items()},
        "hair": "long" if clip.body.long_hair else "short",
        "shirt": clip.body.cloths["shirt"].pattern,
        "trousers": clip.body.cloths["trousers"].pattern,
        "floor": clip.stage.floor.pattern,
        "wall": clip.stage.wall.pattern,
    }
