from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.errors import RecipeError
from kinetoscope.training.batches import (
    batches,
    epoch_order,
    hold_out,
    label_weights,
    randomness,
    share_of,
)

LABELS = ("walk", "run")


def catalog(groups=None, count=40):
    entries = tuple(
        Entry(
            path=Path(f"{place}.mp4"),
            label=LABELS[place % 2],
            group=None if groups is None else f"{place // 2 % groups}",
        )
        for place in range(count)
    )
    return Catalog(name="films", root=Path(), labels=LABELS, entries=entries)


def test_nobody_is_on_both_sides():
    left, held = hold_out(catalog(groups=5), 0.2, seed=0)
    assert len(held) == 8
    assert not {entry.group for entry in left} & {entry.group for entry in held}


def test_without_groups_every_label_is_parted_alike():
    left, held = hold_out(catalog(), 0.2, seed=0)
    assert Counter(entry.label for entry in held) == {"walk": 4, "run": 4}
    assert len(left) + len(held) == 40


def test_spans_of_one_file_stay_together():
    whole = catalog()
    twice = Catalog(
        name="spans", root=Path(), labels=LABELS, entries=(*whole.entries, *whole.entries)
    )
    left, held = hold_out(twice, 0.25, seed=1)
    assert not {entry.path for entry in left} & {entry.path for entry in held}


def test_the_seed_chooses_what_is_held_out():
    held = [hold_out(catalog(), 0.2, seed=seed)[1].key for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]


@pytest.mark.parametrize("groups", [1, 2], ids=["one group", "groups too large"])
def test_refuses_to_hold_out_what_can_not_be(groups):
    with pytest.raises(RecipeError, match="validation_fraction = 0 trains on all"):
        hold_out(catalog(groups=groups), 0.05, seed=0)


def test_refuses_to_hold_out_all_of_a_label():
    runner = Entry(path=Path("run.mp4"), label="run", group="runner")
    walker = Entry(path=Path("walk.mp4"), label="walk", group="walker")
    films = Catalog(name="films", root=Path(), labels=LABELS, entries=(runner, walker))
    with pytest.raises(RecipeError, match="no videos left of"):
        hold_out(films, 0.5, seed=0)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_all_processes_together_see_every_clip_once(processes):
    order = epoch_order(None, 25, seed=3, epoch=1)
    parts = batches(order, 4)
    seen = [
        batch[share_of(batch, process, processes)]
        for process in range(processes)
        for batch in parts
    ]
    assert all(len(each) for each in seen)
    assert sorted(np.concatenate(seen)) == list(range(25))


def test_each_epoch_has_an_order_of_its_own_and_a_seed_gives_it_again():
    orders = [epoch_order(None, 20, seed, epoch).tolist() for seed, epoch in ((0, 0), (0, 1))]
    assert orders[0] != orders[1]
    assert orders[1] == epoch_order(None, 20, 0, 1).tolist()


def test_rare_labels_are_drawn_as_often_as_frequent_ones():
    truth = np.array([0] * 90 + [1] * 10)
    weights = label_weights(truth.tolist(), 2)[truth]
    drawn = np.concatenate([truth[epoch_order(weights, 100, 0, epoch)] for epoch in range(50)])
    assert drawn.mean() == pytest.approx(0.5, abs=0.03)


def test_the_weights_of_labels_are_one_on_the_mean_over_clips():
    truth = [0, 0, 0, 1, 2, 2]
    weights = label_weights(truth, 4)
    assert weights[truth].mean() == pytest.approx(1)
    assert weights[0] * 3 == pytest.approx(weights[1]) == pytest.approx(weights[2] * 2)
    assert weights[3] == 0


def test_every_purpose_has_random_numbers_of_its_own():
    draws = {randomness(0, purpose, 5).random() for purpose in range(5)}
    assert len(draws) == 5
