import polars as pl
import pytest

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.examples.ranking import (
    Answers,
    bottom,
    middle,
    scanned_answers,
    top,
    unit_answers,
)
from kinetoscope.units.objective import Objective, activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.boxes import PLACES

LIGHT, DEAD = Unit("relu", 0), Unit("relu", 2)
WHOLE = ((0, 8), (0, 32), (0, 32))


def clips(hits):
    return [hit.clip for hit in hits]


# Known answer


def test_the_middle_lies_around_the_median_of_the_clips_that_excite(scanned):
    answers = unit_answers(scanned, LIGHT)
    assert clips(top(scanned, answers, 9)) == [6, 5, 4, 2, 1, 0]
    assert clips(middle(scanned, answers, 2)) == [4, 2]
    assert clips(middle(scanned, answers, 3)) == [5, 4, 2]
    assert clips(bottom(scanned, answers, 2)) == [0, 1]


def test_clips_that_do_not_excite_at_all_are_not_in_the_middle(scanned):
    assert middle(scanned, unit_answers(scanned, DEAD), 3) == []
    few = unit_answers(scanned, LIGHT)
    few = Answers(table=few.table, field=few.field, excites_above=0.78)
    assert clips(middle(scanned, few, 1)) == [5]
    assert len(few.exciting()) == 3


def test_a_label_is_ranked_by_its_score_and_has_no_one_place(scanned):
    best, second, *_ = top(scanned, scanned_answers(scanned, label("light")), 3)
    assert (best.clip, second.clip) == (6, 5)
    assert best.activation == pytest.approx(9.0, abs=0.1)
    assert best.place is None
    assert best.box == WHOLE


def test_a_unit_alone_keeps_its_place_and_is_scaled(scanned):
    best = top(scanned, scanned_answers(scanned, 2 * activation(LIGHT)), 1)[0]
    assert best.activation == pytest.approx(1.8, abs=0.02)
    assert best.place == PLACES[6]


def test_a_sum_is_that_of_means_and_scores(scanned):
    found = scanned_answers(scanned, label("light") - 2 * activation(LIGHT))
    means, scores = scanned.means("relu")[:, 0], scanned.scores[:, 0]
    for row in found.table.iter_rows(named=True):
        expected = scores[row["clip"]] - 2 * means[row["clip"]]
        assert row["value"] == pytest.approx(expected.item(), rel=1e-5)
    assert clips(top(scanned, found, 9)) == [6, 5, 4, 2, 1, 0]


def test_what_is_unwanted_is_ranked_by_its_mean(scanned):
    found = scanned_answers(scanned, -activation(LIGHT))
    assert clips(top(scanned, found, 2)) == [0, 1]
    assert top(scanned, found, 1)[0].place is None


@pytest.mark.parametrize("written", ["relu:0@centre", "relu:[1,0,0]", "boxes:0"])
def test_a_scan_does_not_tell_of_everything(scanned, written):
    assert scanned_answers(scanned, Objective.parse(written)) is None


# Promises


def test_a_video_is_there_once_and_of_equals_the_first(scanned):
    table = pl.concat([unit_answers(scanned, LIGHT).table] * 2).with_columns(value=pl.lit(1.0))
    answers = Answers(table=table)
    assert clips(top(scanned, answers, 99)) == [0, 1, 2, 4, 5, 6]
    assert clips(bottom(scanned, answers, 99)) == [0, 1, 2, 4, 5, 6]


# Refusals


@pytest.mark.parametrize(
    ("written", "message"),
    [("label:lihgt", "near: light"), ("relu:3", "a channel from 0 to 2 of relu")],
)
def test_refuses_what_the_scan_does_not_have(scanned, written, message):
    with pytest.raises(UnknownNameError, match=message):
        scanned_answers(scanned, Objective.parse(written))
