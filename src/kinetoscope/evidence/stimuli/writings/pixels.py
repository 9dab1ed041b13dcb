"""How is a stimulus written down as pixels, and how do numbers move uphill?

The numbers are the pixels themselves, moved by Adam, and every pixel is brought back within its
bound after every step.

Source: Kingma and Ba, "Adam", ICLR 2015. Differs: the channels of a pixel share one second moment.
A step then has the direction of the pixel's gradient, so that the best point on the bound is one
where the ascent rests; with a moment for each channel it drifts to the diagonals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinetoscope.evidence.stimuli.priors import Prior, squared_length
from kinetoscope.evidence.stimuli.writings.writing import Draft, Sheet, Writing
from kinetoscope.tensors import Volume

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-12


class Adam:
    """Moments of the gradients of some numbers, `clip component ...`, and the step they lead to.

    The components of a place, along the second axis, share one second moment.
    """

    def __init__(self, x: Tensor):
        self._first, self._second = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        self._steps = 0

    @torch.no_grad()
    def step_(self, x: Tensor, gradient: Tensor, length: float) -> None:
        """Move the numbers against their gradient, in place, each place by about the length."""
        self._steps += 1
        self._first.lerp_(gradient, 1 - _FIRST)
        self._second.lerp_(squared_length(gradient) / gradient.shape[1], 1 - _SECOND)
        scale = (self._second / (1 - _SECOND**self._steps)).sqrt_().add_(_TINY)
        x.addcdiv_(self._first, scale, value=-length / (1 - _FIRST**self._steps))

    def keep(self, clips: Tensor) -> None:
        """Go on with some of the clips only."""
        self._first, self._second = self._first[clips], self._second[clips]


@dataclass(frozen=True)
class Pixels(Writing):
    """Pixels, from noise of a tenth of the bound.

    Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018.
    """

    name = "pixels"
    takes_clips = True

    def begin(self, sheet: Sheet) -> Draft:
        return _Draft(sheet)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name}


class _Draft(Draft):
    def __init__(self, sheet: Sheet):
        self.sheet, self.around = sheet, {}
        self._x: dict[str, Tensor] = {}
        for stream, shape in sheet.shapes.items():
            self._x[stream] = sheet.beginning(stream, sheet.noise(stream, shape))
        self._adam = {stream: Adam(x) for stream, x in self._x.items()}
        self._gradients: Mapping[str, Tensor] = {}

    def draw(self) -> dict[str, Volume]:
        return dict(self._x)

    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        self._gradients = gradients

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for stream, gradient in self._gradients.items():
            x, bound = self._x[stream], self.sheet.bounds[stream]
            self._adam[stream].step_(x, gradient, rate * bound)
            self._project_(stream, x)
        self._gradients = {}

    def keep(self, clips: Tensor) -> None:
        self._x = {stream: x[clips] for stream, x in self._x.items()}
        for adam in self._adam.values():
            adam.keep(clips)

    def _project_(self, stream: str, x: Volume) -> None:
        """In place what `Sheet.project` says."""
        Prior(bound=self.sheet.bounds[stream]).project_(x)
        if stream == "frames":
            x.clamp_(self.sheet.darkest, self.sheet.brightest)
