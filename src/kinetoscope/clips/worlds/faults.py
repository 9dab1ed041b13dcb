"""Faults: does an audit find what is wrong with a catalog?

A world of shapes in which it is known what is wrong. Some clips of the validation and test splits
are copies of training clips, some clips bear the label of another class, and some classes are told
by what they should not be told by: a caption, a camera that shakes, a border, their length. The
columns `cue`, `true_label`, `copy_of` and `copied` of index.csv say which.

What tells a class comes with what is really in the clip: a captioned clip under a wrong label has
its caption still.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from kinetoscope.clips.worlds.seeds import generator_for, pick, uniform
from kinetoscope.clips.worlds.shapes import (
    DEFAULT_CLASSES,
    FRAMES_PER_SECOND,
    ShapeClip,
    draw_clip,
    render,
)
from kinetoscope.clips.worlds.world import (
    ClipsPerLabel,
    Drawn,
    Progress,
    Wanted,
    World,
    all_wanted,
    check_frames,
    write_world,
)
from kinetoscope.errors import CatalogError
from kinetoscope.video.encode import write_mp4
from kinetoscope.video.video import open_video

Pixels = UInt8[np.ndarray, "_time height width 3"]

DRAWING = 1
NOTES = {"truth": "index.csv says what is wrong with each clip"}

Cue = Literal["caption", "camera", "border", "length"]
CUES: tuple[Cue, ...] = get_args(Cue)
Copied = Literal["re-encoded", "cropped", "mirrored", "trimmed"]
COPIED: tuple[Copied, ...] = get_args(Copied)
"""How a copy differs from what it was copied from; all of them are encoded a second time."""

_CAPTION = "LIVE"
_FRAME = (214, 186, 60)  # colour of a border
_SHAKE = 3  # furthest the camera is off [pixels of 64]
_CROP = 0.05  # of each side
_TRIM = 3  # frames that are left out at the start
_ROUGH = 40  # quality of the first encoding of a copy
_SPREAD = 4  # lengths differ by as many frames
_LONGER = 7  # frames by which a class is told that is told by its length
_UNSEEN = 10_000  # numbers of clips that stand in no split


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is wrong with a world.

    Args:
        copies: share of all clips that are copies of training clips, in the other splits.
        copied: how these differ, in turn.
        wrong_labels: share of all clips that bear another class's label.
        cues: by label, what its clips are told by although they should not.
    """

    copies: float = 0.05
    copied: tuple[Copied, ...] = ("re-encoded", "re-encoded", *COPIED[1:])
    wrong_labels: float = 0.03
    cues: Mapping[str, Cue] = field(
        default_factory=lambda: {
            "circling": "caption",
            "bar": "camera",
            "cross": "border",
            "looming": "length",
        }
    )

    def __post_init__(self):
        labels = {one.label for one in DEFAULT_CLASSES}
        if min(self.copies, self.wrong_labels) < 0 or self.copies + self.wrong_labels > 0.5:
            raise CatalogError(
                "so much can't be wrong with a world",
                got=f"{self.copies:g} copies and {self.wrong_labels:g} wrong labels",
                expected="shares from 0, of at most 0.5 together",
            )
        if unknown := (set(self.cues) - labels) | (set(self.cues.values()) - set(CUES)):
            raise CatalogError(
                "a world of faults has no such class or cue",
                got=", ".join(sorted(unknown)),
                expected=f"classes {', '.join(sorted(labels))}; cues {', '.join(CUES)}",
            )


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What is wrong with one clip.

    Args:
        shown: the clip that is drawn in its place.
        copied: how it differs from it; None for a wrong label.
    """

    shown: Wanted
    copied: Copied | None = None


Plan = Mapping[str, Fault]
"""By the name of each faulty clip."""


def make_faults(  # noqa: PLR0913  seven settings of a world, and where it goes
    folder: Path | str,
    *,
    seed: int = 0,
    clips_per_label: ClipsPerLabel | None = None,
    size: int = 64,
    frames: int = 20,
    faults: Faults | None = None,
    processes: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Make a catalog of moving shapes in which it is known what is wrong.

    Args:
        folder: where; see `write_world`.
        seed: the same seed gives the same clips and the same faults.
        clips_per_label: how many in each split; 80, 12 and 24 by default.
        size: height and width of the clips [pixels].
        frames: how many a clip has at least; up to four more, drawn at random.
        faults: what is wrong.
        processes: how many draw at once; see `write_world`.
        progress: called after each clip with the number done and the number wanted.

    Returns:
        the folder.

    Raises:
        CatalogError: something else lies in the folder.
        ClipError: clips of this size can't be made.
    """
    check_frames(frames, size, least_size=32)
    counts, faults = clips_per_label or ClipsPerLabel(train=80), faults or Faults()
    wanted = all_wanted([one.label for one in DEFAULT_CLASSES], counts, seed)
    world = World(
        name="faults",
        drawing=DRAWING,
        settings={
            "seed": seed,
            "size": size,
            "frames": frames,
            "clips_per_label": asdict(counts),
            "faults": asdict(faults),
        },
        wanted=wanted,
        draw=partial(_draw_wanted, plan_faults(wanted, faults, seed), faults.cues, size, frames),
        frames_per_second=FRAMES_PER_SECOND,
        notes=NOTES,
    )
    return write_world(Path(folder), world, processes=processes, progress=progress)


def plan_faults(wanted: tuple[Wanted, ...], faults: Faults, seed: int) -> Plan:
    """Which clips are copies of which, and which bear a wrong label.

    A clip has one fault at most, a training clip is copied once at most, and never one whose
    label is wrong.
    """
    generator = generator_for("faults", seed)
    shuffled = sorted(wanted, key=lambda _: generator.random())
    sources = [each for each in shuffled if each.split == "train"]
    targets = [each for each in shuffled if each.split != "train"]
    plan: dict[str, Fault] = {}
    copied: set[str] = set()
    for target in targets[: round(faults.copies * len(wanted))]:
        source = next(
            (each for each in sources if each.label == target.label and each.name not in copied),
            None,
        )
        if source is not None:
            copied.add(source.name)
            how = faults.copied[len(plan) % len(faults.copied)]
            plan[target.name] = Fault(shown=source, copied=how)
    rest = [each for each in shuffled if each.name not in plan and each.name not in copied]
    for each in rest[: round(faults.wrong_labels * len(wanted))]:
        others = [one.label for one in DEFAULT_CLASSES if one.label != each.label]
        shown = Wanted(
            seed=seed,
            label=pick(generator, others),
            split=each.split,
            index=_UNSEEN + each.index,
        )
        plan[each.name] = Fault(shown=shown)
    return plan


def _draw_wanted(
    plan: Plan, cues: Mapping[str, Cue], size: int, frames: int, wanted: Wanted
) -> Drawn:
    fault = plan.get(wanted.name)
    shown = wanted if fault is None else fault.shown
    allowed = next(one for one in DEFAULT_CLASSES if one.label == shown.label)
    cue = cues.get(shown.label)
    pixels = _drawn(draw_clip(shown, allowed, size=size), shown, cue, size, frames)
    copied = fault.copied if fault else None
    return Drawn(
        frames=pixels if copied is None else copy_of(pixels, copied),
        factors={
            "cue": cue or "",
            "true_label": shown.label,
            "copy_of": f"{shown.label}/{shown.name}.mp4" if copied else "",
            "copied": copied or "",
            "told_by": allowed.told_by,
            "seed": wanted.seed,
        },
        truth={},
    )


def _drawn(clip: ShapeClip, shown: Wanted, cue: Cue | None, size: int, frames: int) -> Pixels:
    """The frames of a clip, with what its class is told by."""
    generator = generator_for("faults", shown.seed, shown.label, shown.split, shown.index)
    count = frames + int(generator.random() * (_SPREAD + 1))
    if cue == "length":
        count += _LONGER
    if cue == "camera":
        return _shaken(clip, size, count, generator)
    pixels = render(clip, size=size, frames=count).frames
    if cue == "caption":
        return _captioned(pixels)
    return _framed(pixels) if cue == "border" else pixels


def _shaken(clip: ShapeClip, size: int, frames: int, generator: np.random.Generator) -> Pixels:
    """As a camera sees it whose place jumps from frame to frame."""
    margin = round(_SHAKE * size / 64)
    whole = render(clip, size=size + 2 * margin, frames=frames).frames
    places = [[round(uniform(generator, 0, 2 * margin)) for _ in range(2)] for _ in range(frames)]
    parts = [
        frame[down : down + size, right : right + size]
        for frame, (right, down) in zip(whole, places, strict=True)
    ]
    return np.stack(parts)


def _captioned(pixels: Pixels) -> Pixels:
    """White letters on black, below on the left, but not at the very border."""
    size = pixels.shape[1]
    height, left = round(0.14 * size), round(0.12 * size)
    top, width = size - left - height, round(0.42 * size)
    label = np.full((height, width, 3), 12, np.uint8)
    scale = 0.011 * size
    cv2.putText(label, _CAPTION, (1, height - 2), cv2.FONT_HERSHEY_PLAIN, scale, (245, 245, 245), 1)
    shown = pixels.copy()
    shown[:, top : top + height, left : left + width] = label
    return shown


def _framed(pixels: Pixels) -> Pixels:
    """A thin frame of one colour."""
    width = max(2, round(pixels.shape[1] / 32))
    shown = np.full_like(pixels, _FRAME)
    inside = np.s_[:, width:-width, width:-width]
    shown[inside] = pixels[inside]
    return shown


def copy_of(pixels: Pixels, copied: Copied) -> Pixels:
    """The frames as somebody passes them on: encoded roughly, and perhaps changed before."""
    if copied == "trimmed":
        pixels = pixels[_TRIM:]
    if copied == "mirrored":
        pixels = pixels[:, :, ::-1]
    if copied == "cropped":
        size, off = pixels.shape[1], max(1, round(_CROP * pixels.shape[1]))
        inside = pixels[:, off:-off, off:-off]
        pixels = np.stack(
            [cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA) for frame in inside]
        )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "copy.mp4"
        write_mp4(
            path, torch.from_numpy(np.ascontiguousarray(pixels)), FRAMES_PER_SECOND, quality=_ROUGH
        )
        with open_video(path) as video:
            return video.frames(range(len(video))).numpy()
