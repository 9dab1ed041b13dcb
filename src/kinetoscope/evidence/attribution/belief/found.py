"""What was measured of methods, clip by clip?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.belief.agreement import PerSegment
from kinetoscope.evidence.intervals import Interval, interval

CONTROLS = ("random", "centre")
"""Orders that need no method; they stand among the methods' names."""


class Measure(NamedTuple):
    """A number of each clip: of which method, which number, and what stood in for what is gone."""

    method: str
    name: str
    filling: str = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A method, and of which clips it is asked what.

    Args:
        method: with its settings.
        clips: that it attributes.
        steady: of these, on which it is asked whether its heat changes with other weights.
        noisy: of these, on which it is asked for noise and for another label.
        every_stage: of the weights; otherwise the last one alone.
    """

    method: Method
    clips: Sequence[int]
    steady: Sequence[int]
    noisy: Sequence[int]
    every_stage: bool = True


@dataclass(kw_only=True)
class Measured:
    """What was measured.

    Args:
        values: by clip.
        heats: by method and clip, of each segment.
        curves: by method, filling and clip; `name` is deletion or insertion.
        refused: methods that refused while they computed, and what they said.
    """

    values: dict[Measure, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    heats: dict[str, dict[int, PerSegment]] = field(default_factory=lambda: defaultdict(dict))
    curves: dict[Measure, dict[int, Tensor]] = field(default_factory=lambda: defaultdict(dict))
    refused: dict[str, KinetoscopeError] = field(default_factory=dict)

    def interval(self, method: str, name: str, filling: str = "", seed: int = 0) -> Interval:
        """The median over clips; not a number where nothing was measured."""
        found = self.values.get(Measure(method, name, filling), {})
        return interval([*found.values()] or [np.nan], seed=seed)

    def gains(self, method: str) -> dict[int, float]:
        """Of a method, by clip; not a number where a clip has too little to lose."""
        return self.values.get(Measure(method, "gain"), {})

    def tell(self, filling: str) -> int:
        """How many clips have enough to lose, with this in its place."""
        return int(
            np.isfinite([*self.values[Measure("centre", "deletion", filling)].values()]).sum()
        )

    def curve(self, method: str, name: str, filling: str) -> list[float]:
        """The median over the clips that tell, step by step."""
        found = self.curves.get(Measure(method, name, filling), {})
        return torch.stack([*found.values()]).nanmedian(0).values.tolist() if found else []
