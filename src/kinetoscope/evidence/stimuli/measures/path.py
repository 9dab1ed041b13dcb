"""Does a stimulus excite a unit in the way in which real clips do?

A unit can be excited by circuits that no real clip uses, and a stimulus then shows what those
like. So it is asked, in every layer before the unit's, whether the channels are driven by the
stimulus as they are by the clips that excite the unit most, T, or no more than T are as the clips
O are that excite other units of its layer: with rho the rank correlation over channels,

    similarity = (mean rho(x*, T) - mean rho(T, O)) / (mean rho(T, T) - mean rho(T, O))

so that 1 is how alike real clips of this unit are, and 0 how alike real clips of different units.

Source: Geirhos, Zimmermann, Bilodeau, Brendel, Kim, "Don't trust your eyes: on the (un)reliability
of feature visualizations", ICML 2024, section 4. Differs: every channel is told from its mean over
the reference clips, in units of its deviation, or else what all clips share outweighs what tells
them apart: on a trained two-stream network the layer before the unit's had the natural clips of a
unit apart from those of others by 0.37 instead of 0.19, and ordinary stimuli at 1.0 instead of
-0.4. Layers are left out where T are hardly more alike than T and O.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from kinetoscope.errors import unknown_name
from kinetoscope.evidence.beside.reference import Reference
from kinetoscope.evidence.stimuli.stimulus import Measures
from kinetoscope.networks.network import Network
from kinetoscope.units.axes import habits_of
from kinetoscope.units.reading import SCORES
from kinetoscope.units.receptive import Seen, survey

TOP = 9
"""How many clips stand for a unit; fewer where there are not 4 times as many."""

OTHERS = 200
"""How many clips of other units are looked at, at most."""

LEAST_GAP = 0.05
"""Correlations within T and between T and O that differ by less tell nothing."""

SUSPICIOUS = 0.25
"""A stimulus that is less alike the unit's real clips than this, in the layer before the unit's, is
taken to excite it in a way of its own: 0 is what clips of other units are. Of a planted unit within
a fooling circuit, stimuli have -0.34 to -0.17, those of its seven neighbours 0.93 and more."""

_FEWEST = 3  # clips and channels below which correlations tell nothing

OneAnswer = Float[Tensor, " channel"]
Answers = Float[Tensor, "clip channel"]
Ranks = Float[Tensor, "_clip channel"]
Clips = Int[Tensor, " _chosen"]


class Answered:
    """What the channels of a layer answered to reference clips; worked out once.

    Args:
        answers: their largest or their mean answers; NaN where a clip could not be read.
    """

    def __init__(self, answers: Answers):
        self.answers = answers.double()
        self.read = (~answers.isnan().any(1)).nonzero()[:, 0]

    @cached_property
    def mean(self) -> OneAnswer:
        """Over the clips that could be read."""
        return self.answers[self.read].mean(0)

    @cached_property
    def deviation(self) -> OneAnswer:
        """From that mean."""
        return self.answers[self.read].std(0, correction=0)

    @cached_property
    def varies(self) -> Bool[Tensor, " channel"]:
        """Which channels do not answer the same to all clips, but for rounding."""
        if len(self.read) < 2:
            return torch.zeros(self.answers.shape[1], dtype=torch.bool)
        return self.deviation > 1e-6 * self.answers[self.read].abs().max()

    @cached_property
    def best(self) -> Int[Tensor, "_rank channel"]:
        """The clips to which each channel answers most."""
        count = min(TOP, len(self.read) // 4)
        return self.read[self.answers[self.read].topk(count, dim=0).indices]

    def ranks(self, answers: Answers) -> Ranks:
        """The order of channels for some clips, each told from its mean, in its deviations."""
        least = 1e-6 * float(self.deviation.max()) + 1e-12
        return _ranks((answers.double() - self.mean) / self.deviation.clamp(min=least))


@dataclass(frozen=True)
class Natural:
    """The reference clips that a unit is known by: their places in the reference.

    Args:
        top: that excite it most.
        others: that excite other units of its layer most, and are not among those.
    """

    top: Clips
    others: Clips


def natural_clips(layer: Answered, channel: int) -> Natural | None:
    """The clips that stand for a unit, and for the others.

    Args:
        layer: the largest answers of the unit's layer.
        channel: of the unit.

    Returns:
        None where the unit is not excited by some clips more than by others, or has no others.
    """
    best = layer.best
    own = best[:, channel]
    own = own[layer.answers[own, channel] > layer.mean[channel]]
    if len(own) < _FEWEST:
        return None
    rest = torch.cat([best[:, :channel], best[:, channel + 1 :]], dim=1).unique()
    rest = rest[~torch.isin(rest, own)]
    rest = rest[:: -(-len(rest) // OTHERS) or 1]
    return Natural(own, rest) if len(rest) else None


def path_similarity(stimulus: OneAnswer, layer: Answered, natural: Natural) -> float | None:
    """How alike a layer is driven by a stimulus and by the real clips of a unit.

    Args:
        stimulus: what every channel answers to it.
        layer: and to every reference clip.
        natural: which of them are the unit's.

    Returns:
        1 as the unit's clips among each other, 0 as clips of different units; None where those
        two differ by less than `LEAST_GAP`, or by less than the unit's own clips scatter.
    """
    if len(stimulus) < _FEWEST or layer.answers[natural.top].isnan().any():
        return None
    top, others = (layer.ranks(layer.answers[each]) for each in (natural.top, natural.others))
    among = top @ top.T
    alone = (among.sum(1) - among.diagonal()) / (len(top) - 1)  # each against the rest
    between = (top @ others.T).mean()
    gap = alone.mean() - between
    if not gap > max(LEAST_GAP, float(alone.std())):
        return None
    return float(((top @ layer.ranks(stimulus[None]).T).mean() - between) / gap)


def layers_before(
    network: Network, reference: Reference, layers: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Of each of some layers, those of a reference that come before, in the order of computation.

    Of a network with several streams, those that see only what the layer sees.

    Raises:
        UnknownNameError: the reference has not got a layer.
    """
    for layer in layers:
        if layer not in reference.maxima:
            raise unknown_name("layer of the reference", layer, tuple(reference.maxima))
    order = {name: place for place, name in enumerate(habits_of(network).counts)}
    known = [name for name in reference.maxima if name != SCORES]
    known.sort(key=lambda name: order.get(name, len(order)))
    known.append(SCORES)
    seen = _streams_of(network)
    everything = frozenset(network.expects.streams)
    return {
        layer: tuple(
            name
            for name in known[: known.index(layer)]
            if seen.get(name, everything) <= seen.get(layer, everything)
        )
        for layer in dict.fromkeys(layers)
    }


def suspicious(measures: Measures) -> bool:
    """Whether a stimulus excites its unit in a way of its own.

    Told by the last layer before the unit's in which the paths can be compared. Of real clips that
    were held back, on a trained two-stream network of nine layers, that layer alone told those of
    the unit from those of others better (0.87 of pairs) than the mean, the largest or the smallest
    of all layers (0.85, 0.81, 0.83).
    """
    if not measures.path_similarity:
        return False
    return list(measures.path_similarity.values())[-1] < SUSPICIOUS


_seen: WeakKeyDictionary[nn.Module, dict[str, frozenset[str]]] = WeakKeyDictionary()


def _streams_of(network: Network) -> dict[str, frozenset[str]]:
    """Which streams each layer sees, where there are several; surveyed once."""
    if len(network.expects.streams) == 1:
        return {}
    if network.model not in _seen:
        _seen[network.model] = {
            name: frozenset(found.receptive_field.streams)
            for name, found in survey(network).items()
            if isinstance(found, Seen)
        }
    return _seen[network.model]


def _ranks(answers: Answers) -> Ranks:
    """The places of channels in order, equals sharing theirs, centred and of length 1.

    Their products are the rank correlations; 0 where all channels are equal.
    """
    ordered = answers.sort(dim=1).values.contiguous()
    answers = answers.contiguous()
    first, last = (torch.searchsorted(ordered, answers, right=right) for right in (False, True))
    places = (first + last).to(answers) / 2
    places = places - places.mean(1, keepdim=True)
    return places / places.norm(dim=1, keepdim=True).clamp(min=1e-12)
