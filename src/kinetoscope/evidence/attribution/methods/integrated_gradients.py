"""What does each pixel add on the way from a clip without evidence to the clip?

    heat = (x - b) * integral from 0 to 1 of dv / dx at b + a (x - b) over a

where x is the clip and b what stands there when all of it is removed (`filling`). Both streams go
along the way together. The heat of all pixels adds up to v(x) - v(b), as that of the gradient times
the input does for linear networks alone. What the sum over steps misses of that is told as
`completeness gap`, and as its part of the difference. Where the part is more than 0.05, more steps
are needed.

Gauss-Legendre's steps and weights are exact for polynomials of a degree below twice their count;
the midpoints of equal steps are there to compare. Heat does not depend on how many steps share a
batch.

Source: Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, sections 3
and 5. They take the right end of equal steps; baselines in time are our own.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import unknown_name
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.methods.gradients import check_count, told
from kinetoscope.evidence.attribution.methods.room import batches, versions_at_once
from kinetoscope.evidence.attribution.question import Question, Streams
from kinetoscope.evidence.attribution.removal import Removal, check_filling
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.objective import Objective

QUADRATURES = ("gauss-legendre", "midpoint")

LARGE_GAP = 0.05
"""Part of the difference that the heat may miss before it is warned of; the paper's."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(Method):
    """The mean gradient on the way to the clip, times the way.

    Args:
        steps: how many gradients.
        filling: where the way begins: the clip with all of it removed.
        quadrature: where on the way the steps are, and how much each counts; one of
            `QUADRATURES`.
    """

    steps: int = 32
    filling: str = "grey"
    quadrature: str = "gauss-legendre"

    name: ClassVar[str] = "integrated-gradients"
    source: ClassVar[str] = "Sundararajan 2017"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        check_count("steps", self.steps)
        check_filling(self.filling)
        if self.quadrature not in QUADRATURES:
            raise unknown_name("quadrature", self.quadrature, list(QUADRATURES))

    def answer(self, question: Question) -> Attribution:
        begin = Removal.of(question, self.filling).all()
        at, weights = nodes(self.steps, self.quadrature)
        found = integrated(question, begin, at, weights)
        value, value_at_begin = _values(question, question.streams, begin)
        difference = value - value_at_begin
        missed = difference - sum(float(x.double().sum()) for x in found.values())
        facts = {"steps": float(self.steps), "difference": difference, "completeness gap": missed}
        if difference != 0:
            share = abs(missed / difference)
            facts["completeness gap, part of the difference"] = share
            self._warn(question, share)
        return told(self.name, question, found, "sum", value=value, **facts)

    def _warn(self, question: Question, share: float) -> None:
        if share > LARGE_GAP:
            _log.warning(
                "the heat of %s in %s misses %.0f %% of the difference; take more steps than %d",
                question.objective,
                question.clip.source,
                100 * share,
                self.steps,
            )


def nodes(steps: int, quadrature: str) -> tuple[list[float], list[float]]:
    """Where on the way from 0 to 1 the steps are, and how much each counts."""
    if quadrature == "midpoint":
        return [(step + 0.5) / steps for step in range(steps)], [1 / steps] * steps
    at, weights = np.polynomial.legendre.leggauss(steps)
    return ((1 + at) / 2).tolist(), (weights / 2).tolist()


def integrated(
    question: Question, begin: Streams, at: Sequence[float], weights: Sequence[float]
) -> dict[Stream, Tensor]:
    """The weighted sum of gradients on the way from `begin` to the clip, times the way.

    Returns:
        A number for each value, `1 channel time height width` a stream.
    """
    total = {name: torch.zeros_like(x) for name, x in question.streams.items()}
    at_once = versions_at_once(question, gradients=True)
    with frozen(question.network):
        for batch in batches(len(at), at_once):
            versions: dict[Stream, Tensor] = {
                name: _on_the_way(begin[name], x, at[batch]) for name, x in question.streams.items()
            }
            _, slopes = question.gradients(versions)
            for name, slope in slopes.items():  # one by one, so that batches change no rounding
                for weight, one in zip(weights[batch], slope, strict=True):
                    total[name].add_(one, alpha=weight)
    return {name: total[name].mul_(x - begin[name]) for name, x in question.streams.items()}


def _values(question: Question, *clips: Streams) -> list[float]:
    """The objective's value for each; run together, which takes less time than one by one."""
    together: dict[Stream, Tensor] = {
        name: torch.cat([clip[name] for clip in clips]) for name in question.streams
    }
    at_once = versions_at_once(question, gradients=False, most=len(clips))
    with frozen(question.network), torch.inference_mode():
        return [
            float(value)
            for batch in batches(len(clips), at_once)
            for value in question.values({name: x[batch] for name, x in together.items()})
        ]


def _on_the_way(begin: Tensor, end: Tensor, at: Sequence[float]) -> Tensor:
    return torch.lerp(begin, end, torch.tensor(at).to(end)[:, None, None, None, None])
