"""Which units follow what moves, which what it looks like, which both, which neither?

Two clips that share only one factor, their motion or their appearance, excite a unit alike if the
unit follows that factor. Over many such pairs a and b, for a channel of mean m,

    score = mean((a - m) (b - m)) / variance

is the correlation over pairs; by chance it is 0. The score of a layer is the sum over its channels,
divided by the sum of their variances. Pairs are, of a clip as it is, the clips in which

    dynamic   another clip's still frame is moved along its motion
    static    its still frame is moved along another clip's motion
    both      its own still frame is moved along its own motion

The first two are the same clips, so that what the moving costs weighs on both scores alike, and the
third tells what it costs. Above a threshold of 0.5 a unit is `dynamic` or `static`. Where pairs
share one factor and nothing else, the two scores are the parts of a unit's variance that motion
alone and appearance alone explain, so that both can't be above 0.5: a unit that adds the two has
0.5 and 0.5, one that multiplies them less. A unit is `joint` where neither factor is enough, and
the two together are: their score is above 0.5. What follows not even both is `none`.

Source: Kowal, Siam, Islam, Bruce, Wildes and Derpanis, "A Deeper Dive Into What Deep Spatiotemporal
Networks Encode", CVPR 2022, section 3, with the estimator of Islam et al., "Shape or Texture",
ICLR 2021. Differs: their pairs are stylized or shuffled, which leaves more in common than the one
factor, and joint are units with both scores above 0.5 (which here are joint as well). That scores
are parts of a variance: Sobol, "Sensitivity Estimates for Nonlinear Mathematical Models", 1993.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

from kinetoscope.evidence.cues.partners import Partners
from kinetoscope.evidence.cues.showing import Values
from kinetoscope.evidence.cues.spread import PerUnit, Spread, ends, spread, weights_of_clips
from kinetoscope.evidence.intervals import Interval

THRESHOLD = 0.5

Kind = Literal["dynamic", "static", "joint", "none", "silent"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_AT_ONCE = 1024  # units, so that memory does not grow with a layer
_CONSTANT = 1e-12  # of the mean square: what float noise leaves of a variance that is none


@dataclass(frozen=True, kw_only=True)
class Factors:
    """How far the units of a layer follow either factor.

    Args:
        static, dynamic, both: the scores of each unit; not a number for one that never changes.
        joint: by how much the score of both is above the larger one of the two.
        layer_static, layer_dynamic: of the layer as a whole.
        kinds: of each unit; `silent` where it never changes.
    """

    static: Spread
    dynamic: Spread
    both: Spread
    joint: Spread
    layer_static: Interval
    layer_dynamic: Interval
    kinds: tuple[Kind, ...]

    def count(self) -> dict[Kind, int]:
        """How many units are of each kind."""
        return {kind: self.kinds.count(kind) for kind in KINDS}


def follow(
    as_it_is: Values, other_texture: Values, own_texture: Values, partners: Partners, *, seed: int
) -> Factors:
    """Measure all units of a layer.

    Args:
        as_it_is: what units answered to each clip.
        other_texture: to its partner's still frame on its motion.
        own_texture: to its own still frame on its motion.
        partners: who stands in for whom.
        seed: of the intervals.
    """
    centre = as_it_is.mean(axis=0)  # so that squares lose no digits
    own, mixed, again = (each - centre for each in (as_it_is, other_texture, own_texture))
    # a unit that is constant but for float noise
    floor = np.broadcast_to(_CONSTANT * (centre**2 + 1e-24), own.shape)
    static, dynamic, both = (
        [*_products(one, other), floor]
        for one, other in ((own[partners], mixed), (own, mixed), (own, again))
    )
    scores = [spread(_score, columns, seed=seed) for columns in (static, dynamic, both)]
    return Factors(
        static=scores[0],
        dynamic=scores[1],
        both=scores[2],
        joint=spread(_joint, [*static, *dynamic, *both], seed=seed),
        layer_static=_of_layer(own[partners], mixed, seed),
        layer_dynamic=_of_layer(own, mixed, seed),
        kinds=kinds_of(*(each.value for each in scores)),
    )


def kinds_of(static: PerUnit, dynamic: PerUnit, both: PerUnit) -> tuple[Kind, ...]:
    """What each unit is called by its three scores."""
    scores = zip(static.tolist(), dynamic.tolist(), both.tolist(), strict=True)
    return tuple(_kind(*each) for each in scores)


def _kind(static: float, dynamic: float, both: float) -> Kind:
    if np.isnan(static + dynamic):
        return "silent"
    if (static > THRESHOLD) != (dynamic > THRESHOLD):
        return "static" if static > THRESHOLD else "dynamic"
    return "joint" if max(static, both) > THRESHOLD else "none"


def correlation(first: Values, second: Values) -> Float[np.ndarray, " unit"]:
    """The score of each unit over pairs of clips, written out; without variance not a number."""
    mean = (first.mean(axis=0) + second.mean(axis=0)) / 2
    variance = (((first - mean) ** 2).mean(axis=0) + ((second - mean) ** 2).mean(axis=0)) / 2
    together = ((first - mean) * (second - mean)).mean(axis=0)
    return np.divide(together, variance, out=np.full_like(mean, np.nan), where=variance > 0)


def _products(first: Values, second: Values) -> list[Values]:
    """Whose means over pairs tell the score, so that pairs can be weighed anew."""
    return [first * second, (first + second) / 2, (first**2 + second**2) / 2]


def _score(
    products: np.ndarray, means: np.ndarray, squares: np.ndarray, floor: np.ndarray
) -> np.ndarray:
    variance = squares - means**2
    nothing = np.full_like(variance, np.nan)
    return np.divide(products - means**2, variance, out=nothing, where=variance > floor)


def _joint(*columns: np.ndarray) -> np.ndarray:
    static, dynamic, both = (_score(*columns[first : first + 4]) for first in (0, 4, 8))
    return both - np.maximum(0, np.maximum(static, dynamic))


def _of_layer(first: Values, second: Values, seed: int) -> Interval:
    """Of all channels together, over the pairs, which are weighed anew."""
    whole = np.full((1, len(first)), 1 / len(first))
    value = _layer_scores(first, second, whole)[0]
    again = _layer_scores(first, second, weights_of_clips(len(first), seed))
    low, high = (np.nan, np.nan) if np.isnan(value) else ends(again).tolist()
    return Interval(float(value), low, high)


def _layer_scores(
    first: Values, second: Values, weights: Float[np.ndarray, "resample clip"]
) -> Float[np.ndarray, " resample"]:
    means_squared = np.zeros(len(weights))
    for start in range(0, first.shape[1], _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        means = weights @ ((first[:, part] + second[:, part]) / 2)
        means_squared += (means**2).sum(axis=1)
    products = weights @ (first * second).sum(axis=1)
    variance = weights @ ((first**2 + second**2) / 2).sum(axis=1) - means_squared
    nothing = np.full_like(variance, np.nan)
    return np.divide(products - means_squared, variance, out=nothing, where=variance > 0)
