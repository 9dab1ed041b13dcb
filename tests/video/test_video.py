"""Frames by index and by second, and files that are not as they should be."""

import av
import numpy as np
import pytest
import torch

import kinetoscope
from kinetoscope.errors import VideoError
from kinetoscope.video.video import open_video
from tests.video.conftest import encode, number_in, numbered

UNEVEN = [0, 40, 50, 300, 310, 900]  # [1/1000 s]


def test_frames_come_in_the_order_asked_for_and_twice_if_asked_for_twice(make_video):
    with open_video(make_video(count=20)) as video:
        frames = video.frames([7, 3, 7, 19])
    assert (frames.dtype, tuple(frames.shape)) == (torch.uint8, (4, 16, 128, 3))
    assert [number_in(frame) for frame in frames] == [7, 3, 7, 19]


def test_no_frames_asked_for_are_no_frames(make_video):
    with open_video(make_video(count=3)) as video:
        assert tuple(video.frames([]).shape) == (0, 16, 128, 3)


def test_seconds_are_those_of_the_file_where_the_rate_varies(make_video):
    with open_video(make_video("uneven.mkv", 6, ticks=UNEVEN)) as video:
        assert video.seconds == pytest.approx([tick / 1000 for tick in UNEVEN])
        assert video.frames_per_second == pytest.approx(5 / 0.9)
        assert [number_in(frame) for frame in video.frames(range(6))] == list(range(6))


def test_the_frame_at_a_second_is_the_one_on_screen(make_video):
    with open_video(make_video("uneven.mkv", 6, ticks=UNEVEN)) as video:
        at = [0.0, 0.039, 0.04, 0.049, 0.2, 0.3, 0.305, 0.5, 0.9]
        assert [video.index_at(second) for second in at] == [0, 0, 1, 1, 2, 3, 3, 4, 5]
        assert [video.index_at(second) for second in video.seconds] == list(range(6))
        assert video.index_at(1 / 3 * 0.9) == 3  # a rounded 0.3


@pytest.mark.parametrize("second", [-0.1, 4.9, 6.001, 100.0, float("nan")])
def test_a_second_without_a_picture_is_refused(make_video, second):
    path = make_video("late.mp4", 25, ticks=[5000 + 40 * number for number in range(25)])
    with open_video(path) as video, pytest.raises(VideoError, match=r"5\.000 seconds or more"):
        video.index_at(second)


def test_a_file_may_start_late(make_video):
    path = make_video("late.mp4", 25, ticks=[5000 + 40 * number for number in range(25)])
    with open_video(path) as video:
        assert (video.start_seconds, video.duration_seconds) == (5.0, pytest.approx(1.0))
        assert (video.index_at(5.0), video.index_at(5.5)) == (0, 12)


def test_one_frame_is_a_video(make_video):
    with open_video(make_video(count=1)) as video:
        assert (video.frame_count, video.seconds) == (1, (0.0,))
        assert video.frames_per_second == pytest.approx(25)
        assert number_in(video.frame(0)[0]) == 0


@pytest.mark.parametrize("index", [-1, 10, 99])
def test_a_frame_that_is_not_there_is_refused(make_video, index):
    refusal = f"got: +frame {index}\n +expected: a frame from 0 to 9"
    with open_video(make_video(count=10)) as video, pytest.raises(VideoError, match=refusal):
        video.frames([0, index])


@pytest.mark.parametrize("name", ['it\'s "quoted".mp4', "日本 ünï.mp4", "a b%03d.mp4", "x:y?.mp4"])
def test_names_may_be_strange(make_video, name):
    with open_video(make_video(name, 5)) as video:
        assert number_in(video.frame(4)[0]) == 4


def test_names_are_taken_from_where_one_stands(make_video, monkeypatch):
    monkeypatch.chdir(make_video("http:clip.mp4", 5).parent)
    with open_video("http:clip.mp4") as video:
        assert video.frame_count == 5


def test_a_file_without_frames_is_refused(tmp_path):
    path = tmp_path / "nothing.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    with pytest.raises(VideoError, match=r"no frames|can't be opened"):
        open_video(path)


@pytest.mark.parametrize(
    ("name", "how", "expected"),
    [
        ("a.mp4", {"options": {"g": "10"}, "faststart": True}, "60 frames, as its header says"),
        ("a.avi", {"codec": "mpeg4"}, "60 frames, as its header says"),
        ("a.mkv", {}, "2.400 seconds, as its header says"),
    ],
)
def test_a_truncated_file_says_where_it_breaks_off(make_video, name, how, expected):
    path = make_video(name, 60, height=64, **_without(how, "faststart"))
    if "faststart" in how:
        _move_header_to_front(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with pytest.raises(VideoError, match=f"breaks off after frame(.|\n)*expected: {expected}"):
        open_video(path)
    with open_video(path, allow_truncated=True) as video:
        assert 10 < video.frame_count < 60
        shown = [number_in(frame) for frame in video.frames(range(video.frame_count))]
        assert shown == list(range(video.frame_count))


def test_a_file_cut_before_its_header_is_refused(make_video):
    path = make_video(count=60)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(VideoError, match="can't be opened as a video"):
        open_video(path)


def test_a_change_of_size_is_refused_unless_resized(tmp_path):
    path = tmp_path / "two_sizes.h264"
    small = encode(tmp_path / "small.h264", [numbered(n) for n in range(3)])
    large = encode(tmp_path / "large.h264", [numbered(n, 32, 256) for n in range(3)])
    path.write_bytes(small.read_bytes() + large.read_bytes())
    with open_video(path) as video:
        with pytest.raises(VideoError, match=r"frame 3 of .* has another size"):
            video.frames(range(6))
        assert tuple(video.frames(range(6), size=(8, 64)).shape) == (6, 8, 64, 3)


def test_the_public_name_is_the_class():
    assert kinetoscope.Video.__name__ == "Video"


def test_the_shared_odd_files_give_what_their_names_say(shared_data):
    odd = shared_data / "odd_files"
    with open_video(odd / "test_non_zero_start.mp4") as video:
        assert (video.frame_count, round(video.start_seconds, 3)) == (12, 8.333)
        assert video.index_at(8.334) == 0
    with open_video(odd / "testsrc2_odd_height_and_width_444.mp4") as video:
        assert video.size == (241, 321)
    with open_video(odd / "unordered.mov") as video:
        assert video.seconds == pytest.approx([0, 1 / 32, 2 / 32, 3 / 32])
    with open_video(odd / "animated.gif") as video:
        assert (video.frame_count, video.frames_per_second) == (4, 10.0)
        assert len(np.unique(video.frames(range(4)).numpy().reshape(4, -1), axis=0)) == 4
    with open_video(odd / "av1_video.mkv") as video:
        assert (video.frame_count, video.size) == (125, (360, 640))


def _without(options, name):
    return {key: value for key, value in options.items() if key != name}


def _move_header_to_front(path):
    front = path.with_name("front.mp4")
    options = {"movflags": "faststart"}
    with av.open(str(path)) as a, av.open(str(front), "w", options=options) as b:
        new = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(video=0):
            if packet.size:
                packet.stream = new
                b.mux(packet)
    front.replace(path)
