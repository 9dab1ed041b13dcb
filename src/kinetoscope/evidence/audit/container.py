"""What does a file say of itself: how long, how large, in which codec, at how many bits?

Nothing is decoded but the packets' headers, and one frame for its size.
"""

from dataclasses import dataclass
from math import log2

from kinetoscope.clips.catalog import Entry
from kinetoscope.video.decode import open_stream
from kinetoscope.video.video import open_video


@dataclass(frozen=True, kw_only=True)
class Container:
    """What a file is, apart from what it shows.

    Args:
        frames: how many are shown within the entry's span.
        seconds: how long the span is.
        frames_per_second: of the file.
        height, width: of a frame [pixels].
        codec, pixels, container: FFmpeg's names.
        bits_per_second: of the whole file.
    """

    frames: int
    seconds: float
    frames_per_second: float
    height: int
    width: int
    codec: str
    pixels: str
    container: str
    bits_per_second: float

    @property
    def length(self) -> dict[str, float]:
        """What its length is told by."""
        return {
            "frames": float(self.frames),
            "seconds": self.seconds,
            "frames per second": self.frames_per_second,
        }

    @property
    def rate(self) -> dict[str, float]:
        """What its bit rate is told by, as powers of two."""
        drawn = self.height * self.width * self.frames_per_second
        return {
            "bits per second (log2)": log2(max(self.bits_per_second, 1.0)),
            "bits per pixel (log2)": log2(max(self.bits_per_second / max(drawn, 1.0), 1e-9)),
        }

    @property
    def form(self) -> dict[str, float]:
        """What its form is told by; each word that it has is a 1."""
        words = {
            f"codec {self.codec}": 1.0,
            f"pixels {self.pixels}": 1.0,
            f"container {self.container}": 1.0,
        }
        return {"height": float(self.height), "width": float(self.width), **words}


def container_of(entry: Entry) -> Container:
    """What the file of an entry says of itself.

    Raises:
        VideoError: it can't be read.
    """
    with open_video(entry.path) as video:
        start = video.start_seconds if entry.start_seconds is None else entry.start_seconds
        end = video.start_seconds + video.duration_seconds
        end = end if entry.end_seconds is None else min(end, entry.end_seconds)
        height, width = video.size
        rate, whole = video.frames_per_second, video.duration_seconds
        frames = sum(start - 1e-6 <= second < end - 1e-6 for second in video.seconds)
    opened, stream = open_stream(entry.path)
    try:
        codec, name = stream.codec_context, opened.format.name
        words = (codec.name, str(codec.pix_fmt), name.split(",")[0])
    finally:
        opened.close()
    return Container(
        frames=frames,
        seconds=max(end - start, 0.0),
        frames_per_second=rate,
        height=height,
        width=width,
        codec=words[0],
        pixels=words[1],
        container=words[2],
        bits_per_second=8 * entry.path.stat().st_size / max(whole, 1e-6),
    )
