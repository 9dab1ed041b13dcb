"""What does each label lose when a unit is removed?

Each chosen unit is removed once by silence and once by its mean answer, and a sample of clips is
shown. The change of what is recognized and of the score of the clips' own label comes with its
interval over the clips of that label.

Source: Morcos et al., "On the importance of single directions for generalization", ICLR 2018,
section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.evidence.intervals import Interval, interval
from kinetoscope.evidence.sample import Sample
from kinetoscope.evidence.scan import Scan
from kinetoscope.evidence.specificity.chosen import Chosen
from kinetoscope.evidence.specificity.removal import (
    Removal,
    Removed,
    mean_intervals,
    own_score,
    recognized,
    remove_in_turn,
)
from kinetoscope.networks.network import Network

Replacement = Literal["zero", "mean"]
REPLACEMENTS: tuple[Replacement, ...] = ("zero", "mean")

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What is lost without a unit.

    Args:
        layer, chosen: which unit, and why.
        replacement: what it answered instead.
        accuracy: change of what is recognized, of each label that the sample has.
        score: change of the score of the clips' own label, likewise.
    """

    layer: str
    chosen: Chosen
    replacement: Replacement
    accuracy: Mapping[int, Interval]
    score: Mapping[int, Interval]

    @property
    def own(self) -> float:
        """Change of the score of the label that it tells best; nan if that was not shown."""
        found = self.score.get(self.chosen.label)
        return np.nan if found is None else found.value

    @property
    def others(self) -> float:
        """The same of all other labels, on average."""
        rest = [each.value for place, each in self.score.items() if place != self.chosen.label]
        return float(np.mean(rest)) if rest else np.nan


def effects_of(
    network: Network,
    scan: Scan,
    sample: Sample,
    chosen: Mapping[str, Sequence[Chosen]],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Effect], list[dict[str, str]]]:
    """Remove each unit of each layer, alone.

    Args:
        network: comes back as it went.
        scan: tells what units answer on average.
        sample: what is shown; clips whose label the network does not know are left out.
        chosen: of each layer, the units.
        seed: of the intervals.
        progress: is told how many layers are done, and of how many.

    Returns:
        In the order of layers and units, zero first; and the layers whose units can't be removed,
        with the reason.
    """
    truth = sample.truth(network.labels)
    kept = (truth >= 0).nonzero()[:, 0].tolist()
    shown = Sample(
        clips=tuple(sample.clips[each] for each in kept),
        videos=tuple(sample.videos[each] for each in kept),
        entries=tuple(sample.entries[each] for each in kept),
    )
    found: list[Effect] = []
    failures: list[dict[str, str]] = []
    if not kept:
        return found, failures
    for number, (layer, units) in enumerate(chosen.items(), start=1):
        if not units:
            continue
        means = scan.means(layer).nanmean(dim=0)
        removals = [each for unit in units for each in _both(layer, unit.channel, means)]
        try:
            batches = shown.batches(network.expects, _BATCH)
            removed = remove_in_turn(network, batches, removals)
        except ClipError as error:
            failures.append({"layer": layer, "error": str(error)})
            continue
        found += _effects(layer, units, removed, truth[kept], seed)
        if progress is not None:
            progress(number, len(chosen))
    return found, failures


def _both(layer: str, channel: int, means: Tensor) -> tuple[Removal, Removal]:
    """Silent, and as it answers on average."""
    return (
        Removal(layer=layer, channels=(channel,)),
        Removal(layer=layer, channels=(channel,), replacement=means[channel].item()),
    )


def _effects(
    layer: str, units: Sequence[Chosen], removed: Removed, truth: Tensor, seed: int
) -> list[Effect]:
    right = _changes(removed, truth, recognized)
    score = _changes(removed, truth, own_score)
    accuracy_of: dict[int, list[Interval]] = {}
    score_of: dict[int, list[Interval]] = {}
    for label in truth.unique().tolist():
        own = (truth == label).numpy()
        accuracy_of[label] = mean_intervals(right[:, own], seed=seed)
        score_of[label] = mean_intervals(score[:, own], seed=seed)
    pairs: list[tuple[Chosen, Replacement]] = [
        (unit, replacement) for unit in units for replacement in REPLACEMENTS
    ]
    return [
        Effect(
            layer=layer,
            chosen=unit,
            replacement=replacement,
            accuracy={label: each[place] for label, each in accuracy_of.items()},
            score={label: each[place] for label, each in score_of.items()},
        )
        for place, (unit, replacement) in enumerate(pairs)
    ]


def _changes(
    removed: Removed, truth: Tensor, told: Callable[[Tensor, Tensor], np.ndarray]
) -> np.ndarray:
    """By how much each removal changes what is told of each clip, `removal clip`."""
    before = told(removed.before, truth).astype(float)
    return np.stack([told(after, truth).astype(float) - before for after in removed.after])


def summed(effects: Sequence[Effect], *, seed: int = 0) -> list[dict[str, Any]]:
    """By why units were chosen: the mean change of their own label's score and of the others'.

    With its interval over units; both replacements apart.
    """
    rows = []
    for why in ("specific", "general", "random"):
        for replacement in REPLACEMENTS:
            own = [e for e in effects if e.chosen.why == why and e.replacement == replacement]
            told = [each for each in own if not np.isnan(each.own)]
            if not told:
                continue
            changes = np.array([each.own for each in told]), np.array([e.others for e in told])
            one, rest = (interval(each, np.mean, seed=seed).to_json() for each in changes)
            units = len(told)
            rows.append(
                {"why": why, "replacement": replacement, "units": units, "own": one, "others": rest}
            )
    return rows
