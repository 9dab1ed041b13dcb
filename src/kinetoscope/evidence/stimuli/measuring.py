"""How good is a stimulus: how strong, how specific, how natural, and by which way?

A stimulus that was made is shown to the network again, beside what is known of reference clips:

    ratio         of its activation to the best reference clip's; over transforms too, since what
                  excites only where it stands to the pixel is a coincidence
    percentile    the share of reference clips that excite the unit less
    specificity   z_c(x*) - max z_c'(x*) over the other channels c' of the layer, each told from the
                  mean of its largest answers to the reference clips, in units of their deviation
    peaks         the strongest wave in each stream; how far spectrum and speeds are from natural
    path          whether it drives the layers before as real clips of the unit do; see path.py
    shares        what each stream contributes; see streams.py

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, for activations in units of the
largest to real clips; Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, for
the transforms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.reference import Reference, reference_of
from kinetoscope.evidence.stimuli.path import layers_before, natural_clips, path_similarities
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.showing import can_be_shown, check_shown, shown_in_batches
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.evidence.stimuli.streams import contributions, shares
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Size, Volume
from kinetoscope.units.objective import Label, Objective, Together
from kinetoscope.units.reading import SCORES, read_normalized

DRAWS = 8
"""Of transforms, under each of which a stimulus is shown."""

OneAnswer = Float[Tensor, " channel"]
Answers = Float[Tensor, "clip channel"]


def measured(
    network: Network,
    stimuli: Sequence[Stimulus],
    *,
    reference: Reference | None,
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
        reference: what units answer to reference clips; without one, what needs it stays open.
        draws: how many transforms each is shown under.
        seed: of the transforms.
        clips_at_once: how many share a batch; changes nothing.

    Raises:
        UnknownNameError: the network or the reference has not got a layer or a label.
        ClipError: the stimuli were made for another network.
        EvidenceError: the reference is of another network.
    """
    if not stimuli:
        return []
    check_shown(network, stimuli)
    places = [place for place, each in enumerate(stimuli) if can_be_shown(each)]
    again = [stimuli[place] for place in places]
    found: list[dict[str, Any]] = [{} for _ in stimuli]
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


def standing(stimulus: OneAnswer, reference: Answers, channel: int) -> Standing | None:
    """How a unit stands among those of its layer.

    Args:
        stimulus: the largest answers of all channels to the stimulus.
        reference: and to every reference clip; NaN where one could not be read.
        channel: of the unit.

    Returns:
        None where the unit's answers to reference clips do not vary, or no other's do.
    """
    read = reference[~reference.isnan().any(1)].double()
    if len(read) < 2:
        return None
    mean, deviation = read.mean(0), read.std(0, correction=0)
    varies = deviation > 1e-6 * read.abs().max()
    if not bool(varies[channel]) or int(varies.sum()) < 2:
        return None
    excess = (stimulus.double() - mean) / deviation
    own = excess[channel]
    varies[channel] = False
    others = excess[varies]
    return Standing(
        rank=1 + int((others > own).sum()),
        units=1 + len(others),
        specificity=float(own - others.max()),
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
        stimuli: of any objectives; there is nothing to say of sums, directions and features.
        reference: has the layers of those that are of a unit, and channels as the network has.
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
    found: list[dict[str, Any]] = []
    for row, (stimulus, place) in enumerate(zip(stimuli, asked, strict=True)):
        if place is None:
            found.append({})
            continue
        layer, channel = place
        how = standing(driven.maxima[layer][row], reference.maxima[layer], channel)
        natural = natural_clips(reference.maxima[layer], channel)
        # What a neuron sees stands in a blank clip, whose means say little.
        kind = "means" if stimulus.box is None else "maxima"
        answers, known = getattr(driven, kind), getattr(reference, kind)
        path = natural and path_similarities(
            {name: answers[name][row] for name in before[layer]}, known, natural
        )
        values = {"percentile": reference.percentile(layer, channel, stimulus.activation)}
        found.append({**values, **(vars(how) if how else {}), "path_similarity": path or {}})
    return found


def over_transforms(
    network: Network,
    stimuli: Sequence[Stimulus],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    clips_at_once: int = 8,
) -> list[float]:
    """The mean activation of each while it is shifted, scaled and turned (10 %, 10 degrees).

    Every draw is the same for all frames and for all stimuli. What comes in at the borders is what
    lies on them.

    Args:
        network: that they were made for; it comes back as it went.
        stimuli: of any objectives.
        draws: of transforms.
        seed: of the transforms.
        clips_at_once: how many share a batch.

    Raises:
        UnknownNameError, ClipError: the stimuli are of another network.
    """
    objectives = check_shown(network, stimuli)
    size = (network.expects.frames, *network.expects.size)
    views = _views(size)
    margin = views.margin(1, size)
    sums: list[Tensor] = []
    with torch.inference_mode(), evaluating(network):
        for first, batch in enumerate(shown_in_batches(network, stimuli, clips_at_once)):
            together = Together(network, objectives[first * clips_at_once :][: len(batch)])
            wide = _wider(network, network.normalize(batch), margin)
            peaks = []
            for draw in range(draws):
                view = ClipBatch(**views.drawn(draw, seed)(wide, size))
                peaks.append(together.peaks(read_normalized(network, view, together.layers)))
            sums.append(torch.stack(peaks).mean(0))
    return torch.cat(sums).tolist()


def _asked(objective: Objective, reference: Reference) -> tuple[str, int] | None:
    """The layer and channel of what is asked for alone, where the reference can tell of it."""
    if objective.unit is not None:
        return objective.unit.layer, objective.unit.channel
    goal = objective.terms[0][1]
    if objective.label is not None and isinstance(goal, Label) and SCORES in reference.maxima:
        return SCORES, goal.place
    return None


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


def _views(size: Size) -> Robustness:
    """The transforms that stimuli should survive: those of lucid, for clips of any size."""
    return Robustness(shift=max(1, min(size[1:]) // 28), scale=0.1, rotation=10.0)


def _wider(network: Network, normalized: ClipBatch, margin: int) -> dict[str, Volume]:
    """With a border around each frame that repeats its edge."""
    around = (margin, margin, margin, margin, 0, 0)
    return {
        stream: F.pad(normalized.stream(stream), around, mode="replicate")
        for stream in network.expects.streams
    }


def _robust(
    network: Network, stimuli: Sequence[Stimulus], draws: int, seed: int, clips_at_once: int
) -> list[dict[str, Any]]:
    means = over_transforms(network, stimuli, draws=draws, seed=seed, clips_at_once=clips_at_once)
    return [
        {"ratio_over_transforms": None if each.ratio is None else mean / (each.best_real or 1.0)}
        for each, mean in zip(stimuli, means, strict=True)
    ]
