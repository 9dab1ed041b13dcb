"""Parts: what moves only a little, on something that moves much?

A large textured body moves over a textured background, and on it sits a small part: a dot with a
dark rim. The label is what the part does on the body, and nothing else. The body's outline,
colours, path and speed, the background, and where on the body the part sits are drawn alike for
every label, so whoever looks at the whole sees nothing that tells labels apart. Every label differs
from some other one finely: in the direction of the same swing, in its frequency, in which way round
the same circle goes, or in whether the part is seen all the time.

Source of the task: fine-grained actions that differ in a small motion alone, as in Li et al., ECCV
2022, section 1; the world is ours.
"""

import math
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from einops import rearrange
from jaxtyping import Float, Float16

from kinetoscope.clips.worlds import outlines, paths
from kinetoscope.clips.worlds.paths import DIRECTIONS, TURNS, Direction, Motion, Turn
from kinetoscope.clips.worlds.seeds import generator_for, pick, uniform
from kinetoscope.clips.worlds.shapes import COLOUR_NAMES, COLOURS, ColourName
from kinetoscope.clips.worlds.textures import Colour, Texture, draw_texture, muted_colours, paint
from kinetoscope.clips.worlds.world import (
    ClipsPerLabel,
    Drawn,
    Factor,
    Progress,
    Wanted,
    World,
    all_wanted,
    check_frames,
    write_world,
)

Plane = Float[np.ndarray, "#time #height #width"]
Painted = Float[np.ndarray, "time height width 3"]
Track = Float[np.ndarray, "time 2"]

DRAWING = 1
FRAMES_PER_SECOND = 15.0
NOTES = {
    "flow": "motion from frame t to t + 1, (right, down) in pixels; the last frame's repeated",
    "body": "1 where the centre of the pixel lies in the body",
    "part": "1 where the centre of the pixel lies in the part",
    "place": "centre of the body (right, down) in pixels; 0 is the centre of the first pixel",
    "part_place": "centre of the part, seen from the body's (right, down) in pixels",
    "part_shown": "how much of the part is seen, of 1",
}

PartMotion = Literal[
    "resting", "flickering", "nodding", "nodding_fast", "shaking", "shaking_fast",
    "circling_clockwise", "circling_anticlockwise",
]  # fmt: skip
PART_MOTIONS: tuple[PartMotion, ...] = get_args(PartMotion)

BodyShape = Literal["disc", "square", "triangle"]
BODIES: tuple[BodyShape, ...] = get_args(BodyShape)
BODY_MOTIONS: tuple[Motion, ...] = ("line", "accelerating", "swing", "circle", "still")
PART_COLOURS: tuple[tuple[Colour, Colour], ...] = (  # fill and rim
    ((250.0, 250.0, 245.0), (20.0, 20.0, 24.0)),
    ((20.0, 20.0, 24.0), (250.0, 250.0, 245.0)),
)

BODY_SIZES = (18.0, 22.0)  # radius of a disc of the same area [pixels of 64]
PART_SIZES = (4.2, 5.2)  # [pixels of 64]
RIM = 1.2  # [pixels of 64]
REACH = 5.5  # how far the part moves to either side [pixels of 64]
PERIODS = {"slow": 20.0, "fast": 10.0}  # [frames]
SPEEDS = (0.2, 0.7)  # of the body [pixels of 64 per frame]
OFF_CENTRE = 6.0  # how far from the body's centre the part sits [pixels of 64]
MIDDLE = 5.0  # how far the body's path may lie from the clip's centre [pixels of 64]
DRIFTS = (0.1, 0.4)  # of the background, in every second clip [pixels of 64 per frame]


@dataclass(frozen=True, kw_only=True)
class PartClip:
    """Everything that a clip of a part on a body is drawn from [pixels, frames, radians].

    Args:
        part_motion: the label.
        phase: how far the part is in its motion at the first frame [periods].
        part_size: its radius.
        part_colours: of its fill and rim.
        seat: the middle of its motion, seen from the body's centre (right, down).
        reach: how far it goes to either side.
        shape, colour, motion, direction, turn, speed, size, angle, texture: of the body.
        middle: of the body's path, seen from the clip's centre (right, down).
        background, drift: what is behind, and how far it moves in a frame (right, down).
    """

    part_motion: PartMotion
    phase: float
    part_size: float
    part_colours: tuple[Colour, Colour]
    seat: tuple[float, float]
    reach: float
    shape: BodyShape
    colour: ColourName
    motion: Motion
    direction: Direction
    turn: Turn
    speed: float
    size: float
    angle: float
    middle: tuple[float, float]
    texture: Texture = field(repr=False)
    background: Texture = field(repr=False)
    drift: tuple[float, float]


def make_parts(
    folder: Path | str,
    *,
    seed: int = 0,
    clips_per_label: ClipsPerLabel | None = None,
    size: int = 64,
    frames: int = 20,
    processes: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Make clips that differ only in what a small part does, as a catalog of mp4 files.

    Args:
        folder: where; see `write_world`.
        seed: the same seed gives the same clips.
        clips_per_label: how many in each split; 60, 12 and 24 by default.
        size: height and width of the clips [pixels]; all that is drawn grows with it.
        frames: how many a clip has.
        processes: how many draw at once; see `write_world`.
        progress: called after each clip with the number done and the number wanted.

    Returns:
        the folder.

    Raises:
        CatalogError: something else lies in the folder.
        ClipError: clips of this size can't be made.
    """
    check_frames(frames, size, least_size=32)
    counts = clips_per_label or ClipsPerLabel()
    world = World(
        name="parts",
        drawing=DRAWING,
        settings={
            "seed": seed,
            "size": size,
            "frames": frames,
            "clips_per_label": asdict(counts),
        },
        wanted=all_wanted(PART_MOTIONS, counts, seed),
        draw=partial(_draw_wanted, size, frames),
        frames_per_second=FRAMES_PER_SECOND,
        notes=NOTES,
    )
    return write_world(Path(folder), world, processes=processes, progress=progress)


def draw_clip(wanted: Wanted, *, size: int = 64) -> PartClip:
    """Draw the factors of one clip at random; only the part's motion is the label's."""
    generator = generator_for("parts", wanted.seed, wanted.label, wanted.split, wanted.index)
    scale = size / 64
    colour = pick(generator, COLOUR_NAMES)
    return PartClip(
        part_motion=next(each for each in PART_MOTIONS if each == wanted.label),
        phase=uniform(generator, 0, 1),
        part_size=scale * uniform(generator, *PART_SIZES),
        part_colours=pick(generator, PART_COLOURS),
        seat=_draw_place(generator, scale * OFF_CENTRE),
        reach=scale * REACH,
        shape=pick(generator, BODIES),
        colour=colour,
        motion=pick(generator, BODY_MOTIONS),
        direction=pick(generator, DIRECTIONS),
        turn=pick(generator, TURNS),
        speed=scale * uniform(generator, *SPEEDS),
        size=scale * uniform(generator, *BODY_SIZES),
        angle=uniform(generator, 0, 2 * math.pi),
        middle=_draw_place(generator, scale * MIDDLE),
        texture=draw_texture(
            generator, wavelengths=(6 * scale, 11 * scale), colours=COLOURS[colour]
        ),
        background=draw_texture(
            generator,
            wavelengths=(9 * scale, 22 * scale),
            colours=muted_colours(generator, contrast=0.22),
        ),
        drift=_draw_drift(generator, scale),
    )


def _draw_place(generator: np.random.Generator, radius: float) -> tuple[float, float]:
    """A place within a circle, everywhere as likely."""
    away, angle = radius * math.sqrt(uniform(generator, 0, 1)), uniform(generator, 0, 2 * math.pi)
    return away * math.cos(angle), away * math.sin(angle)


def _draw_drift(generator: np.random.Generator, scale: float) -> tuple[float, float]:
    moves, angle = pick(generator, (False, True)), uniform(generator, 0, 2 * math.pi)
    speed = scale * uniform(generator, *DRIFTS)
    return (speed * math.cos(angle), speed * math.sin(angle)) if moves else (0.0, 0.0)


def part_track(clip: PartClip, frames: int) -> tuple[Track, Float[np.ndarray, " time"]]:
    """What the part does: where it is, seen from the body's centre, and how much of it is seen."""
    fast = clip.part_motion.endswith("_fast")
    period = PERIODS["fast" if fast else "slow"]
    turns = 2 * math.pi * (np.arange(frames) / period + clip.phase)
    across, down, shown = np.zeros(frames), np.zeros(frames), np.ones(frames)
    match clip.part_motion.removesuffix("_fast"):
        case "nodding":
            down = clip.reach * np.sin(turns)
        case "shaking":
            across = clip.reach * np.sin(turns)
        case "circling_clockwise":  # seen on a screen, where down is positive
            across, down = clip.reach * np.cos(turns), clip.reach * np.sin(turns)
        case "circling_anticlockwise":
            across, down = clip.reach * np.cos(turns), -clip.reach * np.sin(turns)
        case "flickering":
            shown = (np.sin(turns) >= 0).astype(float)
        case _:
            pass
    return np.array(clip.seat) + np.stack([across, down], axis=1), shown


def render(clip: PartClip, *, size: int, frames: int) -> Drawn:
    """Draw the frames of a clip, with the truth about each.

    Args:
        clip: what.
        size: height and width [pixels].
        frames: how many.
    """
    places = (size - 1) / 2 + np.array(clip.middle) + _body_path(clip, frames)
    own, shown = part_track(clip, frames)
    right, down = _from_centre(places, size)
    body = outlines.distance(clip.shape, *_turned(right, down, clip.angle), clip.size)
    part = np.hypot(*_from_centre(places + own, size)) - clip.part_size
    pictures = _layered(_background(clip, size, frames), _body(clip, right, down, body), body)
    seen = rearrange(shown, "time -> time 1 1")
    pictures = _layered(pictures, _part(clip, part, size), part, seen)
    on_part = (part < 0) & (seen > 0)
    return Drawn(
        frames=np.rint(pictures).astype(np.uint8),
        factors=_factors(clip),
        truth={
            "flow": _flow(clip, body < 0, on_part, places, own),
            "body": (body < 0).astype(np.uint8),
            "part": on_part.astype(np.uint8),
            "place": places.astype(np.float32),
            "part_place": own.astype(np.float32),
            "part_shown": shown.astype(np.float32),
        },
    )


def _draw_wanted(size: int, frames: int, wanted: Wanted) -> Drawn:
    drawn = render(draw_clip(wanted, size=size), size=size, frames=frames)
    return Drawn(
        frames=drawn.frames, factors={**drawn.factors, "seed": wanted.seed}, truth=drawn.truth
    )


def _body_path(clip: PartClip, frames: int) -> Track:
    return paths.path(
        clip.motion, speed=clip.speed, direction=clip.direction, turn=clip.turn, frames=frames
    )


def _from_centre(places: Track, size: int) -> tuple[Plane, Plane]:
    """Where each pixel's centre lies from a place [pixels], (right, down)."""
    steps = np.arange(size, dtype=float)
    right, down = rearrange(places, "time side -> side time 1 1")
    right, down = np.broadcast_arrays(steps - right, steps[:, None] - down)
    return right, down


def _turned(right: Plane, down: Plane, angle: float) -> tuple[Plane, Plane]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return cosine * right + sine * down, cosine * down - sine * right


def _background(clip: PartClip, size: int, frames: int) -> Painted:
    down, right = np.mgrid[:size, :size].astype(float)
    time = np.arange(frames)[:, None, None]
    return paint(clip.background, right - clip.drift[0] * time, down - clip.drift[1] * time)


def _body(clip: PartClip, right: Plane, down: Plane, outside: Plane) -> Painted:
    """The body's colours, with a dark line along its edge."""
    inside = paint(clip.texture, right, down)
    line = np.clip(0.08 * clip.size + 0.5 + outside, 0, 1)[..., None]
    return inside * (1 - 0.9 * line)


def _part(clip: PartClip, outside: Plane, size: int) -> Painted:
    fill, rim = (np.array(each, dtype=float) for each in clip.part_colours)
    share = np.clip(RIM * size / 64 + 0.5 + outside, 0, 1)[..., None]
    return fill + (rim - fill) * share


def _layered(below: Painted, above: Painted, outside: Plane, shown: Plane | float = 1.0) -> Painted:
    """One picture over another, where its shape covers the pixel."""
    cover = (np.clip(0.5 - outside, 0, 1) * shown)[..., None]
    return below + (above - below) * cover


def _flow(
    clip: PartClip, on_body: np.ndarray, on_part: np.ndarray, places: Track, own: Track
) -> Float16[np.ndarray, "2 time height width"]:
    """How far what is seen in each pixel moves until the next frame."""

    def steps(track: Track) -> Float[np.ndarray, "2 time 1 1"]:
        found = np.diff(track, axis=0, append=track[-1:])
        found[-1] = found[-2]
        return rearrange(found, "time side -> side time 1 1")

    drift = np.array(clip.drift)[:, None, None, None]
    moves = np.where(on_body, steps(places), drift)
    return np.where(on_part, steps(places + own), moves).astype(np.float16)


def _factors(clip: PartClip) -> dict[str, Factor]:
    """The clip's row of index.csv."""
    return {
        "part_motion": clip.part_motion,
        "phase": round(clip.phase, 4),
        "part_size": round(clip.part_size, 4),
        "part": "light" if clip.part_colours[0][0] > 128 else "dark",
        "seat_right": round(clip.seat[0], 3),
        "seat_down": round(clip.seat[1], 3),
        "shape": clip.shape,
        "colour": clip.colour,
        "pattern": clip.texture.pattern,
        "motion": clip.motion,
        "direction": clip.direction,
        "turn": clip.turn,
        "speed": round(0.0 if clip.motion == "still" else clip.speed, 4),
        "size": round(clip.size, 4),
        "angle": round(math.degrees(clip.angle), 2),
        "middle_right": round(clip.middle[0], 3),
        "middle_down": round(clip.middle[1], 3),
        "background": clip.background.pattern,
        "drift_right": round(clip.drift[0], 4),
        "drift_down": round(clip.drift[1], 4),
    }
