"""How do frames become a file: an mp4, an animated webp, or a strip of pictures?

The same frames give the same bytes: one thread, no dates. A file is complete or absent.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from einops import rearrange
from PIL import Image

from kinetoscope.errors import VideoError
from kinetoscope.files import whole_file
from kinetoscope.tensors import Picture

_WEBP_LIMIT = 16383  # pixels along a side


@dataclass(frozen=True)
class Strip:
    """How the frames of a strip lie in its picture, row by row.

    Args:
        columns, rows: of the grid.
        count: of frames; the last row may have empty cells.
        height, width: of a frame [pixels].
    """

    columns: int
    rows: int
    count: int
    height: int
    width: int


def write_mp4(
    path: Path, frames: Picture, frames_per_second: float | int, *, quality: int = 90
) -> None:
    """Write H.264, with the colours of BT.709.

    Frames of odd size keep full colour (4:4:4), which every decoder here reads and some browsers
    do not; others are written as 4:2:0, which plays everywhere.

    Args:
        path: ends in .mp4; replaced where it is there.
        frames: RGB in 0 to 255.
        frames_per_second: of the file.
        quality: from 1 to 100; 100 is as good as H.264 gets without being lossless.

    Raises:
        VideoError: there are no frames, or no rate or quality that can be.
    """
    write_long_mp4(path, [frames], frames_per_second, quality=quality)


def write_long_mp4(
    path: Path, parts: Iterable[Picture], frames_per_second: float | int, *, quality: int = 90
) -> None:
    """Write H.264 part by part, as they come, so that memory does not grow with the video.

    Args:
        path: ends in .mp4; replaced where it is there.
        parts: of the video in order, RGB in 0 to 255, all of one size.
        frames_per_second: of the file.
        quality: from 1 to 100, as of `write_mp4`.

    Raises:
        VideoError: as `write_mp4`, or there are no parts.
    """
    coming = iter(parts)
    first = next(coming, None)
    if first is None:
        raise VideoError(f"{path} would have no frames", got="no parts", expected="one or more")
    _check(path, first, frames_per_second, quality)
    height, width = first.shape[1:3]
    rate = Fraction(frames_per_second).limit_denominator(65535)
    with whole_file(path) as aside, av.open(aside, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p" if width % 2 == height % 2 == 0 else "yuv444p"
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {
            "crf": f"{round((100 - quality) * 0.4) + 4}",
            "preset": "medium",
            "x264-params": "threads=1:colorprim=bt709:transfer=bt709:colormatrix=bt709",
        }
        for picture in (picture for part in chain([first], coming) for picture in part):
            frame = av.VideoFrame.from_ndarray(
                picture.contiguous().numpy(), format="rgb24"
            ).reformat(
                format=stream.pix_fmt,
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_webp(
    path: Path, frames: Picture, frames_per_second: float | int, *, quality: int = 90
) -> None:
    """Write an animated webp that plays for ever.

    Raises:
        VideoError: there are no frames, they are too large for webp, or rate or quality can't be.
    """
    _check(path, frames, frames_per_second, quality)
    _check_webp(path, *frames.shape[1:3])
    first, *rest = (Image.fromarray(frame) for frame in frames.contiguous().numpy())
    with whole_file(path) as aside:
        first.save(
            aside,
            format="WEBP",
            save_all=True,
            append_images=rest,
            duration=_milliseconds(len(frames), frames_per_second),
            loop=0,
            quality=quality,
            method=4,
        )


def write_strip(
    path: Path,
    frames: Picture,
    *,
    columns: int | None = None,
    quality: int = 90,
    lossless: bool = False,
) -> Strip:
    """Write all frames as one webp picture, row by row, for players that show one cell at a time.

    Args:
        path: ends in .webp.
        frames: RGB in 0 to 255.
        columns: of the grid; as many as make it about square if not given.
        quality: from 1 to 100.
        lossless: every pixel as it is; quality is then effort.

    Raises:
        VideoError: there are no frames, or the picture is too large for webp.
    """
    _check(path, frames, 1.0, quality)
    count, height, width, _ = frames.shape
    columns = min(columns or max(1, round(math.sqrt(count * height / width))), count)
    rows = math.ceil(count / columns)
    _check_webp(path, rows * height, columns * width)
    cells = np.zeros((rows * columns, height, width, 3), np.uint8)
    cells[:count] = frames.numpy()
    grid = rearrange(
        cells, "(row column) height width rgb -> (row height) (column width) rgb", row=rows
    )
    with whole_file(path) as aside:
        picture = Image.fromarray(np.ascontiguousarray(grid))
        picture.save(aside, format="WEBP", quality=quality, lossless=lossless, method=4)
    return Strip(columns=columns, rows=rows, count=count, height=height, width=width)


def _milliseconds(count: int, frames_per_second: float | int) -> list[int]:
    """How long each frame is shown, so that what is rounded off does not add up."""
    starts = [round(1000 * frame / frames_per_second) for frame in range(count + 1)]
    return [max(1, end - start) for start, end in pairwise(starts)]


def _check(path: Path, frames: Picture, frames_per_second: float | int, quality: int) -> None:
    if 0 in frames.shape:
        raise VideoError(
            f"{path} would have no frames", got=tuple(frames.shape), expected="one frame or more"
        )
    if frames_per_second <= 0 or not 1 <= quality <= 100:
        raise VideoError(
            f"{path} can't be written so",
            got=f"{frames_per_second} frames per second at quality {quality}",
            expected="a rate above 0, a quality from 1 to 100",
        )


def _check_webp(path: Path, height: int, width: int) -> None:
    if max(height, width) > _WEBP_LIMIT:
        raise VideoError(
            f"{path} is too large for webp",
            got=f"{height} x {width} pixels",
            expected=f"at most {_WEBP_LIMIT} along a side",
        )
