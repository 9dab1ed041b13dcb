"""When has a unit become what it is in the end, and how do its strongest clips change until then?

The answers of a unit to the same clips are held against its answers at the last checkpoint. It has
settled at the first checkpoint from which on they stay correlated above a bound.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.1 and figure 4: lower layers converge within few epochs, upper ones after many, and jumps
come from a change of the clip that excites a unit most. Differs: correlation and counts stand for
what is judged there by eye. Correlation over clips, as in Li, Yosinski, Clune, Lipson and Hopcroft,
"Convergent Learning", ICLR 2016, section 2.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Answers = Float[np.ndarray, "clip unit"]
OfUnits = Float[np.ndarray, " unit"]

_ROUNDING = 1e-6
"""Of its largest answer: a unit that varies by less does not vary."""


def varies(answers: Answers) -> Bool[np.ndarray, " unit"]:
    """Which units do not answer the same to all clips."""
    return answers.std(axis=0) > _ROUNDING * np.maximum(abs(answers).max(axis=0), _ROUNDING)


def correlations(now: Answers, last: Answers) -> OfUnits:
    """Of each unit's answers with its last ones.

    0 for a unit that does not vary now; not a number for one that does not in the end.
    """
    ours, theirs = (each - each.mean(axis=0) for each in (now, last))
    lengths = np.sqrt((ours**2).sum(axis=0) * (theirs**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(varies(now), (ours * theirs).sum(axis=0) / lengths, 0)
    return np.where(varies(last), np.clip(found, -1, 1), np.nan)


def settled(
    history: Float[np.ndarray, "checkpoint unit"],
    epochs: Float[np.ndarray, " checkpoint"],
    above: float,
) -> OfUnits:
    """The epoch of the first checkpoint from which on the correlation stays above a bound.

    Not a number for a unit that does not vary in the end. At the last checkpoint all have settled.
    """
    high = history >= above
    high[-1] = True
    stays = np.logical_and.accumulate(high[::-1])[::-1]
    return np.where(np.isnan(history[-1]), np.nan, epochs[stays.argmax(axis=0)])


def top_places(answers: Answers, count: int) -> Int[np.ndarray, "top unit"]:
    """The clips that excite each unit most, the strongest first; of equals the earlier first."""
    return np.argsort(-answers, axis=0, kind="stable")[:count]


def overlap(now: Int[np.ndarray, "top unit"], last: Int[np.ndarray, "top unit"]) -> OfUnits:
    """Which share of the top clips are those of the end."""
    return (now[:, None] == last[None]).any(axis=0).mean(axis=0)
