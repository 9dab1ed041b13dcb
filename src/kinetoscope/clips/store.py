"""How are random clips of many small videos drawn fast enough to train on?

Every video is decoded and resized once and stays in memory: its frames as bytes, its motion in
half precision, at every place of its timeline, so that any clip can be cut from it. What does not
fit into the limit is opened anew each time. A clip is the same either way, and the same as
`open_clip` gives.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.open import (
    Footage,
    cut_clip,
    flow_along,
    naming,
    open_entry,
    read_footage,
    ticks_of,
)
from kinetoscope.clips.sampling import Sampling, centre, fit, random
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import Box, Crop, box_of, random_place, short_side_size
from kinetoscope.errors import KinetoscopeError
from kinetoscope.files import content_key
from kinetoscope.video.flow import FlowCache, cached_flow
from kinetoscope.video.video import open_video

Progress = Callable[[int, int], None]
"""Is told how many videos are ready, and of how many."""


class ClipStore:
    """The videos of a catalog, ready to draw clips from.

    Args:
        catalog: which videos; one that can't be opened is listed in `failures` and left out.
        spec: what each clip must be.
        flow_cache: where flow is kept from one run to the next.
        limit_bytes: how much may stay in memory; the catalog's first videos do.
        on_progress: is told after each video.

    Attributes:
        entries: those that can be opened; `draw` and `centre` count in them.
        failures: those that can't, and why.
    """

    def __init__(
        self,
        catalog: Catalog,
        spec: ClipSpec,
        *,
        flow_cache: FlowCache | None = None,
        limit_bytes: int = 4 * 2**30,
        on_progress: Progress | None = None,
    ):
        self.catalog = catalog
        self.spec = spec
        self.flow_cache = flow_cache
        self.failures: list[tuple[Entry, str]] = []
        self._held: list[_Held | None] = []
        entries = []
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            sizes = list(threads.map(self._bytes_needed, catalog))
            fits, used = [], 0
            for size in sizes:
                fits.append(used + size <= limit_bytes)
                used += size if fits[-1] else 0
            loaded = threads.map(self._load, catalog, fits)
            for done, (entry, found) in enumerate(zip(catalog, loaded, strict=True), start=1):
                if isinstance(found, KinetoscopeError):
                    self.failures.append((entry, str(found)))
                else:
                    entries.append(entry)
                    self._held.append(found)
                if on_progress is not None:
                    on_progress(done, len(catalog))
        self.entries: tuple[Entry, ...] = tuple(entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def held_bytes(self) -> int:
        """How much memory the videos take."""
        return sum(held.bytes for held in self._held if held is not None)

    def label_index(self, index: int) -> int:
        """The place of a video's label among the catalog's labels."""
        return self.catalog.label_index(self.entries[index])

    def draw(self, index: int, generator: torch.Generator) -> Clip:
        """A clip that starts anywhere in a video, cropped anywhere from its frames."""
        return self.cut(index, random(generator), random_place(generator))

    def centre(self, index: int) -> Clip:
        """The clip in the middle of a video, cropped from the middle of its frames."""
        return self.cut(index, centre(), "centre")

    def cut(self, index: int, sampling: Sampling, crop: Crop = "centre") -> Clip:
        """Any clip of a video.

        Where a sampling takes other steps than the spec's stride, the motion over a stride is
        stretched to the step: as if what moves kept its speed for so long. (That of a video which
        stays on disk is computed from the frames of the clip.)
        """
        entry, held, spec = self.entries[index], self._held[index], self.spec
        if held is None:
            return open_entry(entry, spec, sampling=sampling, crop=crop, flow_cache=self.flow_cache)
        count, source = len(held.ticks), str(entry.path)
        places = fit(sampling(count, spec), count, spec, source=source)
        box = box_of(crop, held.footage.size, spec.size, source=source)
        order = [held.ticks[place] for place in places]
        return cut_clip(held.footage, order, box, held.flow_within(box, places, spec))

    def _bytes_needed(self, entry: Entry) -> int:
        """What a video would take; nothing if it can't be opened, which `_load` then says."""
        try:
            with open_video(entry.path) as video:
                ticks = ticks_of(video, self.spec, entry.span)
                height, width = short_side_size(video.size, self.spec.short_side)
        except KinetoscopeError:
            return 0
        frames = 3 * len(set(ticks))
        flow = 2 * 2 * len(ticks) if "flow" in self.spec.streams else 0
        return (frames + flow) * height * width

    def _load(self, entry: Entry, fits: bool) -> "_Held | KinetoscopeError | None":
        """A video to hold; None for one that stays on disk and opens; else why it doesn't."""
        try:
            if fits:
                with naming(entry):
                    return _hold(entry, self.spec, self.flow_cache)
            open_entry(entry, self.spec)
        except KinetoscopeError as error:
            return error
        return None


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A video in memory.

    Args:
        footage: its resized frames.
        ticks: its timeline.
        flow: from each place of the timeline to the one a stride later, `2 time height width`.
    """

    footage: Footage
    ticks: list[int]
    flow: Tensor | None

    @property
    def bytes(self) -> int:
        return self.footage.picture.nbytes + (0 if self.flow is None else self.flow.nbytes)

    def flow_within(self, box: Box, places: Sequence[int], spec: ClipSpec) -> Tensor | None:
        """The flow of a clip: of the fields that start at its places, what lies in a box."""
        if self.flow is None:
            return None
        rows, columns = box.slices
        # the last field is that before it, for what follows is not part of the clip
        starts = [*places[:-1], places[-2]] if len(places) > 1 else places
        flow = self.flow[:, :, rows, columns][:, starts]
        if len(places) == 1:
            return torch.zeros_like(flow)
        stretch = [_stretch(here, after, len(self.ticks), spec) for here, after in pairwise(places)]
        if all(each == 1 for each in stretch):
            return flow
        factors = torch.tensor([*stretch, stretch[-1]]).reshape(1, -1, 1, 1)
        return flow.float() * factors


def _stretch(here: int, after: int, count: int, spec: ClipSpec) -> float:
    """A step between places, in steps of the field that is kept at the first of them."""
    if spec.when_short == "loop":
        step, kept = (after - here) % count, spec.stride % count
    else:
        step, kept = after - here, min(spec.stride, count - 1 - here)
    return 1.0 if step == kept else step / max(1, kept)


def _hold(entry: Entry, spec: ClipSpec, cache: FlowCache | None) -> _Held:
    source = str(entry.path)
    with open_video(entry.path) as video:
        ticks = ticks_of(video, spec, entry.span)
        footage = read_footage(video, ticks, spec)
    # what can't be cut later is refused now
    fit(centre()(len(ticks), spec), len(ticks), spec, source=source)
    box_of("centre", footage.size, spec.size, source=source)
    return _Held(footage=footage, ticks=ticks, flow=_whole_flow(footage, ticks, spec, cache))


def _whole_flow(
    footage: Footage, ticks: Sequence[int], spec: ClipSpec, cache: FlowCache | None
) -> Tensor | None:
    """From every place of the timeline to the one a stride later, as the spec fills up the end."""
    if "flow" not in spec.streams:
        return None
    if cache is None:
        return _strided_flow(footage, ticks, spec)
    end = "loop" if spec.when_short == "loop" else "repeat-last"
    settings = ("store", tuple(ticks), spec.stride, end, footage.size, spec.flow_method)
    return cached_flow(
        cache,
        content_key(footage.path),
        settings,
        lambda: _strided_flow(footage, ticks, spec),
    )


def _strided_flow(footage: Footage, ticks: Sequence[int], spec: ClipSpec) -> Tensor:
    count, stride = len(ticks), spec.stride
    flow = torch.zeros(2, count, *footage.size, dtype=torch.float16)
    for phase in range(min(stride, count)):
        starts = list(range(phase, count, stride))
        past = starts[-1] + stride
        after = past % count if spec.when_short == "loop" else count - 1
        order = [ticks[place] for place in [*starts, after]]
        flow[:, starts] = flow_along(footage.picture, footage.places(order), spec)[:, :-1]
    return flow
