import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.cues.shares import (
    contributions,
    interplay,
    parts_of_answer,
    share_of_second,
    units_shares,
)
from kinetoscope.evidence.stimuli.measures.streams import shapley

real = st.floats(-5, 5)


def array(*values):
    return [np.array([value], dtype=float) for value in values]


# known answers, by hand


def test_a_game_that_is_computed_by_hand():
    game = array(1, 3, 2, 9)  # neither, appearance, motion, both
    # appearance: ((3 - 1) + (9 - 2)) / 2 = 4.5; motion: ((2 - 1) + (9 - 3)) / 2 = 3.5; of 8
    assert share_of_second(*game) == pytest.approx(3.5 / 8)
    assert interplay(*game) == pytest.approx((9 - 3 - 2 + 1) / 8)
    assert np.concatenate(parts_of_answer(*game)) == pytest.approx([4.5 / 9, 3.5 / 9])


@pytest.mark.parametrize(
    ("game", "motion", "together"),
    [
        ((1, 5, 1, 5), 0.0, 0.0),
        ((1, 1, 5, 5), 1.0, 0.0),
        ((0, 0, 0, 4), 0.5, 1.0),
        ((0, 4, 4, 4), 0.5, -1.0),
    ],
    ids=["appearance alone", "motion alone", "only together", "either is enough"],
)
def test_units_of_each_kind_have_the_shares_that_they_should(game, motion, together):
    assert share_of_second(*array(*game)).tolist() == [motion]
    assert interplay(*array(*game)).tolist() == [together]


def test_scores_count_from_what_is_there_without_either():
    assert np.concatenate(parts_of_answer(*array(-3, -3, 1, 1))).tolist() == [0, 1]


@pytest.mark.parametrize("game", [(1, 1, 1, 1), (1, 2, 2, 1.05), (0, 0, 0, 0), (2, 1, 1, 1)])
def test_no_share_is_told_where_the_two_add_nothing(game):
    assert np.isnan(share_of_second(*array(*game))).all()


def test_float_noise_is_no_share():
    assert share_of_second(*array(1, 5, 1 + 1e-7, 5 - 1e-7)).tolist() == [0]
    assert share_of_second(*array(1, 1 + 1e-7, 5, 5)).tolist() == [1]


# the same as what there is for any number of players


@given(real, real, real, real)
def test_contributions_are_those_of_any_game_of_two(neither, first, second, both):
    worth = {
        frozenset(players): torch.tensor([value], dtype=torch.float64)
        for players, value in (("", neither), ("a", first), ("b", second), ("ab", both))
    }
    expected = shapley(worth, ("a", "b"))
    found = contributions(neither, first, second, both)
    assert found == pytest.approx((expected["a"].item(), expected["b"].item()))
    assert sum(found) == pytest.approx(both - neither, abs=1e-9)


# of all units of a layer


def test_a_unit_counts_on_the_quarter_of_the_clips_that_excites_it_most():
    own = np.arange(32.0)[:, None]
    half = dict.fromkeys((changes.FROZEN, changes.OTHER_TEXTURE, changes.OTHER_STILL), own / 2)
    found = units_shares({changes.AS_IT_IS: own, **half})
    assert found.clips == 8
    assert found.answer.tolist() == [np.mean(range(24, 32))]
    assert found.kept[changes.FROZEN].value.tolist() == [0.5]
    assert found.motion.value.tolist() == [0.5]
    assert found.flow is None


def test_units_that_answer_below_zero_keep_no_multiple():
    own = -np.ones((8, 1))
    same = dict.fromkeys((changes.FROZEN, changes.OTHER_TEXTURE, changes.OTHER_STILL), own)
    found = units_shares({changes.AS_IT_IS: own, **same})
    assert np.isnan(found.kept[changes.FROZEN].value).all()
