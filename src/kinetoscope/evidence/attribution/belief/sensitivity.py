"""Is the heat of parts what the objective loses without them, and does it stay for the same clip?

    sensitivity-n        how the summed heat of n random segments goes along with what the objective
                         loses without them (Pearson), the mean over several n
    infidelity           the mean squared difference between the two, after the best scale for the
                         heat, as a part of the mean squared loss: 0 tells it exactly, 1 nothing
    completeness gap     how far the whole heat is from what there is to lose, as a part of it;
                         meant for methods that promise completeness
    max-sensitivity      by how much the heat changes, as a part of its length, when noise is added
                         to the clip that can't be seen; the most of several draws

The first two look at the same versions of the clip, which are the same for all methods.

Source: Ancona et al., "Towards Better Understanding of Gradient-based Attribution Methods", ICLR
2018, section 4 (sensitivity-n, completeness); Yeh et al., "On the (In)fidelity and Sensitivity of
Explanations", NeurIPS 2019, definitions 2.1 and 3.1. Differs: what is removed are blocks of
space-time, by what stands in and not to a baseline only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.belief.curves import Taking
from kinetoscope.evidence.attribution.belief.segments import Taken
from kinetoscope.evidence.attribution.question import Question

SHARES = (0.1, 0.3, 0.5)
"""Of all segments that are taken away at once: each n of sensitivity-n."""

RADIUS = 0.02
"""Of the noise in each value of the frames, and in each value of flow as the network sees it."""

PerSegment = Float[Tensor, " segment"]
PerVersion = Float[Tensor, " version"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Losses:
    """What the objective loses without random sets of segments.

    Args:
        taken: each set.
        lost: without it; likewise.
        to_lose: without any segment.
        each: how many sets there are of one size; they stand together.
    """

    taken: Taken
    lost: PerVersion
    to_lose: float
    each: int


def losses(
    taking: Taking, *, shares: Sequence[float] = SHARES, draws: int = 12, seed: int = 0
) -> Losses:
    """Take random sets away.

    Args:
        taking: from which clip.
        shares: how many segments a set has, as shares of all.
        draws: how many sets of each size.
        seed: of the sets.
    """
    count = len(taking.segments)
    orders = taking.segments.at_random(draws * len(shares), seed)
    sizes = [max(1, round(share * count)) for share in shares for _ in range(draws)]
    taken = orders.argsort(dim=1) < torch.tensor(sizes)[:, None]
    return Losses(
        taken=taken,
        lost=taking.whole - taking.values(taken),
        to_lose=taking.whole - taking.empty,
        each=draws,
    )


def sensitivity_n(heat: PerSegment, found: Losses) -> float:
    """The mean of Pearson's correlations, one for each n; not a number where one has none."""
    summed = _summed(heat, found)
    pairs = zip(summed.split(found.each), found.lost.split(found.each), strict=True)
    each = [_correlation(one, other) for one, other in pairs]
    return sum(each) / len(each)


def infidelity(heat: PerSegment, found: Losses, *, scaled: bool = True) -> float:
    """The mean squared difference between summed heat and loss.

    Args:
        heat: of each segment.
        found: what was lost.
        scaled: give the heat its best scale first, and tell a part of the mean squared loss;
            otherwise as it is, in units of the objective squared.
    """
    summed, lost = _summed(heat, found), found.lost
    if not scaled:
        return float((summed - lost).square().mean())
    scale = (summed * lost).sum() / summed.square().sum().clamp(min=1e-300)
    return float((scale * summed - lost).square().mean() / lost.square().mean())


def completeness_gap(attribution: Attribution, to_lose: float) -> float:
    """How far the whole heat is from what there is to lose, as a part of that."""
    if to_lose == 0:
        return math.nan
    return abs(float(attribution.whole.double().sum()) - to_lose) / abs(to_lose)


def max_sensitivity(
    method: Method,
    question: Question,
    attribution: Attribution,
    *,
    draws: int = 3,
    radius: float = RADIUS,
    seed: int = 0,
) -> float:
    """By how much the heat changes at most for noise that can't be seen.

    Args:
        method: that is asked again, of each noisy clip.
        question: about the clip as it is.
        attribution: what the method found there.
        draws: how many noisy clips.
        radius: of the noise, which is even within it.
        seed: of the noise.

    Returns:
        The length of the difference between the heats of all parts, as a part of the heat's own;
        not a number where there is no heat.
    """
    own = _stacked(attribution)
    chance = torch.Generator().manual_seed(seed)
    scale = question.network.expects.flow_scale
    found = [
        _stacked(method.answer(question.of(noisy(question.clip, radius, scale, chance)))) - own
        for _ in range(draws)
    ]
    length = float(own.norm())
    return max(float(each.norm()) for each in found) / length if length else math.nan


def noisy(clip: Clip, radius: float, flow_scale: float, chance: torch.Generator) -> Clip:
    """The clip with even noise in frames and flow, within display space."""
    frames = _with_noise(clip.frames, radius, chance).clamp(0, 1)
    flow = clip.flow
    if flow is not None:
        flow = _with_noise(flow, radius * flow_scale, chance)
    return replace(clip, frames=frames, flow=flow)


def _with_noise(x: Tensor, radius: float, chance: torch.Generator) -> Tensor:
    noise = 2 * torch.rand(x.shape, generator=chance) - 1
    return x + radius * noise.to(x)


def _stacked(attribution: Attribution) -> Tensor:
    return torch.stack([*attribution.heat.values()]).double()


def _summed(heat: PerSegment, found: Losses) -> PerVersion:
    return found.taken.double() @ heat


def _correlation(one: PerVersion, other: PerVersion) -> float:
    """Pearson's; not a number where one of them is always the same."""
    one, other = one - one.mean(), other - other.mean()
    lengths = float(one.norm() * other.norm())
    return float(one @ other) / lengths if lengths > 1e-12 else math.nan
