"""Known colours and known turns."""

import gc

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.video.picture import Painter, _orientation
from kinetoscope.video.video import open_video
from tests.video.conftest import encode

COLOURS = np.array(
    [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3, [128] * 3, [200, 50, 120]], np.uint8
)
# share of red and of blue in the luminance, by FFmpeg's number of the matrix; 2 states none
MATRICES = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}
LIMITED, FULL = 1, 2


def _planes(matrix: int, colour_range: int, bits: int) -> np.ndarray:
    """Y, Cb and Cr of the colours by the definition; ITU-R BT.601, BT.709 and BT.2020."""
    red, blue = MATRICES[matrix]
    rgb = COLOURS / 255
    y = rgb @ [red, 1 - red - blue, blue]
    cb, cr = (rgb[:, 2] - y) / (2 - 2 * blue), (rgb[:, 0] - y) / (2 - 2 * red)
    if colour_range == FULL:
        top = 2**bits - 1
        planes = [y * top, cb * top + 2 ** (bits - 1), cr * top + 2 ** (bits - 1)]
        return np.rint(planes).clip(0, top)
    return np.rint([16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr]) * 2 ** (bits - 8)


def _frame(pixels: str, matrix: int, colour_range: int) -> av.VideoFrame:
    """A column of 16 pixels of each colour."""
    frame = av.VideoFrame(16 * len(COLOURS), 16, pixels)
    bits = 10 if "10" in pixels else 8
    kind = np.uint16 if bits > 8 else np.uint8
    for plane, values in zip(frame.planes, _planes(matrix, colour_range, bits), strict=True):
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, : plane.width] = np.repeat(values, plane.width // len(COLOURS))
        plane.update(rows.tobytes())
    frame.colorspace, frame.color_range = matrix, colour_range
    return frame


@pytest.mark.parametrize("colour_range", [LIMITED, FULL])
@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv444p", "yuv422p", "yuv420p10le"])
def test_colours_are_those_that_were_meant(pixels, matrix, colour_range):
    painted = Painter().paint(_frame(pixels, matrix, colour_range))[8, 8::16]
    assert np.abs(painted.astype(int) - COLOURS).max() <= 3


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_a_turned_file_shows_the_same_upright_picture(tmp_path, degrees, turns):
    upright = np.random.default_rng(0).integers(0, 4, (3, 4, 3)).astype(np.uint8) * 80
    upright = upright.repeat(16, 0).repeat(16, 1)
    lying = np.ascontiguousarray(np.rot90(upright, turns))  # counterclockwise

    def turn_back(stream):
        stream.set_display_rotation(-degrees)

    how = {"pixels": "yuv444p", "options": {"qp": "0"}, "stream_setup": turn_back}
    with open_video(encode(tmp_path / "turned.mp4", [lying] * 3, **how)) as video:
        assert (video.rotation, video.size) == (degrees, (48, 64))
        assert np.abs(video.frame(1)[0].numpy().astype(int) - upright).max() <= 6


@given(st.sampled_from([(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1)]))
def test_turning_is_what_the_matrix_says_of_each_pixel(matrix):
    a, b, c, d = matrix
    picture = np.arange(3 * 4 * 3, dtype=np.uint8).reshape(3, 4, 3)
    places = {(a * x + c * y, b * x + d * y): picture[y, x] for y in range(3) for x in range(4)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    turned = _orientation(a, b, c, d).apply(picture)
    assert turned.shape[:2] == _orientation(a, b, c, d).size(3, 4)
    for (x, y), colour in places.items():
        assert np.array_equal(turned[y - top, x - left], colour)


@pytest.mark.parametrize("size", [(15, 33), (17, 31), (1, 1)])
def test_odd_sizes_keep_every_row_and_column(size):
    ramp = np.zeros((*size, 3), np.uint8)
    ramp[..., 0] = np.linspace(0, 255, size[1], dtype=np.uint8)
    ramp[..., 1] = np.linspace(0, 255, size[0], dtype=np.uint8)[:, None]
    frame = av.VideoFrame.from_ndarray(ramp, format="rgb24").reformat(format="yuv444p", threads=1)
    painted = Painter().paint(frame)
    assert painted.shape == ramp.shape
    assert np.abs(painted.astype(int) - ramp).max() <= 4


def test_frames_are_let_go_without_a_garbage_collection(make_video):
    gc.collect()
    gc.disable()
    try:
        with open_video(make_video(count=20)) as video:
            for index in range(20):
                video.frame(index)
        kept = sum(type(thing) is av.VideoFrame for thing in gc.get_objects())
    finally:
        gc.enable()
    assert kept <= 2


def test_resizing_while_converting_averages():
    checks = np.indices((64, 96)).sum(0)[..., None].repeat(3, -1) % 2 * np.uint8(255)
    frame = av.VideoFrame.from_ndarray(checks.astype(np.uint8), format="rgb24")
    small = Painter().paint(frame, (16, 24))
    assert small.shape == (16, 24, 3)
    assert np.abs(small[2:-2, 2:-2].astype(int) - 128).max() <= 4


def test_the_shared_turned_files_stand_upright(shared_data):
    for name, size in [
        ("0", (320, 568)),
        ("180", (320, 568)),
        ("90", (568, 320)),
        ("270", (568, 320)),
    ]:
        with open_video(shared_data / "odd_files" / f"video_{name}.mov") as video:
            assert (video.rotation, video.size) == (int(name), size)
            assert tuple(video.frame(0).shape[1:3]) == size
            # filmed with the light above: the keys' upper part of each picture is the brighter


def test_the_shared_file_of_full_range_has_the_colours_it_states(shared_data):
    with open_video(shared_data / "odd_files" / "bt709_full_range.mp4") as video:
        picture = video.frame(0)[0, 360].numpy()
    # FFmpeg's own conversion of the same pixels
    assert picture[10].tolist() == pytest.approx([255, 35, 10], abs=2)
