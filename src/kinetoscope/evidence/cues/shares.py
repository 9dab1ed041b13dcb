"""How much of a unit's answer is due to appearance, and how much to motion?

The two are taken for players of a game whose worth is the unit's mean answer to the clips that
excite it most, a quarter of them. Taking a player out means exchanging what it stands for:

    both         the clip as it is
    appearance   the clip frozen: its own look, no motion; the mean over some of its frames
    motion       another clip's still frame, moved along this clip's motion: the look is exchanged
    neither      another clip's still frame, without motion

Appearance is exchanged, not blanked, because motion can't be seen of nothing: a grey clip does not
move, whatever its flow. And the clips are those that excite the unit, because over all clips the
others' stills would answer as much as their own: each clip's still stands in for one other's. In a
network of two streams frames and flow change together, so that they never tell two motions; what
each stream gives is a game of its own, in which a stream that is out is blank: zero after
normalizing, the mean colour or no motion.

A player is due what it adds, on average over the orders in which both come in (Shapley's value);
the share is that, of all that the two add together. What they give only together, or give twice,

    interplay = both - appearance - motion + neither

is halved between them, and also told by itself. A share is not told of a unit that does not lose
a tenth of its answer where both are exchanged; what each adds, as a part of the answer, is.

A share is what the measure makes of a unit, with its bias: also a unit that sees single frames
answers a little differently to a moving clip than to its stills, and a still that is moved is not
quite as sharp. The network with random weights has the same bias.

Source: Shapley, "A value for n-person games", Contributions to the Theory of Games 2, 1953; for
streams of a network: Parcalabescu and Frank, "MM-SHAP", ACL 2023, section 3.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.cues.showing import Values
from kinetoscope.evidence.cues.spread import PerUnit, Spread, spread

SILENT = 1e-6
"""A unit whose answer is never further from zero than this says nothing."""

_NOISE = 1e-6  # of the answer: what two passes may differ by that show the same
_LEAST = 0.1  # of the answer: what has to be lost where both are exchanged
_TOP = 0.25  # of the clips: those that excite a unit most
_FEWEST = 4

Mean = np.ndarray | float


@dataclass(frozen=True, kw_only=True)
class Shares:
    """What the units of a layer owe to what.

    Args:
        clips: how many clips each was measured on: those that excite it most.
        answer: the mean answer to those.
        kept: by change, what of the answer is left, as a multiple of it; not a number for units
            that do not answer above zero.
        motion: the share of motion; the rest is that of appearance. Not a number where the two
            add nothing.
        appearance_adds, motion_adds: what each adds, as a part of the answer; what is missing to 1
            is there without either. Not a number for a unit that does not answer.
        interplay: what is given only together, as a share of what both add; below zero where
            each alone gives the same.
        flow: the share of the flow stream, the rest is that of frames; None with one stream.
    """

    clips: int
    answer: PerUnit
    kept: Mapping[str, Spread]
    motion: Spread
    appearance_adds: Spread
    motion_adds: Spread
    interplay: Spread
    flow: Spread | None


def units_shares(values: Mapping[str, Values], *, seed: int = 0) -> Shares:
    """Measure all units of a layer.

    Args:
        values: by change, what units answered to each clip.
        seed: of the intervals.
    """
    as_it_is = values[changes.AS_IT_IS]
    clips = min(len(as_it_is), max(_FEWEST, round(_TOP * len(as_it_is))))
    order = np.argsort(-as_it_is, axis=0, kind="stable")[:clips]
    best = {name: np.take_along_axis(each, order, axis=0) for name, each in values.items()}
    game = [best[name] for name in (*_STILLS, changes.OTHER_TEXTURE, changes.AS_IT_IS)]
    flow = None
    if changes.BOTH_BLANK in best:
        streams = (changes.BOTH_BLANK, changes.FLOW_BLANK, changes.FRAMES_BLANK, changes.AS_IT_IS)
        flow = spread(share_of_second, [best[name] for name in streams], seed=seed)
    own = best[changes.AS_IT_IS]
    return Shares(
        clips=clips,
        answer=own.mean(axis=0),
        kept={
            name: spread(_ratio, [each, own], seed=seed)
            for name, each in best.items()
            if name != changes.AS_IT_IS
        },
        motion=spread(share_of_second, game, seed=seed),
        appearance_adds=spread(_first_of_answer, game, seed=seed),
        motion_adds=spread(_second_of_answer, game, seed=seed),
        interplay=spread(interplay, game, seed=seed),
        flow=flow,
    )


_STILLS = (changes.OTHER_STILL, changes.FROZEN)


def contributions(neither: Mean, first: Mean, second: Mean, both: Mean) -> tuple[Mean, Mean]:
    """What each of two players adds, on average over the two orders in which they come in.

    >>> contributions(1.0, 3.0, 1.0, 5.0)
    (3.0, 1.0)
    """
    return (
        ((first - neither) + (both - second)) / 2,
        ((second - neither) + (both - first)) / 2,
    )


def share_of_second(neither: Mean, first: Mean, second: Mean, both: Mean) -> np.ndarray:
    """What the second player adds, as a share of what both add; float noise is none."""
    one, other = contributions(neither, first, second, both)
    size = _largest(neither, first, second, both)
    other = np.where(np.abs(other) <= _NOISE * size, 0.0, other)
    other = np.where(np.abs(one) <= _NOISE * size, both - neither, other)
    return _of_all(other, neither, both, size)


def interplay(neither: Mean, first: Mean, second: Mean, both: Mean) -> np.ndarray:
    """What both give only together, as a share of what they add."""
    size = _largest(neither, first, second, both)
    together = both - first - second + neither
    together = np.where(np.abs(together) <= _NOISE * size, 0.0, together)
    return _of_all(together, neither, both, size)


def _largest(*game: Mean) -> np.ndarray:
    return np.max([np.abs(each) for each in game], axis=0)


def _of_all(part: Mean, neither: Mean, both: Mean, size: Mean) -> np.ndarray:
    added = np.asarray(both - neither, dtype=float)
    known = (added > _LEAST * size) & (size > SILENT)
    return np.divide(part, added, out=np.full_like(added, np.nan), where=known) + 0.0  # no -0.0


def parts_of_answer(
    neither: Mean, first: Mean, second: Mean, both: Mean
) -> tuple[np.ndarray, np.ndarray]:
    """What each player adds, as a part of the answer.

    The answer counts from zero, or from what is there without either where that is below zero, as
    scores are.
    """
    whole = np.asarray(both - np.minimum(neither, 0), dtype=float)
    one, other = contributions(neither, first, second, both)
    return _ratio(np.asarray(one), whole), _ratio(np.asarray(other), whole)


def _first_of_answer(*game: np.ndarray) -> np.ndarray:
    return parts_of_answer(*game)[0]


def _second_of_answer(*game: np.ndarray) -> np.ndarray:
    return parts_of_answer(*game)[1]


def _ratio(changed: np.ndarray, own: np.ndarray) -> np.ndarray:
    return np.divide(changed, own, out=np.full_like(own, np.nan), where=own > SILENT)
