"""Do two layers say the same of the same clips, whatever their units are called?

Linear centred kernel alignment holds the similarities among clips that one layer sees against those
that another sees. With the Gram matrices of centred features, K = A A' and L = B B',

    CKA = <K, L> / (|K| |L|),  which is also  |A' B|^2 / (|A' A| |B' B|)

1 is the same up to a rotation and a scale, 0 is unrelated. The layers may have different numbers of
units, and be of different networks. Of few clips and many units it is high whatever the features
are; the unbiased estimate is not, so it is that one which is told, and that may be below 0.

Source: Kornblith, Norouzi, Lee and Hinton, "Similarity of Neural Network Representations
Revisited", ICML 2019, section 3; unbiased as in Nguyen, Raghu and Kornblith, "Do Wide and Deep
Networks Learn the Same Things?", ICLR 2021, section 3, by HSIC_1 of Song, Smola, Gretton, Bedo and
Borgwardt, "Feature Selection via Dependence Maximization", JMLR 2012, equation 5. Differs: all
clips are one batch; matrices are U-centred (Szekely and Rizzo, Annals of Statistics 2014), whose
plain product is HSIC_1; and it has an interval, by the jackknife over clips (Efron and Stein,
Annals of Statistics 1981), since a clip drawn twice, as by the bootstrap, would count as agreement.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.evidence.intervals import Interval

LEAST_CLIPS = 5
"""The unbiased estimate takes four clips, and its interval leaves one out."""

_ROUNDING = 1e-6  # a feature that varies less than single precision tells does not vary
_NOTHING = 1e-12  # of Gram matrices with a mean square of 1
_Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations

Gram = Float[Tensor, "clip clip"]


def linear_cka(a: Float[Tensor, "clip feature"], b: Float[Tensor, "clip feature2"]) -> float:
    """How alike two representations of the same clips are, from 0 to 1.

    Biased upward where clips are few: prefer `unbiased_cka` below some ten clips a feature.

    Args:
        a: what one layer says, a row a clip. Need not be centred.
        b: what the other says of the same clips.

    Returns:
        Not a number where one of the two is the same for all clips.

    >>> round(linear_cka(torch.eye(4), 3 * torch.eye(4).flip(1)), 6)
    1.0
    """
    a, b = _centred(a), _centred(b)
    (clips, ours), theirs = a.shape, b.shape[1]
    if max(ours, theirs) <= clips:  # whichever matrices are smaller; the numbers are the same
        return _share((a.T @ b).square().sum(), (a.T @ a).norm(), (b.T @ b).norm())
    k, l = a @ a.T, b @ b.T  # noqa: E741 - as in the source
    return _share((k * l).sum(), k.norm(), l.norm())


def unbiased_cka(a: Float[Tensor, "clip feature"], b: Float[Tensor, "clip feature2"]) -> float:
    """As `linear_cka`, without its bias where clips are few: about 0 if unrelated.

    Args:
        a: what one layer says, a row a clip; of four clips or more.
        b: what the other says of the same clips.

    Returns:
        From -1 to 1. Not a number where there are fewer clips, or one of the two is the same for
        all clips.
    """
    return unbiased_cka_of_grams(gram(a), gram(b)).value


def gram(features: Float[Tensor, "clip feature"]) -> Gram:
    """How alike clips are: products of their features, U-centred, with a mean square of 1.

    U-centred: nothing on the diagonal, where a clip is held against itself, and rows of sum 0.
    """
    centred, clips = _centred(features), len(features)
    if clips < LEAST_CLIPS - 1:
        return centred.new_zeros(clips, clips)
    products = centred @ centred.T
    products.fill_diagonal_(0)
    rows = products.sum(dim=1)
    found = products - (rows[:, None] + rows) / (clips - 2)
    found += rows.sum() / ((clips - 1) * (clips - 2))
    found.fill_diagonal_(0)
    return found / found.square().mean().sqrt().clamp(min=torch.finfo(found.dtype).tiny)


def unbiased_cka_of_grams(k: Gram, l: Gram) -> Interval:  # noqa: E741 - as in the source
    """The unbiased estimate from how alike clips are, with its interval over clips.

    Args:
        k: of one layer, as `gram` makes it.
        l: of the other.

    Returns:
        95 %, by the jackknife over clips; the ends are not numbers below `LEAST_CLIPS`.
    """
    if len(k) < LEAST_CLIPS - 1:
        return Interval(math.nan, math.nan, math.nan)
    of_clips = [torch.einsum("ij,ij->i", x, y) for x, y in ((k, l), (k, k), (l, l))]
    value = _unbiased_share(*(_hsic(each) for each in of_clips)).item()
    if len(k) < LEAST_CLIPS or math.isnan(value):
        return Interval(value, math.nan, math.nan)
    without = _unbiased_share(*(_hsic_without_each(each) for each in of_clips))
    count = len(without)
    spread = ((without - without.mean()).square().sum() * (count - 1) / count).sqrt().item()
    return Interval(value, max(-1.0, value - _Z * spread), min(1.0, value + _Z * spread))


def _centred(features: Tensor) -> Tensor:
    wide = features.double()
    centred = wide - wide.mean(dim=0)
    varies = centred.abs().amax(dim=0) > _ROUNDING * wide.abs().amax(dim=0)
    return centred.where(varies, 0)


def _share(both: Tensor, ours: Tensor, theirs: Tensor) -> float:
    within = (ours * theirs).item()
    return both.item() / within if within > 0 else math.nan


def _unbiased_share(both: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """Not a number where a representation says no more of clips than chance would."""
    within = (ours * theirs).clamp(min=0).sqrt()
    return (both / within).where(within > _NOTHING, torch.nan).clamp(-1, 1)


def _hsic(of_clips: Float[Tensor, " clip"]) -> Tensor:
    """HSIC_1, from each clip's part in the product of two U-centred matrices."""
    clips = len(of_clips)
    return of_clips.sum() / (clips * (clips - 3))


def _hsic_without_each(of_clips: Float[Tensor, " clip"]) -> Tensor:
    """HSIC_1 of all clips but one, for each clip that is left out.

    Without it the matrices are no longer U-centred, which equation 5 does not need: of its three
    terms the first loses the clip's row and column, the second stays 0, and in the third each row
    has lost as much as the clip's column had.
    """
    clips = len(of_clips) - 1
    products = of_clips.sum() - 2 * of_clips
    return (products - 2 * of_clips / (clips - 2)) / (clips * (clips - 3))
