"""What is in a video file: how many frames, how large, when is each shown, and the frames?"""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import torch

from kinetoscope.errors import VideoError
from kinetoscope.tensors import Picture
from kinetoscope.video.decode import Decoder
from kinetoscope.video.picture import Painter
from kinetoscope.video.with_torchcodec import TorchcodecReader, is_installed, probe

# A second that differs from a frame's by less than this is that frame's [seconds].
_SAME_SECOND = 1e-6

DecoderName = Literal["auto", "pyav", "torchcodec"]


class Video:
    """An open file, indexable by frame and by second.

    Frames are counted in the order in which they are shown, from 0. Seconds are those the file
    states: the first frame need not be at 0. Of several videos in a file the first is meant.
    Pixels are taken as square.

    Args:
        path: any file that FFmpeg reads.
        allow_truncated: read the frames before the break of a file that ends too early.
        decoder: "auto" takes torchcodec where it is installed and PyAV is not the faster one, as
            it is for all codecs that frames can be left out of on the way. Where torchcodec does
            not give what PyAV gives, which is tried, PyAV is taken, whatever this says.

    Raises:
        VideoError: there is no such file, it is not a video, it has no frame, or it breaks off.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        allow_truncated: bool = False,
        decoder: DecoderName = "auto",
    ):
        self.path = Path(path)
        self._wanted_decoder = decoder
        self._decoder = Decoder(self.path)
        self._painter = Painter()
        try:
            _check_whole(self.path, self._decoder, allow_truncated=allow_truncated)
        except VideoError:
            self.close()
            raise

    def __enter__(self) -> "Video":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self.frame_count

    def __repr__(self) -> str:
        return f"Video({str(self.path)!r}, frame_count={self.frame_count})"

    def close(self) -> None:
        """Close the file."""
        self._decoder.close()

    @property
    def frame_count(self) -> int:
        """How many frames are shown."""
        return len(self._decoder.index)

    @cached_property
    def seconds(self) -> tuple[float, ...]:
        """When each frame is shown, as the file states it."""
        return tuple(self._decoder.index.seconds.tolist())

    @property
    def start_seconds(self) -> float:
        """When the first frame is shown."""
        return float(self._decoder.index.seconds[0])

    @property
    def duration_seconds(self) -> float:
        """From the start of the first frame to the end of the last."""
        return self._decoder.index.end_seconds - self.start_seconds

    @property
    def frames_per_second(self) -> float:
        """The average rate. In a file of varying rate, `seconds` says when each frame is."""
        if self.frame_count == 1:
            return 1 / self.duration_seconds
        first_to_last = float(self._decoder.index.seconds[-1]) - self.start_seconds
        return (self.frame_count - 1) / first_to_last

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame that stands upright [pixels]."""
        first = self._decoder.frame(0)
        return self._painter.orientation(first).size(first.height, first.width)

    @cached_property
    def rotation(self) -> int:
        """How far the pixels of the file are turned, clockwise, to stand upright [degrees]."""
        return self._painter.orientation(self._decoder.frame(0)).degrees

    @property
    def decoded_count(self) -> int:
        """How many frames PyAV has decoded since the file was opened."""
        return self._decoder.decoded_count

    @property
    def decoder(self) -> Literal["pyav", "torchcodec"]:
        """What reads the frames of this file."""
        return "pyav" if self._torchcodec is None else "torchcodec"

    @cached_property
    def _torchcodec(self) -> TorchcodecReader | None:
        wanted = self._wanted_decoder
        if wanted == "pyav" or (wanted == "auto" and self._decoder.leaves_out):
            return None
        if not is_installed() or self._decoder.index.broken:
            return None
        first = self._painter.paint(self._decoder.frame(0))
        return probe(self.path, self._decoder.index.seconds, first)

    def index_at(self, seconds: float | int) -> int:
        """The frame that is on screen at a second.

        Raises:
            VideoError: nothing is, because it is before the first frame or after the last.
        """
        start, end = self.start_seconds, self._decoder.index.end_seconds
        if not start - _SAME_SECOND <= seconds < end:
            raise VideoError(
                f"{self.path} shows nothing at that second",
                got=f"{seconds} seconds",
                expected=f"{start:.3f} seconds or more, and less than {end:.3f}",
            )
        shown = self._decoder.index.seconds
        return int(np.searchsorted(shown, seconds + _SAME_SECOND, side="right")) - 1

    def frame(self, index: int, *, size: tuple[int, int] | None = None) -> Picture:
        """One frame, `1 height width 3`; as `frames`."""
        return self.frames([index], size=size)

    def frames(self, indices: Iterable[int], *, size: tuple[int, int] | None = None) -> Picture:
        """Frames by index, in the order asked for; the same one may be asked for twice.

        Args:
            indices: from 0 to frame_count - 1.
            size: height and width to resize to while converting [pixels]; None leaves the file's.

        Raises:
            VideoError: there is no such frame, or it can't be decoded.
        """
        wanted = [int(index) for index in indices]
        self._check_indices(wanted)
        distinct = sorted(set(wanted))
        if not distinct:
            return torch.empty((0, *(size or self.size), 3), dtype=torch.uint8)
        pictures = self._read_by_torchcodec(distinct) if size is None else None
        if pictures is None:
            pictures = self._read_by_pyav(distinct, size)
        return pictures if wanted == distinct else pictures[np.searchsorted(distinct, wanted)]

    def _read_by_torchcodec(self, indices: list[int]) -> Picture | None:
        if self._torchcodec is None:
            return None
        try:
            return self._torchcodec.frames(indices)
        except (RuntimeError, ValueError, IndexError):
            self._torchcodec = None
            return None

    def _read_by_pyav(self, indices: list[int], size: tuple[int, int] | None) -> Picture:
        pictures: np.ndarray | None = None
        for place, index in enumerate(indices):
            picture = self._painter.paint(self._decoder.frame(index), size)
            if pictures is None:
                pictures = np.empty((len(indices), *picture.shape), dtype=np.uint8)
            self._check_size(index, picture.shape, pictures.shape[1:])
            pictures[place] = picture
        return torch.from_numpy(pictures)

    def _check_indices(self, indices: list[int]) -> None:
        for index in indices:
            if not 0 <= index < self.frame_count:
                raise VideoError(
                    f"{self.path} has no such frame",
                    got=f"frame {index}",
                    expected=f"a frame from 0 to {self.frame_count - 1}",
                )

    def _check_size(self, index: int, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if found != expected:
            raise VideoError(
                f"frame {index} of {self.path} has another size than the frames before it",
                got=f"{found[0]} x {found[1]} pixels",
                expected=f"{expected[0]} x {expected[1]} pixels",
                hint="frames(..., size=(height, width)) resizes them all",
            )


def open_video(
    path: str | Path, *, allow_truncated: bool = False, decoder: DecoderName = "auto"
) -> Video:
    """Open a video file; use it in a `with`, or close it.

    Args:
        path: any file that FFmpeg reads.
        allow_truncated: read the frames before the break of a file that ends too early.
        decoder: what to read frames with; see `Video`.

    Raises:
        VideoError: there is no such file, it is not a video, it has no frame, or it breaks off.
    """
    return Video(path, allow_truncated=allow_truncated, decoder=decoder)


def _check_whole(path: Path, decoder: Decoder, *, allow_truncated: bool) -> None:
    index = decoder.index
    if len(index) == 0:
        raise VideoError(f"{path} holds no frames", got="0 frames", expected="1 frame or more")
    if index.broken and not allow_truncated:
        raise VideoError(
            f"{path} breaks off after frame {len(index) - 1}, at {index.end_seconds:.3f} s",
            got=f"{len(index)} whole frames",
            expected=index.broken,
            hint="open_video(path, allow_truncated=True) reads the frames before the break",
        )
