"""Which frames does a file hold, in which order are they shown, when, and where is each found?

Most containers say when each packet's frame is shown: there a decoded frame is known by its time.
AVI does not; the order of an MPEG-4 stream in it follows from the types of its pictures, and the
decoded frames are counted. Where neither says enough, the frames have to be decoded once to know
how many there are.
"""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from kinetoscope.video.mpeg4 import BIDIRECTIONAL, INTRA, display_order, shown_slots
from kinetoscope.video.packets import NO_TIME, Container, Packets, Stream, typical_gap

# Formats whose packets may be shown in another order, which AVI does not tell.
_REORDERED = ("h264", "hevc", "vvc")


@dataclass(frozen=True, kw_only=True)
class References:
    """Which frames of an MPEG-4 stream in AVI others refer to.

    Args:
        frames: these frames, increasing.
        ticks: when the packet of each is to be decoded [time_base].
    """

    frames: array
    ticks: array

    def after(self, frame: int) -> int | None:
        """The first of them after a frame."""
        place = bisect_right(self.frames, frame)
        return self.frames[place] if place < len(self.frames) else None

    def ticks_before(self, frame: int) -> int:
        """When the packet of the last of them that is not after a frame is to be decoded."""
        return self.ticks[bisect_right(self.frames, frame) - 1]


@dataclass(frozen=True, kw_only=True)
class FrameIndex:
    """The frames of a video in the order in which they are shown.

    Args:
        ticks: when each frame is shown [time_base], increasing.
        last_ticks: how long the last frame is shown [time_base].
        time_base: the length of a tick [seconds].
        key_frames: the frames that decoding can start from, increasing.
        key_ticks: the time that the packet of each key frame carries [time_base].
        seek_ticks: the time to seek to for each key frame [time_base].
        labelled: whether a decoded frame carries its time and is known by it; where not, the
            decoded frames are counted.
        references: the frames that others refer to, where they are known and frames are counted.
        broken: what should be there and is not, where the file breaks off.
    """

    ticks: array
    last_ticks: int
    time_base: Fraction
    key_frames: tuple[int, ...]
    key_ticks: tuple[int, ...]
    seek_ticks: tuple[int, ...]
    labelled: bool
    references: References | None = None
    broken: str | None = None

    def __len__(self) -> int:
        return len(self.ticks)

    @cached_property
    def seconds(self) -> np.ndarray:
        """When each frame is shown, as the file says [seconds]."""
        return np.asarray(self.ticks) * self.time_base.numerator / self.time_base.denominator

    @property
    def end_seconds(self) -> float:
        """When the last frame ends [seconds]."""
        return float((self.ticks[-1] + self.last_ticks) * self.time_base)

    def key_before(self, frame: int) -> int:
        """Which of the key frames is the last that is not after a frame; -1 for none."""
        return bisect_right(self.key_frames, frame) - 1

    def key_of(self, *, shown: int | None, decoded: int | None) -> int | None:
        """Which of the key frames a packet holds, by its times [time_base]; None for none."""
        ticks = shown if self.labelled else decoded
        return self.key_ticks.index(ticks) if ticks in self.key_ticks else None

    def frame_shown(self, ticks: int | None) -> int | None:
        """The frame that is shown from exactly this time on [time_base]; None for none."""
        place = len(self.ticks) if ticks is None else bisect_left(self.ticks, ticks)
        return place if place < len(self.ticks) and self.ticks[place] == ticks else None

    def frame_after(self, frame: int, ticks: int | None, *, bidirectional: bool) -> int | None:
        """Which frame a decoded one is, that comes out next after another.

        Args:
            frame: the one that came out before; -1 for none.
            ticks: the time that the decoded frame carries [time_base].
            bidirectional: whether it is one that no other refers to.

        Returns:
            None for one that is not shown, or is earlier.
        """
        if self.labelled:
            found = self.frame_shown(ticks)
            return found if found is not None and found > frame else None
        if self.references is None or bidirectional:
            return frame + 1
        return self.references.after(frame)

    def is_before(self, frame: int, *, shown: int | None, decoded: int | None) -> bool:
        """Whether a packet can be left out on the way to a frame, if no other refers to it."""
        if self.labelled:
            return shown is not None and shown < self.ticks[frame]
        if self.references is None or decoded is None:
            return False
        return decoded < self.references.ticks_before(frame)


def index_of_packets(packets: Packets, container: Container, stream: Stream) -> FrameIndex | None:
    """The index, or None where the packets do not say which frames there are."""
    base = stream.time_base or Fraction(1, 25)
    if packets.pictures:
        return _index_of_pictures(packets, base)
    if _tells_times(packets, container.format.name, stream.codec_context.name):
        # MPEG streams are sought by when a packet is decoded, all others by when it is shown
        sought = packets.decoded if container.format.name.startswith("mpeg") else packets.shown
        return _index_of_times(packets, base, np.asarray(sought))
    return None


def index_of_count(count: int, packets: Packets, stream: Stream) -> FrameIndex:
    """The index of frames that were decoded once and counted.

    Each is shown at the time of a packet, if every packet gave a frame and has a time of its own;
    where not, one is shown after the other at the stream's rate.
    """
    slots = sorted(packets.decoded)
    if len(slots) == count == len(set(slots)) and NO_TIME not in slots:
        base = stream.time_base or Fraction(1, 25)
        last = packets.durations[-1] or typical_gap(slots)
    else:
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        slots, base, last = list(range(count)), 1 / Fraction(rate), 1
    return FrameIndex(
        ticks=array("q", slots),
        last_ticks=last,
        time_base=base,
        key_frames=(),
        key_ticks=(),
        seek_ticks=(),
        labelled=False,
        broken=packets.broken,
    )


def _index_of_pictures(packets: Packets, base: Fraction) -> FrameIndex:
    """The index of an MPEG-4 stream in AVI."""
    types = [kind for types in packets.pictures for kind in types]
    times = [
        time for time, types in zip(packets.decoded, packets.pictures, strict=True) for _ in types
    ]
    starts = _key_pictures(packets)
    slots, never = shown_slots(packets.pictures, packets.decoded)
    order = display_order(types[: len(types) - never])
    del slots[: len(slots) - len(order)]
    keys = [frame for frame, picture in enumerate(order) if picture in starts]
    references = [f for f, picture in enumerate(order) if types[picture] != BIDIRECTIONAL]
    key_ticks = tuple(times[order[frame]] for frame in keys)
    return FrameIndex(
        ticks=array("q", slots),
        last_ticks=1,
        time_base=base,
        key_frames=tuple(keys),
        key_ticks=key_ticks,
        seek_ticks=key_ticks,
        labelled=False,
        references=References(
            frames=array("q", references),
            ticks=array("q", [times[order[frame]] for frame in references]),
        ),
        broken=packets.broken,
    )


def _key_pictures(packets: Packets) -> set[int]:
    """The pictures that start a packet which decoding can start from."""
    found, picture = set(), 0
    for types, key in zip(packets.pictures, packets.keys, strict=True):
        if key and types and types[0] == INTRA:
            found.add(picture)
        picture += len(types)
    return found


def _tells_times(packets: Packets, container: str, codec: str) -> bool:
    """Whether each packet says when its frame is shown, and no two the same."""
    if container == "avi" and codec in _REORDERED:
        return False
    shown, decoded = np.asarray(packets.shown), np.asarray(packets.decoded)
    distinct = len(np.unique(shown)) == len(shown) and NO_TIME not in packets.shown
    decoded = decoded[decoded != NO_TIME]
    return bool(distinct and np.all(np.diff(decoded) >= 0))


def _index_of_times(packets: Packets, base: Fraction, sought: np.ndarray) -> FrameIndex:
    """The index of a container that says when each packet's frame is shown."""
    shown = np.asarray(packets.shown)
    keys = np.frombuffer(packets.keys, dtype=np.uint8).astype(bool)
    kept = np.frombuffer(packets.hidden, dtype=np.uint8) == 0
    if keys.any():  # a stream that was cut begins with frames that nothing can be decoded from
        first = int(np.argmax(keys))
        kept &= (np.arange(len(shown)) >= first) & (shown >= shown[first])
    ticks = np.sort(shown[kept])
    starts = np.flatnonzero(keys)
    starts = starts[np.argsort(shown[starts])]
    if len(ticks):  # an edit list may hide the key frame that the first frames are decoded from
        starts = starts[max(0, int(np.searchsorted(shown[starts], ticks[0], side="right")) - 1) :]
    last = int(np.argmax(np.where(kept, shown, NO_TIME))) if len(shown) else None
    return FrameIndex(
        ticks=array("q", ticks.tolist()),
        last_ticks=(0 if last is None else packets.durations[last]) or typical_gap(ticks),
        time_base=base,
        key_frames=tuple(np.searchsorted(ticks, shown[starts]).tolist()),
        key_ticks=tuple(shown[starts].tolist()),
        seek_ticks=tuple(sought[starts].tolist()),
        labelled=True,
        broken=packets.broken,
    )
