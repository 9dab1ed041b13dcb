"""How fast does the objective fall when the hottest parts go first, and rise when they come first?

Segments of the clip (`segments.py`) are taken away in the order of their heat, or put into the
empty clip in that order. The value is told as a share of what there is to lose,

    (v - v(empty)) / (v(whole) - v(empty))

so that each curve goes from 1 to 0 or from 0 to 1. Heat that is right has a small area under
deletion and a large one under insertion. How small depends on the network, the clip and what stands
in for what is gone; so each area is held against that of random orders, and of an order from the
centre, which needs no method and is often good.

Steps are close to each other at both ends, where curves bend. Putting in by an order shows the same
clips as taking away by the order read backwards. So each random order serves both curves.

Source: Petsiuk, Das and Saenko, "RISE", BMVC 2018, section 4.1, for pixels; Samek et al.,
"Evaluating the Visualization of What a Deep Neural Network Has Learned", TNNLS 2017, for blocks and
random orders. Differs: blocks of space-time in both streams, normalized, and the centre beside it.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.evidence.attribution.belief.segments import Order, Orders, Segments, Taken
from kinetoscope.evidence.attribution.methods.room import versions_at_once
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import Removal
from kinetoscope.networks.network import frozen

LEAST = 0.1
"""A share is not told where a clip has less to lose, as a part of its value: it would be noise."""

STEPS = 8

Curves = Float[Tensor, "order step"]
"""Shares of what there is to lose, from nothing taken to all, or the other way."""


class Taking:
    """What the objective is worth without some segments of a clip.

    Args:
        question: about the clip.
        segments: of it.
        filling: what stands in; one of `removal.FILLINGS`.
        streams: from which they are taken, at the same place; all if not given.

    Raises:
        UnknownNameError: there is no such filling.
        ClipError: it needs another clip, and the question has none.
    """

    def __init__(
        self,
        question: Question,
        segments: Segments,
        filling: str,
        streams: Sequence[Stream] = (),
    ):
        self.question, self.segments, self.filling = question, segments, filling
        self.streams = tuple(streams) or tuple(question.streams)
        self.removal = Removal.of(question, filling)
        self.at_once = versions_at_once(question, gradients=False)
        everything = torch.ones(1, len(segments), dtype=torch.bool)
        self.whole = question.value
        self.empty = float(self.values(everything)[0])

    @property
    def tells(self) -> bool:
        """Whether there is enough to lose."""
        return self.whole - self.empty > LEAST * abs(self.whole)

    def values(self, taken: Taken) -> Float[Tensor, " version"]:
        """Of each version, on the CPU in double precision."""
        found = []
        like = next(iter(self.question.streams.values()))
        with frozen(self.question.network), torch.inference_mode():
            for part in taken.to(like.device).split(self.at_once):
                masks = self.segments.masks(part).to(like.dtype)
                versions = self.removal.apply(dict.fromkeys(self.streams, masks))
                found.append(self.question.values(versions).double().cpu())
        return torch.cat(found)

    def shares(self, taken: Taken) -> Float[Tensor, " version"]:
        """Of what there is to lose, what is left; not a number where that is too little."""
        if not self.tells:
            return torch.full((len(taken),), torch.nan, dtype=torch.float64)
        return (self.values(taken) - self.empty) / (self.whole - self.empty)


def deletion(taking: Taking, orders: Orders, steps: int = STEPS) -> Curves:
    """What is left when segments are taken away in each of some orders; from 1 to 0."""
    numbers = numbers_of(len(taking.segments), steps)
    taken = torch.cat([first(order, numbers) for order in orders])
    inner = taking.shares(taken).reshape(len(orders), len(numbers))
    known = torch.full((len(orders), 1), 1.0 if taking.tells else torch.nan, dtype=torch.float64)
    return torch.cat([known, inner, 0 * known], dim=1)


def insertion(taking: Taking, orders: Orders, steps: int = STEPS) -> Curves:
    """What is there when segments are put in in each of some orders; from 0 to 1."""
    return deletion(taking, orders.flip(1), steps).flip(1)


def area(curves: Curves, count: int) -> Float[Tensor, " order"]:
    """Under each curve of a clip of as many segments, by trapezoids."""
    shares = torch.tensor(shares_of(count, curves.shape[1] - 1), dtype=torch.float64)
    return torch.trapezoid(curves, shares, dim=1)


def shares_of(count: int, steps: int = STEPS) -> list[float]:
    """Which part of the segments is gone at each step.

    >>> shares_of(10, 4)
    [0.0, 0.1, 0.5, 0.9, 1.0]
    """
    return [number / count for number in (0, *numbers_of(count, steps), count)]


def numbers_of(count: int, steps: int) -> list[int]:
    """How many segments are gone after each step but the last; the same from both ends."""
    half = [
        int(count * (1 - math.cos(math.pi * step / steps)) / 2)
        for step in range(1, (steps + 1) // 2)
    ]
    middle = [] if steps % 2 else [count // 2]
    return [*half, *middle, *(count - number for number in reversed(half))]


def first(order: Order, numbers: Sequence[int]) -> Bool[Tensor, "number segment"]:
    """Of the segments in their own order, whether each is among the first of an order."""
    rank = order.argsort()
    return rank < torch.tensor(numbers)[:, None]
