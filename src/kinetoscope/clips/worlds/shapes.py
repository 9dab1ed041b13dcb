"""Shapes: what is in a clip where everything is known?

A textured shape moves over a textured background. Its shape, colour, pattern, kind of motion,
direction, speed and size are drawn independently, and so is the background. A label says which
combinations of the first five it allows; so there are labels that are told by appearance alone, by
motion alone, and only by both together, and no label has another background, place or speed.

Colours are equally bright, so optical flow can't see them: what is told by colour and direction
together is told neither by a frame without motion nor by motion without frames.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field
from functools import partial
from itertools import combinations as pairs
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from einops import rearrange, repeat
from jaxtyping import Bool, Float, Float16

from kinetoscope.clips.worlds import outlines, paths
from kinetoscope.clips.worlds.outlines import SHAPES, Shape
from kinetoscope.clips.worlds.paths import DIRECTIONS, MOTIONS, TURNS, Direction, Motion, Turn
from kinetoscope.clips.worlds.seeds import generator_for, pick, uniform
from kinetoscope.clips.worlds.textures import (
    PATTERNS,
    Colour,
    Pattern,
    Texture,
    draw_texture,
    muted_colours,
    paint,
)
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
from kinetoscope.errors import CatalogError

Plane = Float[np.ndarray, "#time #height #width"]
Painted = Float[np.ndarray, "time height width 3"]

DRAWING = 1
FRAMES_PER_SECOND = 15.0
NOTES = {
    "flow": "motion from frame t to t + 1, (right, down) in pixels; the last frame's repeated",
    "mask": "1 where the centre of the pixel lies in the shape",
    "place": "centre of the shape (right, down) in pixels; 0 is the centre of the first pixel",
}

ColourName = Literal["red", "blue", "green", "yellow"]
COLOUR_NAMES: tuple[ColourName, ...] = get_args(ColourName)
COLOURS: dict[ColourName, tuple[Colour, Colour]] = {  # dark and light, each equally bright
    "red": ((140, 20, 30), (255, 128, 120)),
    "blue": ((25, 55, 158), (115, 174, 255)),
    "green": ((15, 81, 40), (120, 203, 94)),
    "yellow": ((80, 57, 0), (212, 174, 10)),
}
OUTLINE = (24.0, 24.0, 28.0)
OUTLINE_WIDTH = 0.1  # [sizes of the shape]

SIZES = (10.0, 13.5)  # radius of a disc of the same area [pixels of 64]
SPEEDS = (1.0, 2.2)  # [pixels of 64 per frame]
MIDDLE = 6.0  # how far the path's mean may lie from the centre [pixels of 64]
DRIFTS = (0.15, 0.6)  # of the background, in every second clip [pixels of 64 per frame]


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Which values of the factors go together; each factor may be any of those named."""

    shapes: tuple[Shape, ...] = SHAPES
    colours: tuple[ColourName, ...] = COLOUR_NAMES
    patterns: tuple[Pattern, ...] = PATTERNS
    motions: tuple[Motion, ...] = MOTIONS
    directions: tuple[Direction, ...] = DIRECTIONS

    def meets(self, other: "Combination") -> bool:
        """Whether a clip could belong to both."""
        shared = [set(a) & set(b) for a, b in zip(astuple(self), astuple(other), strict=True)]
        *rest, motions, directions = shared
        headless = bool(motions & {"still", "looming"})
        return all(rest) and bool(motions) and (headless or bool(directions))


@dataclass(frozen=True, kw_only=True)
class ShapeClass:
    """A label and the combinations of factors that it stands for.

    Args:
        label: its name.
        told_by: what has to be seen to tell it from every other label.
        combinations: the clips that it may have, as many of each.
    """

    label: str
    told_by: Literal["appearance", "motion", "both"]
    combinations: tuple[Combination, ...]


_PLAIN: tuple[Shape, ...] = ("disc", "square", "triangle")


def _by_appearance(shape: Shape) -> ShapeClass:
    return ShapeClass(
        label=shape, told_by="appearance", combinations=(Combination(shapes=(shape,)),)
    )


def _by_motion(label: str, motion: Motion) -> ShapeClass:
    allowed = Combination(shapes=_PLAIN, motions=(motion,))
    return ShapeClass(label=label, told_by="motion", combinations=(allowed,))


def _by_both(label: str, red: Direction, blue: Direction) -> ShapeClass:
    moving = partial(Combination, shapes=_PLAIN, motions=("line",))
    return ShapeClass(
        label=label,
        told_by="both",
        combinations=(
            moving(colours=("red",), directions=(red,)),
            moving(colours=("blue",), directions=(blue,)),
        ),
    )


DEFAULT_CLASSES: tuple[ShapeClass, ...] = (
    _by_appearance("ring"),
    _by_appearance("cross"),
    _by_appearance("bar"),
    _by_motion("circling", "circle"),
    _by_motion("swinging", "swing"),
    _by_motion("looming", "looming"),
    _by_both("red_right_or_blue_left", red="right", blue="left"),
    _by_both("red_left_or_blue_right", red="left", blue="right"),
)


@dataclass(frozen=True, kw_only=True)
class ShapeClip:
    """Everything that a clip of a shape is drawn from [pixels, frames, radians]."""

    shape: Shape
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


def make_shapes(  # noqa: PLR0913  seven settings of a world, and where it goes
    folder: Path | str,
    *,
    seed: int = 0,
    clips_per_label: ClipsPerLabel | None = None,
    size: int = 64,
    frames: int = 20,
    classes: Sequence[ShapeClass] = DEFAULT_CLASSES,
    processes: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Make clips of moving shapes, with exact flow and masks, as a catalog of mp4 files.

    Args:
        folder: where; see `write_world`.
        seed: the same seed gives the same clips.
        clips_per_label: how many in each split; 80, 12 and 24 by default.
        size: height and width of the clips [pixels]; shapes and speeds grow with it.
        frames: how many a clip has.
        classes: what each label stands for.
        processes: how many draw at once; see `write_world`.
        progress: called after each clip with the number done and the number wanted.

    Returns:
        the folder.

    Raises:
        CatalogError: two labels allow the same clip, or something else lies in the folder.
        ClipError: clips of this size can't be made.
    """
    check_frames(frames, size, least_size=32)
    check_classes(classes)
    counts = clips_per_label or ClipsPerLabel(train=80)
    by_label = {one.label: one for one in classes}
    world = World(
        name="shapes",
        drawing=DRAWING,
        settings={
            "seed": seed,
            "size": size,
            "frames": frames,
            "clips_per_label": asdict(counts),
            "classes": [asdict(one) for one in classes],
        },
        wanted=all_wanted(tuple(by_label), counts, seed),
        draw=partial(_draw_wanted, by_label, size, frames),
        frames_per_second=FRAMES_PER_SECOND,
        notes=NOTES,
    )
    return write_world(Path(folder), world, processes=processes, progress=progress)


def check_classes(classes: Sequence[ShapeClass]) -> None:
    """Refuse labels that no one could tell apart.

    Raises:
        CatalogError: a label stands twice, allows nothing, or allows what another one allows.
    """
    if not classes:
        raise CatalogError("a world of shapes has labels", got="none", expected="one or more")
    for one in classes:
        if not one.combinations or any(not all(astuple(each)) for each in one.combinations):
            raise CatalogError(
                f"label {one.label} allows no clip",
                got="no combination, or one with an empty factor",
                expected="one value or more of every factor",
            )
    for one, other in pairs(classes, 2):
        if one.label == other.label or any(
            a.meets(b) for a in one.combinations for b in other.combinations
        ):
            raise CatalogError(
                f"labels {one.label} and {other.label} can't be told apart",
                got="a clip that both allow",
                expected="no clip in two labels",
            )


def draw_clip(wanted: Wanted, allowed: ShapeClass, *, size: int = 64) -> ShapeClip:
    """Draw the factors of one clip at random.

    Combinations take turns; all else is independent of the label, of the split, and of each other.
    """
    generator = generator_for("shapes", wanted.seed, wanted.label, wanted.split, wanted.index)
    combination = allowed.combinations[wanted.index % len(allowed.combinations)]
    scale = size / 64
    colour = pick(generator, combination.colours)
    return ShapeClip(
        shape=pick(generator, combination.shapes),
        colour=colour,
        motion=pick(generator, combination.motions),
        direction=pick(generator, combination.directions),
        turn=pick(generator, TURNS),
        speed=scale * uniform(generator, *SPEEDS),
        size=scale * uniform(generator, *SIZES),
        angle=uniform(generator, 0, 2 * math.pi),
        middle=(
            scale * uniform(generator, -MIDDLE, MIDDLE),
            scale * uniform(generator, -MIDDLE, MIDDLE),
        ),
        texture=draw_texture(
            generator,
            patterns=combination.patterns,
            wavelengths=(5 * scale, 9 * scale),
            colours=COLOURS[colour],
        ),
        background=draw_texture(
            generator,
            wavelengths=(9 * scale, 22 * scale),
            colours=muted_colours(generator, contrast=0.22),
        ),
        drift=_draw_drift(generator, scale),
    )


def _draw_drift(generator: np.random.Generator, scale: float) -> tuple[float, float]:
    moves, angle = pick(generator, (False, True)), uniform(generator, 0, 2 * math.pi)
    speed = scale * uniform(generator, *DRIFTS)
    return (speed * math.cos(angle), speed * math.sin(angle)) if moves else (0.0, 0.0)


def render(clip: ShapeClip, *, size: int, frames: int) -> Drawn:
    """Draw the frames of a clip, with the truth about each.

    Args:
        clip: what.
        size: height and width [pixels].
        frames: how many.
    """
    places = (size - 1) / 2 + np.array(clip.middle) + _path(clip, frames)
    growth = paths.growth(clip.motion, speed=clip.speed, size=clip.size, frames=frames)
    right, down = _from_centre(places, size)
    outside = outlines.distance(
        clip.shape, *_turned(right, down, clip.angle), clip.size * growth[:, None, None]
    )
    ground = _background(clip, size, frames)
    painted = _painted(clip, right, down, outside, growth[:, None, None])
    cover = np.clip(0.5 - outside, 0, 1)[..., None]
    return Drawn(
        frames=np.rint(ground + (painted - ground) * cover).astype(np.uint8),
        factors=_factors(clip),
        truth={
            "flow": _flow(clip, outside < 0, places, growth),
            "mask": (outside < 0).astype(np.uint8),
            "place": places.astype(np.float32),
        },
    )


def _draw_wanted(by_label: dict[str, ShapeClass], size: int, frames: int, wanted: Wanted) -> Drawn:
    allowed = by_label[wanted.label]
    drawn = render(draw_clip(wanted, allowed, size=size), size=size, frames=frames)
    factors = {"told_by": allowed.told_by, **drawn.factors, "seed": wanted.seed}
    return Drawn(frames=drawn.frames, factors=factors, truth=drawn.truth)


def _path(clip: ShapeClip, frames: int) -> Float[np.ndarray, "time 2"]:
    return paths.path(
        clip.motion, speed=clip.speed, direction=clip.direction, turn=clip.turn, frames=frames
    )


def _from_centre(places: Float[np.ndarray, "time 2"], size: int) -> tuple[Plane, ...]:
    """Where each pixel's centre lies from the shape's [pixels], (right, down)."""
    steps = np.arange(size, dtype=float)
    right, down = rearrange(places, "time side -> side time 1 1")
    return np.broadcast_arrays(steps - right, steps[:, None] - down)


def _turned(right: Plane, down: Plane, angle: float) -> tuple[Plane, Plane]:
    """The same places, seen from a shape that is turned."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return cosine * right + sine * down, cosine * down - sine * right


def _background(clip: ShapeClip, size: int, frames: int) -> Painted:
    down, right = np.mgrid[:size, :size].astype(float)
    if clip.drift == (0.0, 0.0):
        return repeat(paint(clip.background, right, down), "... -> time ...", time=frames)
    time = np.arange(frames)[:, None, None]
    return paint(clip.background, right - clip.drift[0] * time, down - clip.drift[1] * time)


def _painted(clip: ShapeClip, right: Plane, down: Plane, outside: Plane, growth: Plane) -> Painted:
    """The shape's colours, with a dark line along its edge."""
    inside = paint(clip.texture, right / growth, down / growth, pixel=1 / growth)
    line = np.clip(OUTLINE_WIDTH * clip.size * growth + 0.5 + outside, 0, 1)[..., None]
    return inside + (np.array(OUTLINE) - inside) * line


def _flow(
    clip: ShapeClip,
    inside: Bool[np.ndarray, "time height width"],
    places: Float[np.ndarray, "time 2"],
    growth: Float[np.ndarray, " time"],
) -> Float16[np.ndarray, "2 time height width"]:
    """How far what is seen in each pixel moves until the next frame."""
    steps = np.diff(places, axis=0, append=2 * places[-1:] - places[-2:-1])
    swells = np.append(growth[1:] / growth[:-1], growth[-1] / growth[-2]) - 1
    from_centre = np.stack(_from_centre(places, inside.shape[1]))
    moves = rearrange(steps, "time side -> side time 1 1") + swells[:, None, None] * from_centre
    moves[:, -1] = moves[:, -2]
    drift = np.array(clip.drift)[:, None, None, None]
    return np.where(inside, moves, drift).astype(np.float16)


def _factors(clip: ShapeClip) -> dict[str, Factor]:
    """The clip's row of index.csv."""
    return {
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
