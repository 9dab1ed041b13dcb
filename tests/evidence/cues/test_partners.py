from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.errors import CatalogError
from kinetoscope.evidence.cues.partners import draw_partners, of_same_label


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2, max_size=12), st.integers(0, 9))
def test_each_stands_in_once_and_none_for_itself(labels, seed):
    partners = draw_partners(labels, seed)
    assert sorted(partners.tolist()) == list(range(len(labels)))
    assert (partners != np.arange(len(labels))).all()


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=12))
def test_as_few_as_possible_are_of_their_own_label(labels):
    most = max(Counter(labels).values())
    assert of_same_label(labels, draw_partners(labels, 0)) == max(0, 2 * most - len(labels))


def test_a_seed_gives_the_same_partners_and_another_seed_others():
    labels = ["a", "b"] * 8
    assert (draw_partners(labels, 1) == draw_partners(labels, 1)).all()
    assert (draw_partners(labels, 1) != draw_partners(labels, 2)).any()


def test_a_single_clip_has_no_partner():
    with pytest.raises(CatalogError, match="got:      1 clip that can be read"):
        draw_partners(["a"], 0)


def test_clips_without_a_label_are_of_no_common_one():
    assert of_same_label([None] * 4, draw_partners([None] * 4, 0)) == 0
