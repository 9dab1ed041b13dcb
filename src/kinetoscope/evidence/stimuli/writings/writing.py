"""How is a stimulus written down: which numbers are moved so that a clip takes shape?

A way of writing gives a draft: the clips of a batch under way. The ascent asks a draft for its
clips, tells it which way each pixel should go, and has it take a step. Whether the numbers behind
the pixels are the pixels themselves, the coefficients of a spectrum, a texture and its motion, or
the code of a generator, is the draft's own affair.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from kinetoscope.evidence.stimuli.priors import squared_length
from kinetoscope.files import settings_key
from kinetoscope.tensors import Volume
from kinetoscope.units.receptive import Box


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What the clips of a batch are written on, in units of the network's input.

    Args:
        shapes: of each stream that is made: channel, time, height, width.
        bounds: the longest vector that a pixel of each stream may have.
        darkest, brightest: what a screen can show, `1 3 1 1 1`.
        keys: one a clip; its first noise depends on its key and on nothing else.
        chi: one a clip: the weight of change over time against `kappa`, that of change over space.
        kappa: see `chi`.
        box: which part of the network's clip is made; None for all of it.
        start: clips to begin with instead of noise, a stream each, for ways that take clips.
        flow_scale: the motion that is 1 in these units [pixels per frame of the clip].
        device: where the clips are made.
    """

    shapes: Mapping[str, tuple[int, int, int, int]]
    bounds: Mapping[str, float]
    darkest: Tensor
    brightest: Tensor
    keys: tuple[str, ...]
    chi: Tensor
    kappa: float = 1.0
    flow_scale: float = 1.0
    box: Box | None = None
    start: Mapping[str, Tensor] = field(default_factory=dict)
    device: torch.device | str = "cpu"

    def noise(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """Normal noise, `clip *shape`; the same for clips of the same key."""
        made: dict[str, Tensor] = {}
        for key in self.keys:
            if key not in made:
                seed = int(settings_key(f"{key} {name}"), 16) % 2**63
                made[key] = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        return torch.stack([made[key] for key in self.keys]).to(self.device)

    def beginning(self, stream: str, noise: Volume) -> Volume:
        """What a draft's clips begin with: what they are to, or noise of a tenth of the bound."""
        first = self.start.get(stream)
        first = 0.1 * self.bounds[stream] * noise if first is None else first.to(self.device)
        # Twice as fast for small networks on a CPU as the plain layout.
        return self.project(stream, first).contiguous(memory_format=torch.channels_last_3d)

    def project(self, stream: str, x: Volume) -> Volume:
        """The nearest clip within the bound, and of colours that a screen can show."""
        bound = self.bounds[stream]
        x = x * (bound / squared_length(x).clamp(min=bound**2).sqrt())
        return x.clamp(self.darkest, self.brightest) if stream == "frames" else x


class Draft(ABC):
    """Clips under way.

    `around` holds, of each stream that began with a real clip, that clip: priors then act on what
    was changed.
    """

    around: Mapping[str, Tensor]

    @abstractmethod
    def draw(self) -> dict[str, Volume]:
        """The clips, a stream each, within their bounds. Gradients may reach back from them."""

    @abstractmethod
    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        """Take note of the gradient of what is to fall, at the clips that were drawn last."""

    @abstractmethod
    def step(self, rate: float) -> None:
        """Move against the gradients that were noted, and forget them.

        Args:
            rate: length of the step, as a share of the bound where numbers are pixels.
        """

    @abstractmethod
    def keep(self, clips: Tensor) -> None:
        """Go on with some of the clips only: their places in the batch as it is now."""


class Writing(ABC):
    """A way of writing stimuli down; a frozen dataclass of its settings.

    `takes_clips` says whether any clip can be written so, and a draft can start with one.
    """

    name: str
    takes_clips: bool = False

    @abstractmethod
    def begin(self, sheet: Sheet) -> Draft:
        """Clips of noise, or of whatever this way begins with."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Its settings as plain values, its name among them, for the provenance."""
