import math

import numpy as np
import pytest

from kinetoscope.clips.open import open_entry
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.examples.neighbours import (
    chance_of,
    neighbours,
    neighbours_of,
    same_label,
)


def test_the_nearest_are_those_whose_features_point_the_same_way(scanned):
    """Features are (0.5 + a little, 0.5 - a little, 0): the lighter a box, the farther it turns."""
    found = neighbours(scanned, "relu", 6, 3)
    assert [each.clip for each in found] == [5, 4, 2]
    assert found[0].label == "light"
    mine, theirs = scanned.means("relu")[6].double(), scanned.means("relu")[5].double()
    expected = (mine @ theirs / (mine.norm() * theirs.norm())).item()
    assert found[0].similarity == pytest.approx(expected, rel=1e-9)


def test_a_clip_is_not_its_own_neighbour_and_unread_clips_are_none(scanned):
    for clip in (0, 6):
        found = neighbours(scanned, "relu", clip, 99)
        assert {each.clip for each in found} == {0, 1, 2, 4, 5, 6} - {clip}


def test_a_clip_from_outside_is_nearest_to_its_own_copy(network, catalog, scanned):
    clip = open_entry(catalog.entries[4], network.expects)
    best = neighbours_of(network, scanned, "relu", clip, 3)[0]
    assert best.clip == 4
    assert best.similarity == pytest.approx(1.0)


def test_the_share_of_the_label_beside_chance(scanned):
    found = neighbours(scanned, "relu", 6, 2)
    assert same_label(found, "light") == 1.0
    assert same_label(found, "dark") == 0.0
    assert chance_of(scanned, "light") == 0.5
    assert math.isnan(same_label([], "light"))
    assert np.isnan(chance_of(scanned, None))


@pytest.mark.parametrize(
    ("layer", "clip", "message"),
    [("rely", 6, "near: relu"), ("relu", 7, "from 0 to 6"), ("relu", 3, "not a video|3 <b>")],
    ids=["layer", "clip", "unreadable"],
)
def test_refuses_what_the_scan_does_not_have(scanned, layer, clip, message):
    with pytest.raises(UnknownNameError, match=message):
        neighbours(scanned, layer, clip)
