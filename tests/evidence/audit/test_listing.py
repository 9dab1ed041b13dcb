from pathlib import Path

import numpy as np
import pytest

from kinetoscope.clips.catalog import Entry
from kinetoscope.evidence.audit.area import area_of
from kinetoscope.evidence.audit.duplicates import Pair
from kinetoscope.evidence.audit.listing import count_contrary, joined, pair_rows, told_row
from kinetoscope.evidence.audit.telling import Told


def entry(split="train", label="run", group=None):
    return Entry(path=Path("a.mp4"), split=split, label=label, group=group)


def pair(one, other, similarity=0.95, motion=None):
    return Pair(
        one=one, other=other, view="plain", distance=3, similarity=similarity, motion=motion
    )


ENTRIES = [entry(), entry("test"), entry("test", "jump"), entry(label="jump")]


def test_pairs_in_two_splits_come_first_then_those_under_two_labels_then_the_most_alike():
    pairs = [
        pair(1, 2, 0.99),  # one split, two labels
        pair(0, 1, 0.91),  # two splits
        pair(0, 2, 0.92),  # two splits, two labels
        pair(0, 1, 0.97, motion=0.1),  # two splits, but only the scene is the same
        pair(2, 3, 0.98),  # two splits
    ]
    rows = pair_rows(pairs, ENTRIES, [10, 11, 12, 13])
    assert [row["similarity"] for row in rows] == [0.92, 0.98, 0.91, 0.99, 0.97]
    assert rows[0]["videos"] == [10, 12]
    assert count_contrary(rows) == {"count": 5, "across": 4, "contrary": 2, "one_recording": 1}


def test_copies_and_groups_are_joined():
    entries = [entry(group="ann"), entry(), entry(group="bob"), entry(group="ann")]
    assert set(joined(entries, [pair(1, 2)])) == {(1, 2), (0, 0), (2, 2), (0, 3)}


@pytest.mark.parametrize("reported", [True, False])
def test_a_row_says_what_was_told(reported):
    area = area_of(np.array([2.0, 3.0, 1.0]), np.array([1.0, 0.0, 2.5]))
    told = Told(
        cue="border", label=1, clips=3, area=area, shuffled=(0.4, 0.6), rate=0.2, telling=(2,)
    )
    row = told_row(told, ["run", "jump"], reported=reported)
    assert row["label"] == "jump"
    assert row["area"] == {"value": area.value, "low": area.low, "high": area.high}
    assert row["reported"] == reported
