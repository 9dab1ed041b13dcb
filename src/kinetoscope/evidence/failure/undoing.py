"""What becomes of a confusion when units are removed?

    taken     share of the clips of both labels that are taken for the other of the two
    margin    score of the own label above that of the other, over the same clips
    right     share of them that is recognized
    mended    share of the mistaken clips that is recognized
    lifted    margin over the mistaken clips

Each is told as the change from what it is with all units, clip by clip, with its interval over
clips. Units that were found on the mistaken clips do better on these than on others of their kind;
what removing units at random does on the same clips is the control.

Source: removal as in Morcos et al., "On the importance of single directions for generalization",
ICLR 2018, section 2.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float

from kinetoscope.evidence.specificity.removal import Removed, mean_intervals
from kinetoscope.tensors import Scores

Ends = dict[str, list[float]]
"""Value, low and high end of each measure."""

MEASURES = ("taken", "margin", "right")
ON_MISTAKES = {"mended": "right", "lifted": "margin"}


def measured(
    scores: Scores, own: Sequence[int], rival: Sequence[int]
) -> Float[np.ndarray, "measure clip"]:
    """Of each clip: whether it is taken for its rival, its margin, whether it is recognized.

    Args:
        scores: before softmax.
        own: the place of each clip's label.
        rival: that of the other label of the pair.
    """
    best = scores.argmax(dim=1)
    each = torch.arange(len(scores))
    truth, other = torch.tensor(own), torch.tensor(rival)
    margin = scores[each, truth] - scores[each, other]
    return np.stack([(best == other).numpy(), margin.double().numpy(), (best == truth).numpy()])


def before_and_changes(
    removed: Removed,
    own: Sequence[int],
    rival: Sequence[int],
    *,
    drawn: Bool[np.ndarray, " clip"],
    mistaken: Bool[np.ndarray, " clip"],
    seed: int,
) -> tuple[Ends, list[Ends], np.ndarray]:
    """The measures with all units, and the change of each by each removal.

    Args:
        removed: what the clips are scored.
        own: the place of each clip's label.
        rival: that of the other label of the pair.
        drawn: the clips that stand for both labels.
        mistaken: those whose mistakes are looked at; they may be among the others.
        seed: of the intervals.

    Returns:
        Also the changes themselves, `removal measure clip`.
    """
    before = measured(removed.before, own, rival)
    after = [measured(scores, own, rival) - before for scores in removed.after]
    changes = np.stack(after) if after else np.zeros((0, *before.shape))
    (first,) = ends(before[None], drawn=drawn, mistaken=mistaken, seed=seed)
    return first, ends(changes, drawn=drawn, mistaken=mistaken, seed=seed), changes


def ends(
    changes: Float[np.ndarray, "removal measure clip"],
    *,
    drawn: Bool[np.ndarray, " clip"],
    mistaken: Bool[np.ndarray, " clip"],
    seed: int,
) -> list[Ends]:
    """The mean of each measure over its clips with its interval, by name, for each removal."""
    told: list[Ends] = [{} for _ in changes]
    columns = [(name, name, drawn) for name in MEASURES]
    columns += [(name, of, mistaken) for name, of in ON_MISTAKES.items()]
    for name, of, clips in columns:
        rows = changes[:, MEASURES.index(of)][:, clips]
        for each, found in zip(told, mean_intervals(rows, seed=seed), strict=True):
            each[name] = [*found.to_json().values()]
    return told
