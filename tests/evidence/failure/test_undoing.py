import numpy as np
import torch

from kinetoscope.evidence.failure.undoing import before_and_changes, measured
from kinetoscope.evidence.specificity.removal import Removed

BEFORE = torch.tensor([[1.0, 3.0, 0.0], [4.0, 1.0, 0.0], [0.0, 2.0, 5.0]])
OWN, RIVAL = [0, 0, 1], [1, 1, 0]


def test_a_clip_may_be_taken_for_its_rival_for_itself_or_for_neither():
    taken, margin, right = measured(BEFORE, OWN, RIVAL)
    assert taken.tolist() == [1, 0, 0]
    assert margin.tolist() == [-2, 3, 2]
    assert right.tolist() == [0, 1, 0]


def test_what_changes_is_told_of_the_drawn_clips_and_of_the_mistaken_ones():
    after = BEFORE.clone()
    after[0, 1] = 0.0
    before, (change,), changes = before_and_changes(
        Removed(before=BEFORE, after=[after]),
        OWN,
        RIVAL,
        drawn=np.array([True, True, False]),
        mistaken=np.array([True, False, False]),
        seed=0,
    )
    assert before["taken"][0] == 0.5
    assert change["taken"][0] == -0.5
    assert change["right"][0] == 0.5
    assert change["margin"][0] == 1.5
    assert change["mended"] == [1.0, 1.0, 1.0]
    assert change["lifted"] == [3.0, 3.0, 3.0]
    assert changes.shape == (1, 3, 3)


def test_without_removals_and_without_mistakes_there_is_nothing_to_tell():
    before, changes, _ = before_and_changes(
        Removed(before=BEFORE, after=[]),
        OWN,
        RIVAL,
        drawn=np.ones(3, dtype=bool),
        mistaken=np.zeros(3, dtype=bool),
        seed=0,
    )
    assert changes == []
    assert np.isnan(before["mended"]).all()
