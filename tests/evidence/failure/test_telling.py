import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from kinetoscope.evidence.failure.pairs import pair_of
from kinetoscope.evidence.failure.telling import best_apart, best_both, tell_pair
from kinetoscope.units.unit import Unit

from .lamps import BLAMED, DEAD, LEFT, LOW, RIGHT, UPPER


@pytest.fixture
def told(lamps_scanned):
    pair = pair_of(lamps_scanned, "left", "right")
    return {each.unit.channel: each for each in tell_pair(lamps_scanned, pair, ["units"])}


def test_units_tell_the_two_apart_by_answering_to_one_alone(told):
    assert told[LEFT].apart == 1
    assert told[RIGHT].apart == 0
    assert told[LOW].apart == 0.5
    assert [each.unit.channel for each in best_apart([*told.values()], 2)] == [LEFT, RIGHT]


def test_areas_are_those_of_scikit_learn(told, lamps_scanned):
    labels, answers = lamps_scanned.clips["label"].to_numpy(), lamps_scanned.maxima("units").numpy()
    own, rest = answers[labels == "left", BLAMED], answers[labels == "low", BLAMED]
    truth = np.repeat([1, 0], [len(own), len(rest)])
    assert told[BLAMED].areas[0] == pytest.approx(roc_auc_score(truth, np.concatenate([own, rest])))


def test_a_unit_that_both_excite_is_found(told):
    assert told[LEFT].both == 0.5
    best = best_both([*told.values()], 9)
    assert best[0].unit == Unit("units", UPPER)
    assert best[0].both == 1
    assert best[1].both <= 0.5


def test_dead_units_are_left_out(told):
    assert DEAD not in told
    assert 0 <= told[LEFT].rate < told[LOW].rate


def test_where_there_is_no_third_label_no_unit_is_said_to_answer_to_both(
    lamps, lamp_videos, tmp_path
):
    from dataclasses import replace

    from kinetoscope.evidence.scan import scan

    two = replace(lamp_videos, entries=lamp_videos.entries[:12])
    found = scan(lamps, two, tmp_path / "scan")
    told = tell_pair(found, pair_of(found, "left", "right"), ["units"])
    assert best_both(told, 5) == []
    assert len(best_apart(told, 5)) > 0
