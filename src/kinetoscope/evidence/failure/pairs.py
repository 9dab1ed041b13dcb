"""Which labels does a network mix up, and what does it cost?

A pair of labels costs one for each video of either that is taken for the other, or what the caller
says that such a mistake costs. Beside the count stands how many there would be if the network's
mistakes on these two labels fell on all other labels alike.

Source: none beyond the confusion matrix; intervals as in `intervals.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.intervals import Interval, interval
from kinetoscope.evidence.scan import Scan

Costs = Mapping[tuple[str, str], float]
"""Of taking a video of the first label for one of the second; 1 where nothing is said."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two labels, and how often each is taken for the other.

    Args:
        one, other: the labels; `one` is taken for `other` at least as often as the other way round.
        taken: clips of `one` taken for `other`, and of `other` taken for `one`.
        clips: of each.
        cost: of both together [videos, or as costs were given].
        share: of the clips of both that are taken for the other.
        expected: clips, if the mistakes on both fell on all other labels alike.
    """

    one: str
    other: str
    taken: tuple[int, int]
    clips: tuple[int, int]
    cost: float
    share: Interval
    expected: float

    @property
    def labels(self) -> tuple[str, str]:
        """Both."""
        return self.one, self.other

    def rival(self, label: str) -> str:
        """The other one of the two."""
        return self.other if label == self.one else self.one


def told_clips(scan: Scan) -> pl.DataFrame:
    """The clips that could be read and whose label the network knows."""
    known = pl.col("label").is_in(list(scan.labels))
    return scan.clips.filter(pl.col("error").is_null() & known)


def confused_pairs(scan: Scan, costs: Costs | None = None) -> list[Pair]:
    """All pairs that are mixed up, the costliest first; of equals the network's first labels.

    Args:
        scan: of clips with labels.
        costs: of each mistake.
    """
    clips = told_clips(scan)
    wrong = clips.filter(pl.col("label") != pl.col("predicted"))
    places = {label: place for place, label in enumerate(scan.labels)}
    pairs = {
        tuple(sorted(row, key=places.__getitem__))
        for row in wrong.select("label", "predicted").unique().rows()
    }
    found = [_pair(scan, clips, one, other, costs or {}) for one, other in pairs]
    return sorted(
        found, key=lambda pair: (-pair.cost, *sorted(places[label] for label in pair.labels))
    )


def pair_of(scan: Scan, one: str, other: str, costs: Costs | None = None) -> Pair:
    """A given pair, whether it is mixed up or not.

    Raises:
        UnknownNameError: the two are the same label, or no clip of the scan has one of them.
    """
    clips = told_clips(scan)
    present = set(clips["label"])
    for name in (one, other):
        if name not in present or one == other:
            raise UnknownNameError(
                f"{one} and {other} are not two labels that could be mixed up",
                got=name if one != other else "the same label twice",
                expected="two labels that clips of the scan have: " + ", ".join(sorted(present)),
            )
    return _pair(scan, clips, one, other, costs or {})


def _pair(scan: Scan, clips: pl.DataFrame, one: str, other: str, costs: Costs) -> Pair:
    """The pair, the label first that is mistaken more often."""
    own = clips.filter(pl.col("label").is_in([one, other]))
    taken = {
        name: _count(own, label=name, taken=rival) for name, rival in ((one, other), (other, one))
    }
    if taken[other] > taken[one]:
        one, other = other, one
    mistaken = (own["label"] != own["predicted"]) & own["predicted"].is_in([one, other])
    wrong = int((own["label"] != own["predicted"]).sum())
    views: int = scan.provenance.settings["clips"]
    price = sum(
        taken[name] * costs.get((name, rival), 1.0) for name, rival in ((one, other), (other, one))
    )
    return Pair(
        one=one,
        other=other,
        taken=(taken[one], taken[other]),
        clips=(int((own["label"] == one).sum()), int((own["label"] == other).sum())),
        cost=price / views,
        share=interval(mistaken.to_numpy().astype(float), np.mean),
        expected=wrong / max(1, len(scan.labels) - 1),
    )


def _count(clips: pl.DataFrame, *, label: str, taken: str) -> int:
    return int(((clips["label"] == label) & (clips["predicted"] == taken)).sum())


def unknown_labels(scan: Scan) -> list[str]:
    """Labels of clips that the network does not know: they can't be mixed up."""
    return sorted(set(scan.clips["label"].drop_nulls()) - set(scan.labels))


def named(pairs: Sequence[Pair]) -> list[str]:
    """For messages."""
    return [f"{pair.one} and {pair.other}" for pair in pairs]
