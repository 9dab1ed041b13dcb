"""How much does each stream contribute to what a stimulus achieves?

A unit that takes both appearance and motion may be excited by one of them, by their sum, or only
by the two together. So a stimulus is shown again with the one stream, the other, or both made
blank, and what is lost is shared fairly: a stream contributes what it adds, on average over the
orders in which the streams may come in. For two streams that are four passes,

    appearance contributes ((a(frames) - a(blank)) + (a(both) - a(flow))) / 2

and all contributions together are what the stimulus adds to a blank clip, a(both) - a(blank).

Source: Shapley, "A value for n-person games", Contributions to the Theory of Games 2, 1953; for
streams of a network: Parcalabescu and Frank, "MM-SHAP", ACL 2023, section 3.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.measures.showing import check_shown, shown_in_batches
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.units.objective import PerClip, Together
from kinetoscope.units.reading import read_normalized

Coalition = frozenset[str]


@torch.inference_mode()
def contributions(
    network: Network, stimuli: Sequence[Stimulus], *, clips_at_once: int = 8
) -> list[dict[str, float]]:
    """What each stream of each stimulus adds to its objective, in units of the objective.

    Args:
        network: that they were made for; it comes back as it went.
        stimuli: of any objectives.
        clips_at_once: how many share a batch; changes nothing.

    Returns:
        By stream. They add up to what the stimulus achieves beyond a blank clip.

    Raises:
        UnknownNameError, ClipError: the stimuli are of another network.
    """
    objectives = check_shown(network, stimuli)
    found: list[dict[str, float]] = []
    with evaluating(network):
        for batch in shown_in_batches(network, stimuli, clips_at_once):
            wanted = objectives[len(found) : len(found) + len(batch)]
            values = _values(network, network.normalize(batch), Together(network, wanted))
            shares = shapley(values, network.expects.streams)
            found += [
                {stream: float(value[clip]) for stream, value in shares.items()}
                for clip in range(len(batch))
            ]
    return found


def shares(contributed: Mapping[str, float]) -> dict[str, float]:
    """Contributions as shares of their sum; a stream that works against the others has less than 0.

    >>> shares({"frames": 3.0, "flow": 1.0})
    {'frames': 0.75, 'flow': 0.25}

    Returns:
        Nothing where all together add nothing.
    """
    total = sum(contributed.values())
    if not abs(total) > 1e-6 * max(map(abs, contributed.values())):
        return {}
    return {stream: value / total + 0.0 for stream, value in contributed.items()}  # no -0.0


def shapley(worth: Mapping[Coalition, PerClip], players: Sequence[str]) -> dict[str, Tensor]:
    """What each player adds, on average over all orders in which they may come in.

    Args:
        worth: of every set of players, the empty one among them.
        players: by name.
    """
    found = {}
    for player in players:
        others = [each for each in players if each != player]
        added = [
            (worth[frozenset({*group, player})] - worth[frozenset(group)])
            / (len(players) * comb(len(others), size))
            for size in range(len(players))
            for group in combinations(others, size)
        ]
        found[player] = torch.stack(added).sum(0)
    return found


def tie_gap(free: Stimulus, tied: Stimulus) -> float | None:
    """The activation that is lost where flow has to explain the frames, as a share.

    Args:
        free: with streams that are independent.
        tied: of the same objective at the same slowness.

    Returns:
        None where the free one does not excite the unit.

    Raises:
        ClipError: the two are not comparable.
    """
    asked, other = ((str(each.objective), each.slowness) for each in (free, tied))
    if asked != other:
        raise ClipError(
            "two stimuli can't be compared",
            got=f"{other[0]} at slowness {other[1]:g}",
            expected=f"{asked[0]} at slowness {asked[1]:g}",
        )
    if free.activation <= 0:
        return None
    return (free.activation - tied.activation) / free.activation


def _values(
    network: Network, normalized: ClipBatch, together: Together
) -> dict[Coalition, PerClip]:
    """What the objectives are with some of the streams, and the others blank."""
    streams = network.expects.streams
    return {
        frozenset(seen): together.values(
            read_normalized(network, _only(normalized, seen), together.layers)
        )
        for size in range(len(streams) + 1)
        for seen in combinations(streams, size)
    }


def _only(normalized: ClipBatch, seen: Sequence[str]) -> ClipBatch:
    """Zero is the mean colour, and no motion."""
    kept: Callable[[str], bool] = set(seen).__contains__
    frames, flow = normalized.frames, normalized.flow
    return replace(
        normalized,
        frames=frames if frames is None or kept("frames") else torch.zeros_like(frames),
        flow=flow if flow is None or kept("flow") else torch.zeros_like(flow),
    )
