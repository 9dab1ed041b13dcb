"""How good is a stimulus: how strong, how specific, how natural, and by which way?

A stimulus that was made is shown to the network again, beside what is known of reference clips:

    ratio         of its activation to the best reference clip's, over transforms; transformed.py
    percentile    the share of reference clips that excite the unit less
    specificity   z_c(x*) - max z_c'(x*) over the other channels c' of the layer, each told from the
                  mean of its largest answers to the reference clips, in units of their deviation
    peaks         the strongest wave in each stream; how far spectrum and speeds are from natural
    path          whether it drives the layers before as real clips of the unit do; path.py
    shares        what each stream contributes; streams.py

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, for activations in units of the
largest to real clips; those of the parts are in their modules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.beside.nature import Nature
from kinetoscope.evidence.beside.reference import Reference, reference_of
from kinetoscope.evidence.motion.velocity import peak_of
from kinetoscope.evidence.stimuli.measures.path import (
    Answered,
    OneAnswer,
    layers_before,
    natural_clips,
    path_similarity,
)
from kinetoscope.evidence.stimuli.measures.showing import (
    can_be_shown,
    check_shown,
    shown_in_batches,
)
from kinetoscope.evidence.stimuli.measures.streams import contributions, shares
from kinetoscope.evidence.stimuli.measures.transformed import DRAWS, over_transforms
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Label, Objective
from kinetoscope.units.reading import SCORES


def measured(
    network: Network,
    stimuli: Sequence[Stimulus],
    *,
    reference: Reference | None,
    nature: Nature | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    clips_at_once: int = 8,
) -> list[Stimulus]:
    """The stimuli, with what can be measured of each.

    Args:
        network: that they were made for; it comes back as it went.
        stimuli: of any objectives; each is measured by itself, whatever stands beside it. Sums,
            directions and features have no percentile, no rank and no path, and a stimulus that
            was made beside a real stream is not shown again without it.
        reference: what units answer to reference clips; without one, and where it has not got the
            layer, what needs it stays open.
        nature: what natural clips look like; as for `reference`.
        draws: how many transforms each is shown under.
        seed: of the transforms.
        clips_at_once: how many share a batch; changes nothing.

    Raises:
        UnknownNameError: the network has not got a layer, a channel or a label.
        ClipError: the stimuli were made for another network.
        EvidenceError: the reference is of another network.
    """
    if not stimuli:
        return []
    check_shown(network, stimuli)
    places = [place for place, each in enumerate(stimuli) if can_be_shown(each)]
    again = [stimuli[place] for place in places]
    found = [by_itself(each, nature) for each in stimuli]
    if again:
        contributed = contributions(network, again, clips_at_once=clips_at_once)
        parts = [
            [{"stream_shares": shares(each)} for each in contributed],
            _robust(network, again, draws, seed, clips_at_once),
        ]
        if reference is not None:
            parts.append(against_reference(network, again, reference, clips_at_once=clips_at_once))
        for part in parts:
            for place, values in zip(places, part, strict=True):
                found[place] |= values
    return [
        replace(each, measures=replace(each.measures, **values))
        for each, values in zip(stimuli, found, strict=True)
    ]


def by_itself(stimulus: Stimulus, nature: Nature | None) -> dict[str, Any]:
    """Peaks, and distances from nature, by the names that `Measures` gives them.

    Args:
        stimulus: the network is not needed.
        nature: what natural clips look like; without it there are no distances.
    """
    streams = {"frames": stimulus.frames, "flow": stimulus.flow}
    found: dict[str, Any] = {}
    for name, x in streams.items():
        found[f"{name}_peak"] = None if x is None else peak_of(x)
    if nature is not None:
        spectrum, speeds = nature.distances(stimulus.frames, stimulus.flow)
        found |= {"spectrum_distance": spectrum, "speeds_distance": speeds}
    return found


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a unit stands among those of its layer, for one stimulus.

    Args:
        rank: 1 where no other is excited more, each against its own answers to reference clips.
        units: of how many: those whose answers to reference clips vary.
        specificity: by how many deviations it is excited more than the next; below 0 where another
            is excited more.
    """

    rank: int
    units: int
    specificity: float


def standing(stimulus: OneAnswer, layer: Answered, channel: int) -> Standing | None:
    """How a unit stands among those of its layer.

    Args:
        stimulus: the largest answers of all channels to the stimulus.
        layer: and to every reference clip.
        channel: of the unit.

    Returns:
        None where the unit's answers to reference clips do not vary, or no other's do.
    """
    others = layer.varies.clone()
    others[channel] = False
    if not bool(layer.varies[channel]) or not bool(others.any()):
        return None
    excess = (stimulus.double() - layer.mean) / layer.deviation
    own, rest = excess[channel], excess[others]
    return Standing(
        rank=1 + int((rest > own).sum()),
        units=1 + len(rest),
        specificity=float(own - rest.max()),
    )


def against_reference(
    network: Network,
    stimuli: Sequence[Stimulus],
    reference: Reference,
    *,
    clips_at_once: int = 8,
) -> list[dict[str, Any]]:
    """Percentile, rank, specificity and path of each, by the names that `Measures` gives them.

    Args:
        network: that they were made for.
        stimuli: of any objectives; there is nothing to say of sums, directions and features, and of
            what the reference has not got the layer of.
        reference: of this network.
        clips_at_once: how many share a batch.

    Raises:
        UnknownNameError, ClipError, EvidenceError: as for `measured`.
    """
    asked = [_asked(each, reference) for each in check_shown(network, stimuli)]
    before = layers_before(network, reference, [place[0] for place in asked if place])
    layers = dict.fromkeys(name for name, others in before.items() for name in (*others, name))
    clips = shown_in_batches(network, stimuli, clips_at_once)
    driven = reference_of(network, [n for n in layers if n != SCORES], clips, name="stimuli")
    _check_same(network, driven, reference, list(layers))

    @cache
    def known(kind: str, layer: str) -> Answered:
        return Answered(getattr(reference, kind)[layer])

    found: list[dict[str, Any]] = [{} for _ in stimuli]
    for row, (stimulus, place) in enumerate(zip(stimuli, asked, strict=True)):
        if place is None:
            continue
        layer, channel = place
        found[row]["percentile"] = reference.percentile(layer, channel, stimulus.activation)
        how = standing(driven.maxima[layer][row], known("maxima", layer), channel)
        found[row] |= vars(how) if how else {}
        # What a neuron sees stands in a blank clip, whose means say little.
        kind = "means" if stimulus.box is None else "maxima"
        natural = natural_clips(known("maxima", layer), channel)
        path = {
            name: natural
            and path_similarity(getattr(driven, kind)[name][row], known(kind, name), natural)
            for name in before[layer]
        }
        found[row]["path_similarity"] = {n: value for n, value in path.items() if value is not None}
    return found


def _asked(objective: Objective, reference: Reference) -> tuple[str, int] | None:
    """The layer and channel of what is asked for alone, where the reference can tell of it."""
    goal, place = objective.terms[0][1], None
    if objective.unit is not None:
        place = objective.unit.layer, objective.unit.channel
    elif objective.label is not None and isinstance(goal, Label):
        place = SCORES, goal.place
    return place if place and place[0] in reference.maxima else None


def _check_same(
    network: Network, driven: Reference, reference: Reference, layers: Sequence[str]
) -> None:
    for layer in layers:
        channels, known = (each.maxima[layer].shape[1] for each in (driven, reference))
        if channels != known:
            raise EvidenceError(
                f"{reference.name} was not shown to {network.name}",
                got=f"answers of {known} channels of {layer}",
                expected=f"of {channels}",
                hint="measure against a reference that was read from the same network",
            )


def _robust(
    network: Network, stimuli: Sequence[Stimulus], draws: int, seed: int, clips_at_once: int
) -> list[dict[str, Any]]:
    means = over_transforms(network, stimuli, draws=draws, seed=seed, clips_at_once=clips_at_once)
    return [
        {"ratio_over_transforms": None if each.ratio is None else mean / (each.best_real or 1.0)}
        for each, mean in zip(stimuli, means, strict=True)
    ]
