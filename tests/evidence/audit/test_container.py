from math import log2

import av
import numpy as np
import pytest
import torch

from kinetoscope.clips.catalog import Entry
from kinetoscope.errors import VideoError
from kinetoscope.evidence.audit.container import container_of
from kinetoscope.video.encode import write_mp4


@pytest.fixture
def pictures():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (10, 32, 48, 3), generator=generator, dtype=torch.uint8)


def test_says_what_was_written(pictures, tmp_path):
    path = tmp_path / "a.mp4"
    write_mp4(path, pictures, 5.0)
    found = container_of(Entry(path=path))
    assert (found.frames, found.height, found.width) == (10, 32, 48)
    assert found.seconds == pytest.approx(2.0)
    assert found.frames_per_second == pytest.approx(5.0)
    assert (found.codec, found.pixels, found.container) == ("h264", "yuv420p", "mov")
    assert found.bits_per_second == pytest.approx(8 * path.stat().st_size / 2)
    assert found.form["codec h264"] == 1
    rate = found.rate["bits per pixel (log2)"]
    assert rate == pytest.approx(log2(found.bits_per_second / (32 * 48 * 5)))


def test_a_span_is_as_long_as_it_is_meant(pictures, tmp_path):
    write_mp4(tmp_path / "a.mp4", pictures, 5.0)
    found = container_of(Entry(path=tmp_path / "a.mp4", start_seconds=0.4, end_seconds=1.0))
    assert found.frames == 3
    assert found.seconds == pytest.approx(0.6)
    beyond = container_of(Entry(path=tmp_path / "a.mp4", start_seconds=1.0, end_seconds=9.0))
    assert beyond.length == pytest.approx({"frames": 5, "seconds": 1.0, "frames per second": 5.0})


def test_another_codec_has_another_form(pictures, tmp_path):
    with av.open(tmp_path / "b.avi", "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for picture in pictures.numpy():
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        file.mux(stream.encode())
    found = container_of(Entry(path=tmp_path / "b.avi"))
    assert {"codec mpeg4", "container avi"} <= found.form.keys()


def test_refuses_what_is_no_video(tmp_path):
    (tmp_path / "c.mp4").write_text("no video")
    with pytest.raises(VideoError):
        container_of(Entry(path=tmp_path / "c.mp4"))
