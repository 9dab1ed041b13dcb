"""What does the network lose when a part of the clip is hidden?

A box slides over the clip in time and space. Where hiding it makes the objective fall, the network
used what was there: the heat of a pixel is the mean fall over the boxes that hid it. Slow, but free
of gradients, and so the check on methods that need them. The boxes may be windows in time over the
whole picture, columns in space over all frames, or tubes that follow the flow.

A box changes little of what a network computes; only that is computed anew for it
(`units/patching`), with the same result. `plan` tells beforehand how much that is.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2, for pictures; with a mean over boxes that overlap as in captum's Occlusion. The time
axis, tubes, and hiding both streams at the same place are our own.
"""

import logging
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS, ClipSpec, Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method, Part
from kinetoscope.evidence.attribution.methods.regions import (
    Region,
    Regions,
    boxes,
    check_cover,
    tubes,
)
from kinetoscope.evidence.attribution.methods.room import versions_at_once
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import Masks, Removal, check_filling
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Heat, Size
from kinetoscope.units.axes import habits_of
from kinetoscope.units.objective import Objective
from kinetoscope.units.patching.boxes import Boxes
from kinetoscope.units.patching.incremental import Incremental
from kinetoscope.units.patching.plan import Plan, kept_bytes, plan
from kinetoscope.units.patching.versions import Patches
from kinetoscope.units.reading import read_normalized

_log = logging.getLogger(__name__)

AT_ONCE = 8
"""Boxes that are run together; more gained nothing where it was measured."""


class Hiding(Method):
    """Hides regions of one size, one after the other."""

    filling: str
    together: bool
    follows_flow: ClassVar[bool] = False

    @abstractmethod
    def sizes(self, spec: ClipSpec) -> tuple[Size, Size]:
        """Of a region, and from one to the next [frames, pixels, pixels]."""

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        check_filling(self.filling)
        check_cover(extent_of(network.expects), *self.sizes(network.expects))

    def answer(self, question: Question) -> Attribution:
        self.check(question.network, question.objective)
        regions = self._regions(question)
        heat: dict[Part, Heat] = {}
        native: dict[Part, Heat] = {}
        with frozen(question.network):
            versions = Hidden(question, self.filling)
            for part, streams in parts_of(question, together=self.together).items():
                falls = question.value - versions.values(streams, regions.each)
                heat[part] = spread(falls, regions, question.extent)
                native[part] = falls.reshape(regions.grid).float()
        return Attribution(
            method=self.name,
            heat=heat,
            native={} if self.follows_flow else native,
            value=question.value,
            facts={
                "boxes": float(len(regions.each)),
                "boxes computed in full": float(versions.in_full),
            },
        )

    def _regions(self, question: Question) -> Regions:
        sizes = self.sizes(question.network.expects)
        if not self.follows_flow:
            return boxes(question.extent, *sizes)
        if question.clip.flow is None:
            raise ClipError(
                f"tubes follow the flow, and the clip from {question.clip.source} has none",
                got="frames only",
                expected="a clip with flow, whatever the network is shown",
                hint='open it with replace(network.expects, streams=("frames", "flow")), or take '
                "boxes that stay where they are: occlusion",
            )
        return tubes(question.clip.flow, *sizes)


@dataclass(frozen=True, kw_only=True)
class Occlusion(Hiding):
    """Boxes in space and time.

    Args:
        box: its size [frames, pixels, pixels]; a quarter of the frames and a seventh of the shorter
            side if not given.
        stride: from one box to the next, no longer than the box; as long in time and half as long
            in space if not given.
        filling: what stands in for what is hidden.
        together: whether both streams are hidden at the same place; otherwise one at a time, and
            each has its own heat.
    """

    box: Size | None = None
    stride: Size | None = None
    filling: str = "grey"
    together: bool = True

    name: ClassVar[str] = "occlusion"
    source: ClassVar[str] = "Zeiler 2014"

    def sizes(self, spec: ClipSpec) -> tuple[Size, Size]:
        return _sizes(spec, self.box, self.stride)


@dataclass(frozen=True, kw_only=True)
class OcclusionInTime(Hiding):
    """Windows in time, over the whole picture: when does it matter?

    Args:
        frames: how long a window is; a quarter of the clip if not given.
        stride: from one window to the next [frames]; half a window if not given.
        filling, together: as for boxes.
    """

    frames: int | None = None
    stride: int | None = None
    filling: str = "grey"
    together: bool = True

    name: ClassVar[str] = "occlusion-in-time"
    source: ClassVar[str] = "after Zeiler 2014"

    def sizes(self, spec: ClipSpec) -> tuple[Size, Size]:
        frames = max(spec.frames // 4, 1) if self.frames is None else self.frames
        stride = max(frames // 2, 1) if self.stride is None else self.stride
        return (frames, *spec.size), (stride, *spec.size)


@dataclass(frozen=True, kw_only=True)
class OcclusionInSpace(Hiding):
    """Columns through all frames: where does it matter?

    Args:
        box: rows and columns; a seventh of the shorter side if not given.
        stride: from one to the next [pixels]; half as long if not given.
        filling, together: as for boxes.
    """

    box: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    filling: str = "grey"
    together: bool = True

    name: ClassVar[str] = "occlusion-in-space"
    source: ClassVar[str] = "Zeiler 2014"

    def sizes(self, spec: ClipSpec) -> tuple[Size, Size]:
        box = self.box and (spec.frames, *self.box)
        box, stride = _sizes(spec, box, self.stride and (spec.frames, *self.stride))
        return (spec.frames, *box[1:]), (spec.frames, *stride[1:])


@dataclass(frozen=True, kw_only=True)
class OcclusionByTubes(Hiding):
    """Boxes that move with the clip's flow, so that they stay on what moves.

    The clip has flow, also where the network is shown none.

    Args:
        box: length of a tube, and its size in each frame [frames, pixels, pixels]; as for boxes if
            not given.
        stride: from one tube to the next; as for boxes if not given.
        filling, together: as for boxes.
    """

    box: Size | None = None
    stride: Size | None = None
    filling: str = "grey"
    together: bool = True

    name: ClassVar[str] = "occlusion-tubes"
    source: ClassVar[str] = "after Zeiler 2014"
    follows_flow: ClassVar[bool] = True

    def sizes(self, spec: ClipSpec) -> tuple[Size, Size]:
        return _sizes(spec, self.box, self.stride)


def plan_of(method: Hiding, network: Network, objective: Objective) -> Plan:
    """Tell beforehand how much of each layer a method that hides regions computes anew.

    Nothing is computed. For tubes it is told of boxes that stay where they are.

    Raises:
        ClipError, UnknownNameError: as `check` of the method.
    """
    method.check(network, objective)
    spec = network.expects
    regions = boxes(extent_of(spec), *method.sizes(spec)).each
    blank = {
        name: torch.zeros(1, CHANNELS[name], *extent_of(spec), device=network.device)
        for name in spec.streams
    }
    parts = [spec.streams] if method.together else [(name,) for name in spec.streams]
    batches = [
        {name: _boxes_of(some, blank[name].shape[1:]) for name in part}
        for part in parts
        for some in _in_batches(regions, AT_ONCE)
    ]
    layers = objective.bound(network).layers
    habits_of(network)  # rehearsed by itself, before work is counted
    with frozen(network):
        return plan(
            lambda streams: read_normalized(network, ClipBatch(**streams), layers),
            blank,
            network.model,
            batches,
        )


def extent_of(spec: ClipSpec) -> Size:
    """Of the clips that a network expects [frames, pixels, pixels]."""
    return (spec.frames, *spec.size)


def _sizes(spec: ClipSpec, box: Size | None, stride: Size | None) -> tuple[Size, Size]:
    """Of boxes and their stride, where they were not given."""
    side = max(round(min(spec.size) / 7), 1)
    box = box or (max(spec.frames // 4, 1), side, side)
    return box, stride or (box[0], max(box[1] // 2, 1), max(box[2] // 2, 1))


def parts_of(question: Question, *, together: bool) -> dict[Part, tuple[Stream, ...]]:
    """The streams that are hidden at the same time, by the part whose heat that is."""
    streams = tuple(question.streams)
    if len(streams) > 1 and together:
        return {"both": streams}
    return {stream: (stream,) for stream in streams}


def spread(falls: Tensor, regions: Regions, extent: Size) -> Heat:
    """Of each pixel, the mean over the regions that hold it; 0 where none does."""
    total, count = torch.zeros(extent, dtype=torch.float64), torch.zeros(extent)
    for fall, region in zip(falls.tolist(), regions.each, strict=True):
        region.add_to(total, fall)
        region.add_to(count, 1.0)
    return (total / count.clamp(min=1)).float()


class Hidden:
    """Asks for the objective's value where regions of the clip are hidden.

    Args:
        question: about the clip.
        filling: what stands in for what is hidden.
    """

    def __init__(self, question: Question, filling: str):
        self.question = question
        self.in_full = 0
        self._removal = Removal.of(question, filling)
        self._ask = Incremental(question.values, question.streams, question.network)

    def values(self, streams: Sequence[Stream], regions: Sequence[Region]) -> Tensor:
        """Of each version, with one region hidden in these streams; on the CPU."""
        middle = regions[len(regions) // 2]
        at_once = self._at_once(middle)
        if self._ask.followed:
            self._ask.check(self._patches(streams, [middle]))
        found = []
        for some in _in_batches(regions, at_once):
            found.append(self._ask(self._patches(streams, some)).double().cpu())
            self.in_full += 0 if self._ask.followed else len(some)
        return torch.cat(found)

    def _at_once(self, region: Region) -> int:
        """How many versions are run together; in full, where the clip's own pass can't be kept."""
        question = self.question
        room = partial(versions_at_once, question, gradients=False, most=AT_ONCE)
        if question.memory is None or not self._ask.followed:
            return room()
        boxes = {name: _boxes_of([region], x.shape[1:]) for name, x in question.streams.items()}
        kept = kept_bytes(question.values, question.streams, boxes)
        try:
            return room(beside=kept)
        except ClipError as error:
            found = room()
            _log.warning(
                "boxes are computed in full: to compute only what they change takes %s, got %s",
                error.expected,
                error.got,
            )
            self._ask.followed = False
            return found

    def _patches(
        self, streams: Sequence[Stream], regions: Sequence[Region]
    ) -> dict[Stream, Patches]:
        """What is other than in the clip, where one region each is hidden."""
        clip = next(iter(self.question.streams.values()))
        mask = clip.new_zeros(len(regions), 1, *clip.shape[2:])
        for number, region in enumerate(regions):
            region.add_to(mask[number, 0], 1.0)
        masks: Masks = dict.fromkeys(streams, mask)
        versions = self._removal.apply(masks)
        return {name: _patches_of(versions[name], regions) for name in streams}


def _patches_of(versions: Tensor, regions: Sequence[Region]) -> Patches:
    """What stands in boxes around the regions, cut out of the versions."""
    found = _boxes_of(regions, versions.shape[1:])
    parts = []
    for version, corner in zip(versions, found.corners, strict=True):
        ends = [low + length for low, length in zip(corner, found.size, strict=True)]
        parts.append(version[None][tuple(map(slice, corner, ends))])
    return Patches(found, torch.stack(parts))


def _boxes_of(regions: Sequence[Region], shape: Sequence[int]) -> Boxes:
    """Around the regions, in a clip of the shape `channel time height width`."""
    corners = zip(*[region.box for region in regions], strict=True)
    lows, highs = (list(zip(*each, strict=True)) for each in corners)
    spans = [list(zip(low, high, strict=True)) for low, high in zip(lows, highs, strict=True)]
    everything = [[(0, length)] * len(regions) for length in (1, shape[0])]
    return Boxes.around([*everything, *spans], (1, *shape))


def _in_batches(regions: Sequence[Region], at_once: int) -> Iterator[Sequence[Region]]:
    for first in range(0, len(regions), at_once):
        yield regions[first : first + at_once]
