"""Exact frames from every container, and nothing decoded that need not be."""

import random

import av
import numpy as np
import pytest

from kinetoscope.errors import VideoError
from kinetoscope.video.decode import Decoder
from kinetoscope.video.video import open_video
from tests.video.conftest import number_in

KINDS = {
    "h264.mp4": {"options": {"g": "10"}},
    "h264.mkv": {"options": {"g": "10"}},
    "h264.ts": {"options": {"g": "10"}},
    "h264.avi": {"options": {"g": "10"}},
    "raw.h264": {"options": {"g": "10"}},
    "open_groups.mkv": {"options": {"g": "10", "x264-params": "open-gop=1"}},
    "refreshed.ts": {"options": {"g": "10", "x264-params": "intra-refresh=1"}},
    "ten_bits.mkv": {"options": {"g": "10"}, "pixels": "yuv420p10le"},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "10"}},
    "both_ways.avi": {"codec": "mpeg4", "options": {"g": "10", "bf": "2"}},
    "both_ways.mkv": {"codec": "mpeg4", "options": {"g": "10", "bf": "2"}},
    "msmpeg4.avi": {"codec": "msmpeg4", "options": {"g": "10"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"g": "10", "bf": "2"}},
    "vp8.webm": {"codec": "libvpx", "options": {"g": "10", "cpu-used": "8"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "10", "cpu-used": "8"}},
    "motion.avi": {"codec": "mjpeg", "pixels": "yuvj420p"},
    "animated.gif": {"codec": "gif", "pixels": "rgb8"},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_is_the_one_that_was_asked_for(make_video, name):
    path = make_video(name, 30, **KINDS[name])
    wanted = [29, 0, 15, 14, 16, 3, 3, 28, 9, 10, 11, 21, 20, 19]
    with open_video(path) as video:
        assert video.frame_count == 30
        assert [number_in(video.frame(index)[0]) for index in wanted] == wanted
        assert [number_in(frame) for frame in video.frames(range(30))] == list(range(30))
        assert np.diff(video.seconds) == pytest.approx(1 / 25, abs=0.0011)


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_reading_gives_what_reading_straight_through_gives(make_video, seed):
    path = make_video("long.mp4", 120, options={"g": "24", "bf": "3"})
    with av.open(str(path)) as container:
        straight = [
            frame.to_ndarray(format="rgb24", threads=1) for frame in container.decode(video=0)
        ]
    chance = random.Random(seed)
    with open_video(path) as video:
        for index in [chance.randrange(120) for _ in range(40)]:
            assert np.array_equal(video.frame(index)[0].numpy(), straight[index])


def test_reading_a_few_frames_does_not_decode_the_others(make_video):
    path = make_video("long.mp4", 250, options={"g": "25", "bf": "0", "x264-params": "scenecut=0"})
    with open_video(path) as video:
        assert video.decoded_count == 0
        video.frames([26, 103, 228])
        assert video.decoded_count == 2 + 4 + 4


def test_frames_that_no_other_refers_to_are_left_out_on_the_way(make_video):
    shape = (
        "bframes=3:b-adapt=0:b-pyramid=none:scenecut=0"  # P, then three B that nothing refers to
    )
    path = make_video("both_ways.mp4", 61, options={"g": "250", "x264-params": shape})
    with open_video(path) as video:
        assert number_in(video.frame(60)[0]) == 60
        assert video.decoded_count == 1 + 60 // 4


def test_a_frame_that_is_there_already_is_not_decoded_again(make_video):
    with open_video(make_video(count=10)) as video:
        video.frame(4)
        before = video.decoded_count
        video.frame(4)
        assert video.decoded_count == before


def test_the_size_is_known_from_one_frame(make_video):
    with open_video(make_video(count=50)) as video:
        assert (video.size, video.decoded_count) == ((16, 128), 1)


def test_what_an_edit_list_hides_is_not_shown(make_video, tmp_path):
    whole = make_video("whole.mp4", 50, options={"g": "20", "bf": "2"})
    path = _copied(whole, tmp_path / "cut.mp4", shift=-7, avoid_negative_ts="disabled")
    with open_video(path) as video:
        assert (video.frame_count, video.start_seconds) == (43, 0.0)
        assert [number_in(video.frame(index)[0]) for index in (40, 3, 20, 0)] == [47, 10, 27, 7]


@pytest.mark.parametrize("kind", ["ts", "mkv", "mp4"])
def test_a_file_that_was_cut_starts_with_what_can_be_decoded(make_video, tmp_path, kind):
    whole = make_video("whole.mp4", 50, options={"g": "20", "x264-params": "scenecut=0"})
    path = _copied(whole, tmp_path / f"cut.{kind}", leave_out=range(5))
    with open_video(path) as video:
        assert video.frame_count == 30
        assert [number_in(frame) for frame in video.frames([29, 0])] == [49, 20]


def test_a_hole_in_the_data_is_an_error_up_to_the_next_key_frame(make_video):
    path = make_video("whole.mp4", 50, options={"g": "20", "bf": "0", "x264-params": "scenecut=0"})
    _spoil(path, frame=25)
    with open_video(path) as video:
        assert [number_in(video.frame(index)[0]) for index in (24, 40)] == [24, 40]
        for lost in (25, 30, 39):
            with pytest.raises(VideoError, match=f"frame {lost} .*can't be decoded(.|\n)*frame 25"):
                video.frame(lost)
        assert number_in(video.frame(41)[0]) == 41


def test_memory_of_the_index_is_a_few_numbers_a_frame(make_video):
    decoder = Decoder(make_video("long.mp4", 200))
    assert decoder.index.ticks.itemsize * len(decoder.index) == 8 * 200
    decoder.close()


@pytest.mark.parametrize(
    ("name", "content", "got"),
    [
        ("clip.txt", b"hello\nworld\n", "a text file"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n", "a text file"),
        ("empty.mp4", b"", "Invalid data"),
        ("noise.mp4", bytes(range(256)) * 40, "Invalid data"),
    ],
)
def test_what_is_not_a_video_is_refused(tmp_path, name, content, got):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VideoError, match=f"{name} can't be opened as a video\n +got: +{got}"):
        open_video(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(VideoError, match="no such file"):
        open_video(tmp_path / "missing.mp4")
    with pytest.raises(VideoError, match="a folder"):
        open_video(tmp_path)


def test_sound_with_a_cover_is_refused(tmp_path):
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("mp3", rate=44100)
        for _ in range(4):
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 1152), np.float32), format="fltp", layout="mono"
            )
            frame.rate = 44100
            container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with pytest.raises(VideoError, match="audio streams, and no video"):
        open_video(path)


def test_a_format_without_a_decoder_is_refused(make_video):
    path = make_video("unknown.avi", 5, codec="mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"QQQQ"))
    with pytest.raises(VideoError, match="no decoder for"):
        open_video(path)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_spoilt_is_read_or_refused(make_video, seed):
    chance = random.Random(seed)
    name = chance.choice(["h264.mp4", "h264.ts", "both_ways.avi", "vp9.webm", "animated.gif"])
    path = make_video(name, 12, **KINDS[name])
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 10, 100])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    path.write_bytes(data[: chance.randrange(len(data) // 2, len(data) + 1)])
    try:
        with open_video(path, allow_truncated=chance.random() < 0.5) as video:
            assert len(video.seconds) == video.frame_count
            assert video.frames([video.frame_count - 1, 0]).shape[0] == 2
    except VideoError as error:
        assert name in error.what  # noqa: PT017


@pytest.mark.slow
def test_every_shared_file_reads_the_same_in_any_order(shared_data):
    for path in sorted([*shared_data.glob("clips/*"), *shared_data.glob("odd_files/*")]):
        with av.open(str(path)) as container:
            straight = [_key(frame) for frame in container.decode(video=0)]
        decoder = Decoder(path)
        assert len(decoder.index) == len(straight), path.name
        chance = random.Random(0)
        wanted = [chance.randrange(len(straight)) for _ in range(12)]
        for index in [*wanted, len(straight) - 1, 0]:
            assert _key(decoder.frame(index)) == straight[index], (path.name, index)
        decoder.close()


def _key(frame):
    return hash(frame.to_ndarray(format="rgb24", threads=1).tobytes())


def _copied(source, path, *, shift=0, leave_out=(), **options):
    """Copy packets to another file, shifted in time by frames of 1/25 s, some left out."""
    with av.open(str(source)) as a, av.open(str(path), "w", options=options) as b:
        old = a.streams.video[0]
        new = b.add_stream_from_template(old)
        for number, packet in enumerate(a.demux(old)):
            if packet.size and number not in leave_out:
                packet.pts += round(shift / 25 / old.time_base)
                packet.dts += round(shift / 25 / old.time_base)
                packet.stream = new
                b.mux(packet)
    return path


def _spoil(path, *, frame):
    """Overwrite the data of a frame."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        place, size = packets[frame].pos, packets[frame].size
    data = bytearray(path.read_bytes())
    data[place + 5 : place + size] = bytes(size - 5)
    path.write_bytes(data)
