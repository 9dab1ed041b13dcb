"""What do the packets of a file say, without anything being decoded?

They are read once, from the start to the end. What a file that breaks off lacks is noticed here:
every container but MPEG-TS says in some place how much there should be.
"""

import mmap
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import av.container
import av.video.stream
import numpy as np
from av.error import FFmpegError

from kinetoscope.video.mpeg4 import is_packed, picture_types

Container = av.container.InputContainer
Stream = av.video.stream.VideoStream

NO_TIME = -(2**63)
"""Stands where a packet has no time."""

# Before the data of a packet in AVI stand the number of its stream, one of these, and its size.
_VIDEO_CHUNKS = (b"dc", b"db")
_CHUNK_HEADER = 8
# So much of a packet is looked at first, for where its picture starts [bytes].
_START = 128


@dataclass(kw_only=True)
class Packets:
    """The packets of a stream, in the order in which they are decoded.

    Args:
        shown: when the frame of each is shown [time_base].
        decoded: when each is to be decoded [time_base].
        durations: how long the frame of each is shown, 0 where that is not said [time_base].
        keys: whether decoding can start from it.
        hidden: whether an edit list hides its frame.
        pictures: the types of the pictures in each packet of an MPEG-4 stream in AVI.
        broken: what should be there and is not, where the file breaks off.
    """

    shown: array = field(default_factory=lambda: array("q"))
    decoded: array = field(default_factory=lambda: array("q"))
    durations: array = field(default_factory=lambda: array("q"))
    keys: bytearray = field(default_factory=bytearray)
    hidden: bytearray = field(default_factory=bytearray)
    pictures: list[bytes] = field(default_factory=list)
    broken: str | None = None

    def __len__(self) -> int:
        return len(self.shown)

    def add(self, packet: av.Packet) -> None:
        """Note a packet."""
        self.shown.append(NO_TIME if packet.pts is None else packet.pts)
        self.decoded.append(NO_TIME if packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        self.keys.append(packet.is_keyframe)
        self.hidden.append(packet.is_discard)

    def drop_last(self) -> None:
        """Forget the last packet."""
        for column in (self.shown, self.decoded, self.durations, self.keys, self.hidden):
            column.pop()
        del self.pictures[len(self) :]


def read_packets(path: Path, container: Container, stream: Stream) -> Packets:
    """Read all packets of a stream, from where its container stands."""
    has_pictures = container.format.name == "avi" and stream.codec_context.name == "mpeg4"
    if has_pictures and (found := _by_index_of_avi(path, stream)):
        return found
    found, cut = Packets(), False
    packed = is_packed(stream.codec_context.extradata or b"")
    try:
        for packet in container.demux(stream):
            if packet.size:
                found.add(packet)
                cut = packet.is_corrupt
                if has_pictures:
                    data = bytes(packet)
                    packed = packed or (len(found) == 1 and is_packed(data))
                    found.pictures.append(picture_types(data, packed=packed))
    except FFmpegError as error:
        found.broken = f"a file that can be read to its end ({error.strerror})"
    if cut and container.format.name != "mpegts":  # there it may stand for a lost packet before
        found.drop_last()
        found.broken = "a last packet that is whole"
    found.broken = _announced(container, stream, found) or found.broken
    return found


def typical_gap(ticks: Sequence[int] | np.ndarray) -> int:
    """The median time from one frame to the next [time_base]; 1 for a single frame.

    >>> typical_gap([0, 40, 80, 200])
    40
    """
    return max(1, int(np.median(np.diff(np.asarray(ticks))))) if len(ticks) > 1 else 1


def tagged_seconds(text: str) -> float:
    """The seconds of a Matroska tag; 0 where it is none.

    >>> tagged_seconds("00:01:10.500000000")
    70.5
    """
    parts = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text.strip("\0 "))
    return int(parts[1]) * 3600 + int(parts[2]) * 60 + float(parts[3]) if parts else 0.0


def _by_index_of_avi(path: Path, stream: Stream) -> Packets | None:
    """The packets of an MPEG-4 stream by the index at the end of an AVI.

    That is quicker than to read them all: of each only the start is looked at. None where the
    index is not whole, or does not lead to packets.
    """
    entries = [entry for entry in stream.index_entries if entry.size]
    if not entries or entries[-1].timestamp + 1 < stream.frames:
        return None
    pictures: list[bytes] = []
    packed = is_packed(stream.codec_context.extradata or b"")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for entry in entries:
            start = entry.pos + _CHUNK_HEADER
            end = start + entry.size
            if end > len(data) or data[entry.pos + 2 : entry.pos + 4] not in _VIDEO_CHUNKS:
                return None
            packed = packed or (not pictures and is_packed(data[start:end]))
            looked_at = end if packed else min(end, start + _START)
            types = picture_types(data[start:looked_at], packed=packed)
            pictures.append(types or picture_types(data[start:end], packed=packed))
    times = array("q", [entry.timestamp for entry in entries])
    return Packets(
        shown=times,
        decoded=times,
        durations=array("q", [1]) * len(entries),
        keys=bytearray([entry.is_keyframe for entry in entries]),
        hidden=bytearray(len(entries)),
        pictures=pictures,
    )


def _announced(container: Container, stream: Stream, packets: Packets) -> str | None:
    """What the header announces, where the packets are clearly fewer; None where they are not."""
    kind = container.format.name
    frames = 0
    if kind.startswith("mov") and len(stream.index_entries) > len(packets):
        frames = len(stream.index_entries)
    if kind == "avi" and len(packets):
        slots = packets.decoded[-1] + 1  # a slot may be empty: its frame is shown on
        if stream.frames - slots > max(1, stream.frames // 100):
            frames = stream.frames
    if kind.startswith("matroska") and len(packets):
        announced = tagged_seconds(stream.metadata.get("DURATION", ""))
        base = float(stream.time_base or 0)
        last = (typical_gap(sorted(packets.shown)) + max(packets.durations[-1], 0)) * base
        if announced - max(packets.shown) * base > 2 * last + 0.1:
            return f"{announced:.3f} seconds, as its header says"
    return f"{frames} frames, as its header says" if frames else None
