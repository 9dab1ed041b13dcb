"""How much of its accuracy does a network owe to motion, class by class?

Accuracy as it is, and with something taken away; and the same accuracy laid out as what is right
without either cue, what appearance adds and what motion adds, by the game of `shares.py`:

    accuracy = accuracy on other clips' stills + what appearance adds + what motion adds

The same of the probability of the true label, which tells more of a few clips than right or wrong
does. Frames are shuffled several times, and a clip counts as right as often as it was right.

Source: Huang et al., "What Makes a Video a Video: Analyzing Temporal Information in Video
Understanding Models and Datasets", CVPR 2018: the drop in accuracy where motion is taken away,
class by class. Shapley, "A value for n-person games", 1953.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.cues.shares import contributions
from kinetoscope.evidence.cues.showing import Answers
from kinetoscope.evidence.intervals import interval
from kinetoscope.networks.network import Network
from kinetoscope.networks.tasks import log_probabilities, own_scores

PerClip = Float[np.ndarray, " clip"]

_CUES = (changes.OTHER_STILL, changes.FROZEN, changes.OTHER_TEXTURE, changes.AS_IT_IS)
_STREAMS = (changes.BOTH_BLANK, changes.FLOW_BLANK, changes.FRAMES_BLANK, changes.AS_IT_IS)


def class_cues(
    network: Network, answers: Mapping[str, Answers], truth: Tensor, seed: int
) -> list[dict[str, Any]]:
    """What is owed to what: of all clips together first, then of each label that has clips.

    Args:
        network: whose labels they are.
        answers: by change.
        truth: the place of each clip's label; -1 for a clip whose label the network does not know.
        seed: of the intervals.

    Returns:
        Nothing where the network knows no clip's label.
    """
    known = (truth >= 0).numpy()
    if not known.any():
        return []
    places = truth[torch.from_numpy(known)]
    measured = {
        name: _right_and_probable(network, [scores[known] for scores in each.scores], places)
        for name, each in answers.items()
    }
    rows = [_row(None, measured, np.ones(len(places), dtype=bool), seed)]
    for place, label in enumerate(network.labels):
        own = (places == place).numpy()
        if own.any():
            rows.append(_row(label, measured, own, seed))
    return rows


def chance(network: Network, truth: Tensor) -> float | None:
    """How often a guess among the labels of its task is right, on average over the clips."""
    known = truth[truth >= 0]
    if not len(known):
        return None
    rivals = own_scores(torch.zeros(len(known), len(network.labels)), known, network.tasks)
    return float((1 / rivals.isfinite().sum(dim=1)).mean())


def _right_and_probable(
    network: Network, drawn: Sequence[np.ndarray], truth: Tensor
) -> tuple[PerClip, PerClip]:
    """Of each clip how often it is right, and how probable its label is."""
    right, probable = [], []
    for scores in drawn:
        logs = log_probabilities(torch.from_numpy(scores), network.tasks)
        best = own_scores(logs, truth, network.tasks).argmax(dim=1)
        right.append((best == truth).double().numpy())
        probable.append(logs.exp()[torch.arange(len(truth)), truth].double().numpy())
    return np.mean(right, axis=0), np.mean(probable, axis=0)


def _row(
    label: str | None,
    measured: Mapping[str, tuple[PerClip, PerClip]],
    own: np.ndarray,
    seed: int,
) -> dict[str, Any]:
    row: dict[str, Any] = {"label": label, "clips": int(own.sum())}
    for number, name in enumerate(("accuracy", "probability")):
        values = {change: each[number][own] for change, each in measured.items()}
        row[name] = {
            change: interval(each, np.mean, seed=seed).to_json() for change, each in values.items()
        }
        row[f"{name}_adds"] = _adds(values, ("appearance", "motion"), _CUES, seed)
        if changes.BOTH_BLANK in values:
            row[f"{name}_adds"] |= _adds(values, ("frames", "flow"), _STREAMS, seed)
    return row


def _adds(
    values: Mapping[str, PerClip], players: tuple[str, str], game: Sequence[str], seed: int
) -> dict[str, dict[str, float]]:
    """What each of two players adds. `game` names the changes: neither, first, second, both."""
    columns = [values[change] for change in game]
    first, second = contributions(*columns)  # of every clip, since the game is linear
    return {
        player: interval(each, np.mean, seed=seed).to_json()
        for player, each in zip(players, (first, second), strict=True)
    }
