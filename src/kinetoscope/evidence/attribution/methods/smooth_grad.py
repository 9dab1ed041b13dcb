"""How does the objective change with each pixel, over clips that look the same?

A gradient is taken at many clips that differ from this one by a little noise, so that what holds
for all of them is left:

    mean       of the gradients (SmoothGrad)
    square     the mean of their squares
    variance   what the square has more than the mean: where noise matters

The noise of a stream is normal, with a standard deviation that is a share of the range of that
stream's values; a stream of one value stays as it is. Each sample's noise follows from the seed
alone, whatever the device and however many samples share a batch.

Source: Smilkov, Thorat, Kim, Viégas and Wattenberg, "SmoothGrad: removing noise by adding noise",
2017, section 2; the square as in Hooker et al., "A Benchmark for Interpretability Methods in Deep
Neural Networks", NeurIPS 2019; the variance as in Adebayo et al., "Local Explanation Methods for
Deep Neural Networks Lack Sensitivity to Parameter Values", 2018.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.methods.gradients import (
    check_count,
    check_over_channels,
    told,
)
from kinetoscope.evidence.attribution.methods.room import batches, versions_at_once
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.objective import Objective

OVER_SAMPLES = ("mean", "square", "variance")


@dataclass(frozen=True, kw_only=True)
class SmoothGrad(Method):
    """The gradient, over clips with noise.

    Args:
        samples: how many; the first of them are the same whatever the count.
        noise: its standard deviation, as a share of the range of a stream's values.
        over_samples: how the gradients of the samples become one; one of `OVER_SAMPLES`.
        over_channels: how the values of a pixel become its heat; one of `OVER_CHANNELS`.
        seed: of the noise.
    """

    samples: int = 32
    noise: float = 0.15
    over_samples: str = "mean"
    over_channels: str = "largest"
    seed: int = 0

    name: ClassVar[str] = "smooth-grad"
    source: ClassVar[str] = "Smilkov 2017"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        check_count("samples", self.samples)
        check_over_channels(self.over_channels)
        if self.over_samples not in OVER_SAMPLES:
            raise unknown_name("way to join samples", self.over_samples, list(OVER_SAMPLES))
        if not self.noise > 0:
            raise ClipError(
                "noise has no size",
                got=f"{self.noise}",
                expected="a share of the range of values, above 0, such as 0.15",
                hint="without noise this is the gradient",
            )

    def answer(self, question: Question) -> Attribution:
        deviations: dict[Stream, float] = {
            name: self.noise * float(x.max() - x.min()) for name, x in question.streams.items()
        }
        found = self._over_samples(question, deviations)
        facts = {"samples": float(self.samples)}
        facts |= {f"noise of {name}": deviation for name, deviation in deviations.items()}
        answer = told(self.name, question, found, self.over_channels, **facts)
        return answer if self.over_samples == "mean" else replace(answer, signed=False)

    def _over_samples(
        self, question: Question, deviations: dict[Stream, float]
    ) -> dict[Stream, Tensor]:
        sums: dict[Stream, Tensor] = {
            name: torch.zeros_like(x[0]) for name, x in question.streams.items()
        }
        squares = {name: torch.zeros_like(x) for name, x in sums.items()}
        at_once = versions_at_once(question, gradients=True)
        noise = _Noise(deviations, self.seed)
        with frozen(question.network):
            for batch in batches(self.samples, at_once):
                _, slopes = question.gradients(noise.added(question, batch.stop - batch.start))
                for name, slope in slopes.items():
                    for one in slope:  # so that batches change no rounding
                        sums[name].add_(one)
                        if self.over_samples != "mean":
                            squares[name].addcmul_(one, one)
        return {name: self._joined(x, squares[name])[None] for name, x in sums.items()}

    def _joined(self, total: Tensor, squares: Tensor) -> Tensor:
        mean, square = total / self.samples, squares / self.samples
        if self.over_samples == "mean":
            return mean
        return square if self.over_samples == "square" else (square - mean**2).clamp(min=0)


class _Noise:
    """Noise for one sample after the other."""

    def __init__(self, deviations: dict[Stream, float], seed: int):
        self._deviations = deviations
        self._chance = torch.Generator().manual_seed(seed)

    def added(self, question: Question, count: int) -> dict[Stream, Tensor]:
        """Versions of a clip with the noise of the next samples."""
        streams = question.streams
        made: dict[Stream, Tensor] = {
            name: torch.empty(count, *x.shape[1:], dtype=x.dtype) for name, x in streams.items()
        }
        for sample in range(count):
            for name, deviation in self._deviations.items():
                made[name][sample].normal_(0, deviation, generator=self._chance)
        return {
            name: noise.to(streams[name].device).add_(streams[name]) for name, noise in made.items()
        }
