"""Does a unit like the same thing whatever noise the ascent starts from?

The stimuli that one objective got from several seeds are compared by what they achieve, and by what
they are to the network: how alike they drive the other channels of the objective's layers.

Source: correlations of answers as likeness of features, as in Li, Yosinski, Clune, Lipson and
Hopcroft, "Convergent learning: do different neural networks learn the same representations?", ICLR
2016, section 2. Differs: of stimuli, not of networks; what channels answer to a blank clip is taken
off, for all stimuli have it in common; so have they the channels that were asked for, which are
left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from statistics import fmean, stdev

import torch
from torch import Tensor

from kinetoscope.evidence.beside.reference import reference_of
from kinetoscope.evidence.stimuli.measures.showing import check_shown, shown_blank, shown_in_batches
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Features
from kinetoscope.units.objective import Channel, Label, Neuron, Objective
from kinetoscope.units.reading import SCORES

_FEWEST = 3  # channels below which a correlation tells nothing


def stable(
    network: Network, stimuli: Sequence[Stimulus], *, clips_at_once: int = 8
) -> list[Stimulus]:
    """The stimuli, with what those of other seeds tell of each other.

    Args:
        network: that they were made for; it comes back as it went.
        stimuli: of any objectives and slownesses. Those that differ in their seed alone belong
            together; one that is alone stays as it is.
        clips_at_once: how many share a batch; changes nothing.

    Raises:
        UnknownNameError, ClipError: the stimuli are of another network.
    """
    objectives = check_shown(network, stimuli)
    several = _several_seeds(stimuli)
    asked = {place: objectives[place] for places in several for place in places}
    answers = _answers(network, stimuli, asked, clips_at_once)
    found = list(stimuli)
    for places in several:
        measured = {
            "activation_spread": spread([stimuli[place].activation for place in places]),
            "stability": likeness(torch.stack([answers[place] for place in places])),
        }
        for place in places:
            measures = replace(stimuli[place].measures, **measured)
            found[place] = replace(stimuli[place], measures=measures)
    return found


def spread(activations: Sequence[float]) -> float | None:
    """Deviation by mean.

    >>> spread([2.0, 4.0, 6.0])
    0.5

    Returns:
        None of fewer than two, or where their mean is not positive.
    """
    if len(activations) < 2 or (mean := fmean(activations)) <= 0:
        return None
    return stdev(activations) / mean


def likeness(answers: Features) -> float | None:
    """Mean correlation over channels between all pairs.

    Returns:
        None where there are no pairs, too few channels, or nothing that varies over channels.
    """
    clips, channels = answers.shape
    centred = answers.double() - answers.double().mean(1, keepdim=True)
    lengths = centred.norm(dim=1, keepdim=True)
    if clips < 2 or channels < _FEWEST or bool((lengths <= 1e-12).any()):
        return None
    alike = (centred / lengths) @ (centred / lengths).T
    return float((alike.sum() - alike.trace()) / (clips * (clips - 1)))


def _several_seeds(stimuli: Sequence[Stimulus]) -> list[list[int]]:
    """The places of those that differ in their seed alone."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for place, each in enumerate(stimuli):
        same = (str(each.objective), each.slowness, each.writing, each.number)
        groups.setdefault(same, []).append(place)
    return [places for places in groups.values() if len(places) > 1]


def _answers(
    network: Network,
    stimuli: Sequence[Stimulus],
    asked: Mapping[int, Objective],
    clips_at_once: int,
) -> dict[int, Tensor]:
    """How some drive the other channels of their objective's layers, beyond a blank clip."""
    if not asked:
        return {}
    again = [stimuli[place] for place in asked]
    clips = chain([shown_blank(network)], shown_in_batches(network, again, clips_at_once))
    layers = {name for objective in asked.values() for name in objective.layers} - {SCORES}
    means = reference_of(network, sorted(layers), clips, name="stimuli").means
    found = {}
    for row, (place, objective) in enumerate(asked.items(), start=1):
        driven = {layer: means[layer][row] - means[layer][0] for layer in objective.layers}
        found[place] = torch.cat([_others(x, objective, layer) for layer, x in driven.items()])
    return found


def _others(answer: Tensor, objective: Objective, layer: str) -> Tensor:
    """Without the channels that are asked for."""
    keep = torch.ones(len(answer), dtype=torch.bool)
    for _, goal in objective.terms:
        if goal.layer == layer and isinstance(goal, Channel | Neuron | Label):
            keep[goal.place if isinstance(goal, Label) else goal.channel] = False
    return answer[keep]
