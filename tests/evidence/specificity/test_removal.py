import numpy as np
import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.specificity.ablation import without_units
from kinetoscope.evidence.specificity.removal import (
    Removal,
    mean_intervals,
    own_score,
    recognized,
    remove_in_turn,
)
from kinetoscope.networks.zoo import build_network

from .test_ablation import clips_for

REMOVALS = [
    Removal(layer="conv4", channels=(0,)),
    Removal(layer="motion.conv1", channels=(0, 1), replacement=0.5),
    Removal(layer="conv4", channels=(1,), replacement=2.0),
]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network("two_stream_small_toy", labels=["a", "b", "c"])


@pytest.fixture(scope="module")
def clips(network):
    return clips_for(network, 5)


def parts(clips, size):
    for first in range(0, 5, size):
        own = slice(first, first + size)
        yield ClipBatch(frames=clips.frames[own], flow=clips.flow[own])


def test_every_removal_is_that_of_its_units_alone(network, clips):
    found = remove_in_turn(network, parts(clips, 5), REMOVALS)
    assert network.training
    network.eval()
    with torch.no_grad():
        assert torch.equal(found.before, network.scores(clips))
        for removal, after in zip(REMOVALS, found.after, strict=True):
            channels, value = removal.channels, removal.replacement
            with without_units(network, removal.layer, channels, value):
                torch.testing.assert_close(after, network.scores(clips))
    network.train()


def test_the_size_of_batches_changes_nothing(network, clips):
    one, other = (remove_in_turn(network, parts(clips, size), REMOVALS) for size in (2, 5))
    torch.testing.assert_close(one.before, other.before)
    torch.testing.assert_close(one.after, other.after)


def test_what_is_told_of_a_clip_is_of_its_own_label():
    scores, truth = torch.tensor([[1.0, 3.0], [5.0, 4.0]]), torch.tensor([1, 1])
    assert recognized(scores, truth).tolist() == [True, False]
    assert own_score(scores, truth).tolist() == [3.0, 4.0]


def test_intervals_of_many_rows_are_those_of_each_row():
    rows = np.random.default_rng(0).normal(size=(4, 30))
    found = mean_intervals(rows)
    for row, each in zip(rows, found, strict=True):
        alone = interval(row, np.mean)
        np.testing.assert_allclose(
            [each.value, each.low, each.high], [alone.value, alone.low, alone.high]
        )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(np.ones((1, 5)), [1.0, 1.0, 1.0], id="all alike"),
        pytest.param(np.array([[2.0]]), [2.0, 2.0, 2.0], id="a single clip"),
        pytest.param(np.zeros((1, 0)), [np.nan] * 3, id="no clip"),
    ],
)
def test_an_interval_of_too_few_clips_is_the_value_itself(rows, expected):
    (found,) = mean_intervals(rows)
    np.testing.assert_array_equal([found.value, found.low, found.high], expected)
    assert mean_intervals(np.zeros((0, 3))) == []
