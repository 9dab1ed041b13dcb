"""Which units are removed, to see what each label loses?

Of each layer the most specific units, one label after the other; beside them, as controls, some of
the most general ones and some at random. Dead units are left out: nothing can be lost with them.

Source: the comparison of selective with other units is that of Morcos et al., ICLR 2018, section 3.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from kinetoscope.evidence.specificity.measures import KINDS, Measures

Why = Literal["specific", "general", "random"]

_GENERAL = KINDS.index("general")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A unit that is removed.

    Args:
        channel: of the layer.
        label: that it tells best from the others, by its place.
        why: it was chosen.
    """

    channel: int
    label: int
    why: Why


def choose(measures: Measures, *, specific: int, controls: int, seed: int = 0) -> list[Chosen]:
    """Choose units of a layer, none of them twice.

    Args:
        measures: of the layer.
        specific: how many of the most specific ones at most. Every label has its most specific
            unit before any has a second one.
        controls: how many general ones, and how many at random.
        seed: of chance.
    """
    taken: dict[int, Chosen] = {}

    def take(channels: list[int], why: Why) -> None:
        for channel in channels:
            label = int(measures.best[channel])
            taken[channel] = Chosen(channel=channel, label=label, why=why)

    take(_specific(measures)[:specific], "specific")
    order = np.argsort(measures.best_of("area"), kind="stable")
    general = [int(each) for each in order if measures.kinds[each] == _GENERAL]
    take([each for each in general if each not in taken][:controls], "general")
    left = [int(each) for each in np.flatnonzero(~measures.dead) if each not in taken]
    drawn = np.random.default_rng(seed).permutation(left)[:controls]
    take([int(each) for each in drawn], "random")
    return list(taken.values())


def _specific(measures: Measures) -> list[int]:
    """Live units in the order in which labels take their most specific one in turn."""
    best, area = measures.best, measures.best_of("area")
    order = [int(each) for each in np.argsort(-area, kind="stable") if not measures.dead[each]]
    turn: dict[int, int] = {}
    turns: dict[int, tuple[int, int]] = {}
    for rank, channel in enumerate(order):
        label = int(best[channel])
        turns[channel] = (turn.get(label, 0), rank)
        turn[label] = turn.get(label, 0) + 1
    return sorted(order, key=turns.__getitem__)
