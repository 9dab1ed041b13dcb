from dataclasses import replace

import pytest

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.failure.pairs import (
    confused_pairs,
    pair_of,
    told_clips,
    unknown_labels,
)
from kinetoscope.evidence.scan import scan


def test_a_pair_is_told_with_its_count_its_share_and_what_chance_would_give(lamps_scanned):
    (pair,) = confused_pairs(lamps_scanned)
    assert pair.labels == ("left", "right")
    assert pair.taken == (2, 0)
    assert pair.clips == (6, 6)
    assert pair.cost == 2
    assert pair.share.value == pytest.approx(2 / 12)
    assert pair.share.low <= pair.share.value <= pair.share.high
    assert pair.expected == 1  # 2 mistakes on 2 other labels alike


def test_the_label_that_is_mistaken_more_often_comes_first_whatever_is_asked(lamps_scanned):
    assert pair_of(lamps_scanned, "right", "left").labels == ("left", "right")


def test_costs_are_those_that_are_given(lamps_scanned):
    (pair,) = confused_pairs(lamps_scanned, {("left", "right"): 5.0, ("right", "left"): 7.0})
    assert pair.cost == 10


def test_the_costliest_pair_comes_first(lamps, lamp_videos, tmp_path):
    """One video that is called low, and shows what is taken for left, costs more than two."""
    entries = [*lamp_videos.entries]
    entries[5] = replace(entries[5], label="low")
    found = scan(lamps, replace(lamp_videos, entries=tuple(entries)), tmp_path / "scan")
    plain = [set(pair.labels) for pair in confused_pairs(found)]
    assert plain == [{"left", "right"}, {"left", "low"}]
    dear = confused_pairs(found, {("low", "left"): 3.0})
    assert [set(pair.labels) for pair in dear] == plain[::-1]


def test_a_pair_that_is_never_mixed_up_can_be_asked_for(lamps_scanned):
    pair = pair_of(lamps_scanned, "right", "low")
    assert pair.taken == (0, 0)
    assert pair.cost == 0
    assert pair.rival("low") == "right"


def test_labels_that_the_network_does_not_know_are_left_out_and_said(lamps, lamp_videos, tmp_path):
    entries = (*lamp_videos.entries[:2], replace(lamp_videos.entries[2], label="dim"))
    found = scan(lamps, replace(lamp_videos, entries=entries), tmp_path / "scan")
    assert unknown_labels(found) == ["dim"]
    assert len(told_clips(found)) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("left", "left", id="the same"),
        pytest.param("left", "rihgt", id="unknown"),
    ],
)
def test_refuses_what_is_no_pair(lamps_scanned, one, other):
    with pytest.raises(UnknownNameError, match="not two labels"):
        pair_of(lamps_scanned, one, other)
