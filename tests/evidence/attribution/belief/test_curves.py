"""Curves of a linear network by hand, and of one that bends by the definition written out."""

import math

import pytest
import torch

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.attribution.belief.curves import (
    Taking,
    area,
    deletion,
    first,
    insertion,
    numbers_of,
    shares_of,
)
from kinetoscope.evidence.attribution.belief.segments import Segments
from kinetoscope.evidence.attribution.removal import FILLINGS, Removal
from tests.evidence.attribution.belief.known import joined, linear

FOUR = Segments((1, 1, 4), (1, 1, 4))


def test_curves_of_a_linear_network_are_those_by_hand():
    taking = Taking(linear([[[2.0, 4.0, 1.0, 3.0]]]), FOUR, "grey")
    orders = torch.tensor([[1, 3, 0, 2], [2, 0, 3, 1]])
    gone, there = (way(taking, orders, steps=4) for way in (deletion, insertion))
    assert shares_of(4, 4) == [0, 0, 0.5, 1, 1]
    expected = torch.tensor([[1, 1, 0.3, 0, 0], [1, 1, 0.7, 0, 0]]).double()
    torch.testing.assert_close(gone, expected)
    torch.testing.assert_close(there, 1 - expected)
    torch.testing.assert_close(area(gone, 4), torch.tensor([0.4, 0.6]).double())
    torch.testing.assert_close(area(there, 4), torch.tensor([0.6, 0.4]).double())


@pytest.mark.parametrize("filling", [each for each in FILLINGS if each != "swap"])
@pytest.mark.parametrize("streams", [(), ("frames",), ("flow",)], ids=str)
def test_curves_are_what_the_definition_says(filling, streams):
    question = joined()
    segments = Segments(question.extent, (2, 3, 3))
    (order,) = segments.at_random(1, seed=3)
    taking = Taking(question, segments, filling, streams)
    removal = Removal.of(question, filling)
    values = []
    for number in (0, 2, 9, 16, 18):
        mask = torch.zeros(question.extent)
        for segment in order[:number]:
            mask[segments.owner == segment] = 1
        masks = dict.fromkeys(streams or ("frames", "flow"), mask[None, None])
        with torch.no_grad():
            values.append(float(question.values(removal.apply(masks))[0]))
    expected = torch.tensor([(v - values[-1]) / (values[0] - values[-1]) for v in values])
    found = deletion(taking, order[None], steps=4)[0]
    if taking.tells:
        torch.testing.assert_close(found, expected.double(), atol=1e-3, rtol=1e-3)
    else:
        assert found.isnan().all()
        assert values[0] - values[-1] <= 0.1 * abs(values[0])


def test_how_many_are_shown_at_once_changes_nothing():
    question = joined()
    segments = Segments.of(question.extent)
    orders = segments.at_random(3, seed=1)
    found = []
    for at_once in (1, 5, 64):
        taking = Taking(question, segments, "blur")
        taking.at_once = at_once
        found.append(taking.values(orders.argsort(1) < 20))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


def test_putting_in_shows_what_taking_away_backwards_shows():
    taking = Taking(linear([[[2.0, 4.0, 1.0, 3.0]]]), FOUR, "grey")
    order = torch.tensor([[1, 3, 0, 2]])
    backwards = deletion(taking, order.flip(1), steps=3)
    torch.testing.assert_close(insertion(taking, order, steps=3), backwards.flip(1))


def test_a_clip_with_nothing_to_lose_tells_nothing():
    question = linear([[[1.0, -1.0, 1.0, -0.95]]])
    taking = Taking(question, FOUR, "grey")
    assert taking.tells
    level = Taking(linear([[[-1.0, -1.0, 1.0, 1.0]]]), FOUR, "grey")
    assert not level.tells
    assert math.isnan(float(area(deletion(level, FOUR.at_random(1, 0)), 4)[0]))


@pytest.mark.parametrize(("count", "steps"), [(320, 8), (7, 4), (10, 3), (5, 5), (3, 8)])
def test_steps_are_the_same_from_both_ends(count, steps):
    numbers = numbers_of(count, steps)
    assert len(numbers) == steps - 1
    assert numbers == sorted(numbers)
    assert 0 <= numbers[0] <= numbers[-1] <= count
    if count % 2 == 0 or steps % 2:
        assert [count - number for number in reversed(numbers)] == numbers


def test_the_first_of_an_order_are_told_by_their_place():
    taken = first(torch.tensor([2, 0, 1]), [1, 2])
    assert taken.tolist() == [[False, False, True], [True, False, True]]


def test_refuses_a_filling_that_is_not_there():
    with pytest.raises(UnknownNameError, match="filling"):
        Taking(linear([[[1.0]]]), Segments.of((1, 1, 1)), "gray")
