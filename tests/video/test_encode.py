"""What is written is what is read, and the same every time."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from kinetoscope.errors import VideoError
from kinetoscope.video.encode import write_mp4, write_strip, write_webp
from kinetoscope.video.video import open_video

COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3, [128] * 3, [200, 50, 120]], np.uint8
)


def patches(time=6, height=48):
    """The colours side by side, 16 pixels of each, the same in every frame."""
    row = torch.from_numpy(COLOURS.repeat(16, 0))
    return row.expand(time, height, -1, -1).contiguous()


def smooth(time=6, height=48, width=64):
    """Frames that differ, without fine detail."""
    t, y, x = torch.meshgrid(
        *(torch.linspace(0, 1, size) for size in (time, height, width)), indexing="ij"
    )
    waves = [torch.sin(6 * x + 3 * t), torch.cos(5 * y - 2 * t), torch.sin(4 * (x + y + t))]
    return ((torch.stack(waves, -1) * 0.4 + 0.5) * 255).to(torch.uint8)


@pytest.mark.parametrize("height", [48, 47])
def test_colours_are_read_as_they_were_written(tmp_path, height):
    frames = patches(height=height)[:, :, : 112 - height % 2]
    write_mp4(tmp_path / "a.mp4", frames, 25)
    with open_video(tmp_path / "a.mp4") as video:
        assert video.size == (height, 112 - height % 2)
        middle = video.frame(3)[0, height // 2, 8::16].numpy()
    assert np.abs(middle.astype(int) - COLOURS).max() <= 4


@pytest.mark.parametrize("rate", [25, 30000 / 1001, 29.97, 7.3, 0.5, 120])
def test_frames_are_shown_when_they_were_to_be(tmp_path, rate):
    write_mp4(tmp_path / "a.mp4", smooth(), rate)
    with open_video(tmp_path / "a.mp4") as video:
        assert video.seconds == pytest.approx([frame / rate for frame in range(6)], abs=1e-6)
        assert video.frames_per_second == pytest.approx(rate)


def test_pictures_are_read_nearly_as_they_were_written(tmp_path):
    frames = smooth()
    write_mp4(tmp_path / "a.mp4", frames, 25)
    with open_video(tmp_path / "a.mp4") as video:
        error = (video.frames(range(6)).float() - frames.float()).abs()
    assert error.mean() < 4  # a quarter of the colours is kept; each pixel of 10 levels a step


def test_better_quality_is_nearer_and_larger(tmp_path):
    frames, errors, sizes = smooth(), [], []
    for quality in (20, 60, 100):
        path = tmp_path / f"{quality}.mp4"
        write_mp4(path, frames, 25, quality=quality)
        with open_video(path) as video:
            errors.append((video.frames(range(6)).float() - frames.float()).abs().mean().item())
        sizes.append(path.stat().st_size)
    assert errors == sorted(errors, reverse=True)
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("write", [write_mp4, write_webp])
def test_the_same_frames_are_the_same_bytes(tmp_path, write):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.{write.__name__[-4:]}", smooth(), 25)
    one, other = sorted(tmp_path.iterdir())
    assert one.read_bytes() == other.read_bytes()


def test_a_webp_plays_as_long_as_it_should(tmp_path):
    write_webp(tmp_path / "a.webp", smooth(time=31), 30)
    with Image.open(tmp_path / "a.webp") as picture:
        shown = []
        for frame in range(picture.n_frames):
            picture.seek(frame)
            picture.load()
            shown.append(picture.info["duration"])
    assert sum(shown) == pytest.approx(31 * 1000 / 30, abs=1)


@pytest.mark.parametrize(("count", "columns"), [(6, 3), (7, 3), (5, None), (1, None), (4, 9)])
def test_a_strip_holds_every_frame_in_its_cell(tmp_path, count, columns):
    frames = smooth(time=count)
    strip = write_strip(tmp_path / "a.webp", frames, columns=columns, lossless=True)
    picture = np.asarray(Image.open(tmp_path / "a.webp").convert("RGB"))
    assert picture.shape == (strip.rows * strip.height, strip.columns * strip.width, 3)
    assert (strip.count, strip.height, strip.width) == (count, 48, 64)
    for number, frame in enumerate(frames.numpy()):
        row, column = divmod(number, strip.columns)
        cell = picture[row * 48 : (row + 1) * 48, column * 64 : (column + 1) * 64]
        assert np.array_equal(cell, frame)


def test_a_lossy_strip_is_smaller(tmp_path):
    write_strip(tmp_path / "lossless.webp", smooth(), lossless=True)
    write_strip(tmp_path / "lossy.webp", smooth(), quality=60)
    sizes = [(tmp_path / f"{name}.webp").stat().st_size for name in ("lossy", "lossless")]
    assert all(small < large for small, large in pairwise(sizes))


@pytest.mark.parametrize(
    ("frames", "rate", "quality", "expected"),
    [
        (smooth()[:0], 25, 90, "one frame or more"),
        (smooth(), 0, 90, "a rate above 0"),
        (smooth(), -5, 90, "a rate above 0"),
        (smooth(), 25, 101, "a quality from 1 to 100"),
    ],
    ids=["no frames", "no rate", "backward", "too good"],
)
def test_what_can_not_be_written_is_refused(tmp_path, frames, rate, quality, expected):
    with pytest.raises(VideoError, match=expected):
        write_mp4(tmp_path / "a.mp4", frames, rate, quality=quality)
    assert not list(tmp_path.iterdir())


def test_a_strip_too_large_for_webp_is_refused(tmp_path):
    frames = torch.zeros(300, 64, 64, 3, dtype=torch.uint8)
    with pytest.raises(VideoError, match="at most 16383 along a side"):
        write_strip(tmp_path / "a.webp", frames, columns=300)
