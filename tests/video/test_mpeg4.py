"""The order of MPEG-4 pictures, against a decoder written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.video.mpeg4 import (
    BIDIRECTIONAL,
    INTRA,
    PREDICTED,
    display_order,
    is_packed,
    picture_types,
    shown_slots,
)
from kinetoscope.video.video import open_video
from tests.video.conftest import number_in, numbered
from tests.video.packed import write_packed


@pytest.mark.parametrize("count", [47, 48, 49, 50])
@pytest.mark.parametrize("key_every", [12, 250])
def test_a_packed_file_shows_every_frame_in_its_place(tmp_path, count, key_every):
    pictures = [numbered(number) for number in range(count)]
    path = write_packed(tmp_path / "packed.avi", pictures, key_every=key_every)
    with open_video(path) as video:
        assert video.frame_count == count
        for wanted in (count - 1, 30, 31, 29, 2, 3, 1, 0, 40):
            assert number_in(video.frame(wanted)[0]) == wanted
        np.testing.assert_allclose(video.seconds, np.arange(count) / 25)


@given(st.lists(st.sampled_from([INTRA, PREDICTED, BIDIRECTIONAL]), max_size=30))
def test_the_order_is_that_of_a_decoder_written_out(types):
    shown, waiting = [], []  # the two pictures that bidirectional ones lie between
    for place, kind in enumerate(types):
        if kind == BIDIRECTIONAL and len(waiting) == 2:
            shown.append(place)
        if kind != BIDIRECTIONAL and (waiting or kind == INTRA):
            shown += waiting[-1:]
            waiting = [*waiting[-1:], place]
    assert display_order(types) == shown + waiting[-1:]


def test_a_repetition_is_no_new_frame():
    pictures = [bytes([INTRA]), bytes([PREDICTED]), b"", bytes([PREDICTED])]
    assert shown_slots(pictures, [0, 1, 2, 3]) == ([0, 1, 3], 0)


def test_only_the_first_picture_counts_where_nothing_says_packed():
    picture = b"\x00\x00\x01\xb6\x50" + b"much data"
    assert picture_types(picture * 2, packed=False) == bytes([PREDICTED])


@pytest.mark.parametrize(
    ("name", "packed"),
    [(b"DivX503b1393p", True), (b"DivX503b1393", False), (b"DivX501Build413p", True)],
)
def test_the_name_of_the_encoder_says_packed(name, packed):
    assert is_packed(b"\x00\x00\x01\xb2" + name + b"\x00") is packed
