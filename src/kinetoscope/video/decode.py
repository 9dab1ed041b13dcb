"""How are frames read: exactly, and with nothing decoded that need not be?

The decoder goes straight on through the file, and seeks only where a key frame lies between where
it stands and the wanted frame. On the way, frames that no other frame refers to are not decoded
at all. After a seek, the packet found there must be one that the index knows; where it is not,
the file is decoded from its start. Nothing is converted to RGB here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
from av.error import FFmpegError
from av.stream import Disposition
from av.video.frame import PictureType

from kinetoscope.errors import VideoError
from kinetoscope.video.index import FrameIndex, index_of_count, index_of_packets
from kinetoscope.video.packets import Container, Stream, read_packets

# Codecs whose decoder leaves out a frame when told to, packet by packet.
_CAN_SKIP = ("h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4")


@dataclass(frozen=True, kw_only=True)
class Damage:
    """Data that could not be decoded: what is decoded after them is wrong up to a key frame.

    Args:
        frame: the frame that the data belong to, as far as is known.
        why: what the decoder said.
    """

    frame: int
    why: str

    def ended_by(self, frame: av.VideoFrame, place: int) -> bool:
        """Whether nothing from here on is decoded from the damaged data."""
        return frame.key_frame and not frame.is_corrupt and place > self.frame


class Decoder:
    """Reads frames of one file by PyAV, on one thread.

    Attributes:
        index: the frames there are, as far as the file is whole.
        decoded_count: how many frames have been decoded so far.
    """

    def __init__(self, path: Path):
        self.path = path
        self.decoded_count = 0
        self._container, self._stream = open_stream(path)
        packets = read_packets(path, self._container, self._stream)
        index = index_of_packets(packets, self._container, self._stream)
        self._seekable = index is not None
        if index is None:
            index = index_of_count(self._count(), packets, self._stream)
        self.index: FrameIndex = index
        # a run of decoding: where it began, how far it is, what went wrong on the way
        self._run: Iterator[av.VideoFrame] | None = None
        self._sought = False
        self._position, self._shown = -1, None
        self._damage: Damage | None = None
        self._target = 0

    @property
    def leaves_out(self) -> bool:
        """Whether the codec lets frames be left out on the way to a wanted one."""
        return self._stream.codec_context.name in _CAN_SKIP

    def close(self) -> None:
        """Close the file."""
        self._run, self._shown = None, None
        self._container.close()

    def frame(self, wanted: int) -> av.VideoFrame:
        """One frame, in display order.

        Raises:
            VideoError: it can't be decoded.
        """
        if self._shown is None or self._position != wanted:
            key = self.index.key_before(wanted)
            if self._run is None or wanted <= self._position or self._key_between(key):
                self._begin(key)
            self._advance(wanted)
        if self._position != wanted and self._damage is None and self._sought:
            # what the seek led to is not what the index says: from the start, straight on
            self._seekable = False
            self._begin(0)
            self._advance(wanted)
        if self._position != wanted or self._damage is not None or self._shown is None:
            raise self._unreadable(wanted)
        return self._shown

    def _key_between(self, key: int) -> bool:
        """Whether a key frame lies between where the decoder stands and the wanted frame."""
        return self._seekable and key >= 0 and self.index.key_frames[key] > self._position + 1

    def _begin(self, key: int) -> None:
        """Start a run of decoding from a key frame, or from the start of the file."""
        self._position, self._shown, self._damage = -1, None, None
        self._sought = self._seekable and key >= 0 and self._seek(self.index.seek_ticks[key])
        if self._sought:
            packets = self._packets_from(key)
        else:
            self._reopen()
            packets = self._container.demux(self._stream)
        self._run = self._decoded(packets)

    def _seek(self, ticks: int) -> bool:
        try:
            self._container.seek(ticks, stream=self._stream)
        except FFmpegError:  # not every container can
            self._seekable = False
        return self._seekable

    def _reopen(self) -> None:
        self._container.close()
        self._container, self._stream = open_stream(self.path)

    def _advance(self, wanted: int) -> None:
        """Decode on until a frame that is not before the wanted one, or to the end."""
        self._target = wanted
        while self._run is not None and self._position < wanted:
            frame = next(self._run, None)
            if frame is None:
                self._run = None
                return
            place = self.index.frame_after(
                self._position, frame.pts, bidirectional=frame.pict_type == PictureType.B
            )
            if place is None:
                continue
            self._position, self._shown = place, frame
            if self._damage and self._damage.ended_by(frame, place):
                self._damage = None
            if frame.is_corrupt and self._damage is None:
                self._damage = Damage(frame=place, why="damaged data")

    def _packets_from(self, key: int) -> Iterator[av.Packet]:
        """The packets after a seek, from the first key frame there.

        There are none where it is later than the one sought.
        """
        packets = self._container.demux(self._stream)
        for packet in packets:
            found = self.index.key_of(shown=packet.pts, decoded=packet.dts)
            if found is not None:
                if found <= key:
                    self._position = self.index.key_frames[found] - 1
                    yield packet
                    yield from packets
                return

    def _decoded(self, packets: Iterator[av.Packet]) -> Iterator[av.VideoFrame]:
        """The frames of packets; what lies before the target and serves no other is left out."""
        context = self._stream.codec_context
        context.skip_frame = "DEFAULT"
        passing, can_skip = False, self.leaves_out
        for packet in _until_broken(packets):
            if packet.is_corrupt and self.index.broken:
                continue  # the last one, cut off
            passed = can_skip and self.index.is_before(
                self._target, shown=packet.pts, decoded=packet.dts
            )
            if passed != passing:
                context.skip_frame = "NONREF" if passed else "DEFAULT"
                passing = passed
            try:
                frames = cast("list[av.VideoFrame]", packet.decode())
            except FFmpegError as error:
                self._note_damage(error, packet)
                continue
            self.decoded_count += len(frames)
            yield from frames

    def _note_damage(self, error: FFmpegError, packet: av.Packet) -> None:
        if self._damage is None:
            place = self.index.frame_shown(packet.pts) if self.index.labelled else None
            frame = self._position + 1 if place is None else place
            self._damage = Damage(frame=frame, why=error.strerror or str(error))

    def _count(self) -> int:
        """Decode the whole file, for how many frames there are; leave it at its start."""
        self._reopen()
        for packet in _until_broken(self._container.demux(self._stream)):
            try:
                self.decoded_count += len(packet.decode())
            except FFmpegError:
                continue
        return self.decoded_count

    def _unreadable(self, wanted: int) -> VideoError:
        at = self.index.seconds[wanted]
        if self._damage is not None:
            start = self.index.seconds[min(self._damage.frame, len(self.index) - 1)]
            got = f"{self._damage.why}, at frame {self._damage.frame} ({start:.3f} s)"
        else:
            got = f"nothing for it; the decoder's last frame is {self._position}"
        return VideoError(
            f"frame {wanted} ({at:.3f} s) of {self.path} can't be decoded",
            got=got,
            expected="whole data from the key frame before it on",
            hint="kinetoscope check CATALOG lists the files that can't be read",
        )


def _until_broken(packets: Iterator[av.Packet]) -> Iterator[av.Packet]:
    """The packets as far as they can be read, then an empty one that drains the decoder."""
    last = None
    try:
        for packet in packets:
            last = packet
            yield packet
    except FFmpegError:
        if last is not None:
            drain = av.Packet()
            drain.stream = last.stream
            yield drain


def open_stream(path: Path) -> tuple[Container, Stream]:
    """Open a file and choose its video.

    Raises:
        VideoError: there is no such file, it is not a video, or is only sound with a cover.
    """
    if not path.is_file():
        raise _not_a_video(path, "a folder" if path.is_dir() else "no such file")
    if is_text(path):  # among them lists that would make FFmpeg open other files and addresses
        raise _not_a_video(path, "a text file")
    try:
        container = av.open(str(path.absolute()), options={"protocol_whitelist": "file"})
    except (FFmpegError, UnicodeError) as error:
        raise _not_a_video(path, getattr(error, "strerror", None) or str(error)) from error
    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not pictures:
        kinds = sorted({stream.type for stream in container.streams})
        container.close()
        raise _not_a_video(path, f"{', '.join(kinds) or 'no'} streams, and no video")
    stream = pictures[0]
    if not stream.codec_context:
        container.close()
        raise _not_a_video(path, "a video in a format that FFmpeg has no decoder for")
    stream.codec_context.thread_count = 1
    return container, stream


def is_text(path: Path) -> bool:
    """Whether a file begins like a text: no video does.

    >>> is_text(Path(__file__))
    True
    """
    with path.open("rb") as file:
        start = file.read(1024)
    return len(start) > 0 and all(byte >= 32 or byte in b"\t\n\r\f" for byte in start)


def _not_a_video(path: Path, got: str) -> VideoError:
    return VideoError(
        f"{path} can't be opened as a video",
        got=got,
        expected="a video file that FFmpeg reads, with one frame or more",
    )
