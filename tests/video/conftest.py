"""Real files of every kind, made by PyAV, whose frames carry their own number."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

BITS = 8
CELL = 16


def numbered(number: int, height: int = CELL, width: int = BITS * CELL) -> np.ndarray:
    """A picture with a number written in black and white cells, and noise where there is room."""
    picture = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    for bit in range(BITS):
        picture[:CELL, bit * CELL : (bit + 1) * CELL] = 235 if number >> bit & 1 else 20
    return picture


def number_in(picture) -> int:
    """The number that a picture shows."""
    cells = np.asarray(picture)[CELL // 2, CELL // 2 : BITS * CELL : CELL].mean(axis=-1)
    assert np.all(np.abs(cells - 128) > 40), "the number can't be read"
    return sum(1 << bit for bit in range(BITS) if cells[bit] > 128)


def encode(
    path: Path,
    pictures: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    ticks: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    stream_setup: Callable | None = None,
) -> Path:
    """Write pictures with a codec; at 25 frames a second, or at given times in 1/1000 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        height, width = pictures[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.thread_count = 1
        stream.codec_context.options = options or {}
        if ticks is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if stream_setup is not None:
            stream_setup(stream)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, 25) if ticks is None else Fraction(1, 1000)
            container.mux(stream.encode(frame.reformat(format=pixels, threads=1)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def make_video(tmp_path) -> Callable[..., Path]:
    """Makes a file of `count` numbered frames: `(name, count, **as encode)`."""

    def make(name="numbered.mp4", count=50, *, height=CELL, width=BITS * CELL, **how) -> Path:
        pictures = [numbered(number, height, width) for number in range(count)]
        return encode(tmp_path / name, pictures, **how)

    return make
