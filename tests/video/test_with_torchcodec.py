"""Where torchcodec is used at all, it gives the same frames."""

import numpy as np
import pytest
import torch

from kinetoscope.video import with_torchcodec
from kinetoscope.video.video import open_video
from kinetoscope.video.with_torchcodec import probe
from tests.video.conftest import encode, number_in, numbered
from tests.video.packed import write_packed

needs_torchcodec = pytest.mark.skipif(
    with_torchcodec._decoder_class() is with_torchcodec._unusable,
    reason="needs torchcodec and the system FFmpeg that it wants",
)


def _video_of(tmp_path, name, **how):
    return encode(tmp_path / name, [numbered(number) for number in range(40)], **how)


@needs_torchcodec
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.mp4", {"options": {"g": "12"}}),
        ("a.mkv", {"options": {"g": "12"}}),
        ("a.webm", {"codec": "libvpx-vp9", "options": {"g": "12", "cpu-used": "8"}}),
    ],
)
def test_it_gives_the_same_pixels(tmp_path, name, how):
    path, wanted = _video_of(tmp_path, name, **how), [30, 2, 2, 39, 0]
    with open_video(path, decoder="torchcodec") as video, open_video(path, decoder="pyav") as other:
        assert (video.decoder, other.decoder) == ("torchcodec", "pyav")
        assert torch.equal(video.frames(wanted), other.frames(wanted))


@needs_torchcodec
def test_a_file_that_it_reads_wrongly_is_left_to_pyav(tmp_path):
    path = write_packed(tmp_path / "packed.avi", [numbered(number) for number in range(40)])
    with open_video(path, decoder="torchcodec") as video:
        assert [number_in(frame) for frame in video.frames([39, 1, 20])] == [39, 1, 20]
        assert video.decoder == "pyav"


@needs_torchcodec
def test_other_times_or_another_picture_are_noticed(tmp_path):
    path = _video_of(tmp_path, "a.mp4")
    with open_video(path, decoder="pyav") as video:
        seconds, first = np.array(video.seconds), video.frame(0)[0].numpy()
    assert probe(path, seconds, first) is not None
    assert probe(path, seconds + 0.04, first) is None
    assert probe(path, seconds[:-1], first) is None
    assert probe(path, seconds, 255 - first) is None


@pytest.mark.slow
@needs_torchcodec
def test_the_shared_files_are_the_same_or_left_to_pyav(shared_data):
    for path in sorted([*shared_data.glob("clips/*"), *shared_data.glob("odd_files/*")]):
        with (
            open_video(path, decoder="pyav") as video,
            open_video(path, decoder="torchcodec") as other,
        ):
            last = video.frame_count - 1
            wanted = [0, last // 3, last // 2, last]
            assert torch.equal(video.frames(wanted), other.frames(wanted)), path.name


def test_without_it_pyav_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(with_torchcodec, "_decoder_class", lambda: with_torchcodec._unusable)
    with open_video(_video_of(tmp_path, "a.mp4"), decoder="torchcodec") as video:
        assert video.decoder == "pyav"
        assert number_in(video.frame(30)[0]) == 30


def test_pyav_reads_what_frames_can_be_left_out_of(tmp_path):
    with open_video(_video_of(tmp_path, "a.mp4")) as video:
        assert video.decoder == "pyav"
