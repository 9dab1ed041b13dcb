"""What are clips taken for when units are removed, one removal after the other?

Each batch of clips is shown once as it is and once for each removal; below the layer it is computed
once (`remembered.py`). What follows from the scores, such as how much of a class is still
recognized, is told with an interval over clips: each clip is compared with itself.

Source: the removal is that of `ablation.py`; paired bootstrap as in `intervals.py`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import stats
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.intervals import Interval
from kinetoscope.evidence.specificity.ablation import without_units
from kinetoscope.evidence.specificity.remembered import remembered
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Scores
from kinetoscope.units.axes import habits_of

_RESAMPLES = 1000
_AT_ONCE = 2**22  # drawn numbers in memory


@dataclass(frozen=True, kw_only=True, eq=False)
class Removal:
    """Units of one layer that are removed together.

    Args:
        layer: by name.
        channels: which ones.
        replacement: what they answer instead; see `without_units`.
    """

    layer: str
    channels: tuple[int, ...]
    replacement: Tensor | float = 0.0


@dataclass(frozen=True, kw_only=True)
class Removed:
    """What clips are scored with all units, and without some.

    Args:
        before: with all of them, `clip label`.
        after: without those of each removal, in their order.
    """

    before: Scores
    after: list[Scores]


@torch.no_grad()
def remove_in_turn(
    network: Network, batches: Iterable[ClipBatch], removals: Sequence[Removal]
) -> Removed:
    """Score clips as they are, and without the units of each removal.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        batches: clips in display space.
        removals: in any order; those of one layer share what is computed below it.

    Returns:
        On the CPU, in the order of the clips.

    Raises:
        UnknownNameError: a layer or a channel is not there.
        ClipError: the units of a layer can't be removed.
    """
    layers: dict[str, list[int]] = {}
    for number, removal in enumerate(removals):
        layers.setdefault(removal.layer, []).append(number)
    before: list[Tensor] = []
    after: list[list[Tensor]] = [[] for _ in removals]
    with evaluating(network):
        habits_of(network)
        for batch in batches:
            shown = network.normalize(batch.to(network.device))
            before.append(network.answer(shown).cpu())
            for layer, numbers in layers.items():
                with remembered(network, layer):
                    for number in numbers:
                        after[number].append(_without(network, shown, removals[number]))
    return Removed(before=torch.cat(before), after=[torch.cat(parts) for parts in after])


def _without(network: Network, shown: ClipBatch, removal: Removal) -> Tensor:
    with without_units(network, removal.layer, removal.channels, removal.replacement):
        return network.answer(shown).cpu()


def mean_intervals(
    rows: Float[np.ndarray, "row clip"], *, level: float = 0.95, seed: int = 0
) -> list[Interval]:
    """The mean of each row with its interval; as `intervals.interval` of the mean, row by row.

    The same clips are drawn for all rows, so that a thousand rows cost little more than one.
    """
    means = rows.mean(axis=1) if rows.shape[1] else np.full(len(rows), np.nan)
    if rows.shape[1] < 2 or not len(rows):
        return [Interval(float(mean), float(mean), float(mean)) for mean in means]
    found = stats.bootstrap(
        (rows,),
        np.mean,
        axis=1,
        confidence_level=level,
        n_resamples=_RESAMPLES,
        batch=max(1, _AT_ONCE // rows.size),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return [
        Interval(float(mean), float(low), float(high))
        for mean, low, high in zip(means, found.low, found.high, strict=True)
    ]


def recognized(scores: Scores, truth: Tensor) -> Bool[np.ndarray, " clip"]:
    """Whether each clip is taken for what it is."""
    return (scores.argmax(dim=1) == truth).numpy()


def own_score(scores: Scores, truth: Tensor) -> Float[np.ndarray, " clip"]:
    """The score of each clip's own label, before softmax."""
    return scores.gather(1, truth[:, None])[:, 0].double().numpy()
