"""How is a stimulus written down as waves, each as large as natural motion lets it be?

A clip is a sum of waves of every frequency f across space and w over time,

    x = irfftn(S z),    S(f, w) = (kappa |f|^2 + chi w^2)^(-1/2),

in cycles per pixel and per frame, and its coefficients z are moved instead of its pixels. Steps are
then large where waves are expected to be large: a stimulus grows from coarse to fine, and chi asks
for slow motion just as it does in the smoothness prior. Both are one prior: where frequencies are
measured by differences between neighbours, sin(pi f) / pi for f (the same while f is low),

    (2 pi)^2 sum |z|^2  =  sum kappa ((D_x x)^2 + (D_y x)^2) + chi (D_t x)^2,

the roughness of priors.py with periodic borders. The optimum is the same as that of pixels; only
the way to it differs.

Source: Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, section
"Preconditioning and parameterization", where also the colours without correlation are from.
Differs: theirs is 1 / |f| in two dimensions, of which only the infinite is cut.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.edge import Edge
from kinetoscope.evidence.stimuli.writings.waves import (
    expected_sizes,
    mean_size,
    to_clips,
    to_waves,
)
from kinetoscope.evidence.stimuli.writings.writing import Draft, Sheet, Writing
from kinetoscope.tensors import Volume

_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-12

Colour = tuple[tuple[float, ...], ...]

NATURAL_COLOUR: Colour = ((0.26, 0.09, 0.02), (0.27, 0.0, -0.05), (0.27, -0.09, 0.03))
"""The root of how colours vary together in ImageNet, as lucid has it, if none is measured."""


@dataclass(frozen=True, kw_only=True)
class Fourier(Writing):
    """Coefficients of waves, from noise of a tenth of the bound.

    Args:
        colour: a matrix C that makes colours of values without correlation, x = C x', such as a
            root of the covariance of natural colours; of the network's normalized input, and for
            frames only. Its scale does not matter, nor which root it is.
        floor: the frequency below which all waves are expected to be as large as there
            [cycles per pixel, with kappa = 1]. Waves that long are held back by the prior of
            energy, not by smoothness; without it they outrun all others, fill the bound, and a unit
            that wants finer waves as well is left with what is coarse. None takes the frequency
            of the longest wave that fits across the clip.

    Raises:
        ClipError: the matrix is not 3 x 3, or can't be undone; the floor is not above 0.
    """

    colour: Colour | Sequence[Sequence[float]] | Tensor | None = None
    floor: float | None = 0.1
    name = "fourier"
    takes_clips = True

    def __post_init__(self):
        object.__setattr__(self, "colour", as_colour(self.colour))
        if self.floor is not None and not self.floor > 0:
            raise ClipError(
                "waves without a lowest frequency would be infinite",
                got=f"floor {self.floor}",
                expected="a frequency above 0, or None",
            )

    def begin(self, sheet: Sheet) -> Draft:
        return _Draft(sheet, self)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "colour": self.colour, "floor": self.floor}


class _Draft(Draft):
    """Holds the clips, which stand for their coefficients: the one follows from the other.

    A step S z of the coefficients' gradient S g is, in pixels, a step along the waves of g, each
    S^2 as large. The second moment is one for all coefficients of a clip (of each of the values
    without correlation, where colours are made of them): with one for each, a clip that should be
    a single wave would take as many steps as it has waves.
    """

    def __init__(self, sheet: Sheet, writing: Fourier):
        self.sheet, self.around = sheet, {}
        self._colour = colour_on(sheet, writing.colour)
        self._expected: dict[str, Tensor] = {}
        self._x: dict[str, Tensor] = {}
        self._momentum: dict[str, _Momentum] = {}
        self._gradients: dict[str, Tensor] = {}
        for stream, shape in sheet.shapes.items():
            extent = shape[1:]
            expected = expected_sizes(extent, sheet.chi, sheet.kappa, writing.floor)
            expected = self._expected[stream] = expected / mean_size(expected, shape[3])
            plain = to_clips(expected * to_waves(sheet.noise(stream, shape)), extent)
            self._x[stream] = sheet.beginning(stream, coloured(self._colour.get(stream), plain))
            self._momentum[stream] = _Momentum(plain, apart=stream in self._colour)

    def draw(self) -> dict[str, Volume]:
        return dict(self._x)

    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        self._gradients = dict(gradients)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for stream, gradient in self._gradients.items():
            x, matrix = self._x[stream], self._colour.get(stream)
            edge = Edge(self.sheet, stream, x, gradient)
            waves = to_waves(uncoloured_gradient(matrix, edge.along(gradient)))
            slope = to_clips(waves * self._expected[stream].square(), x.shape[2:])
            move = self._momentum[stream].move(slope, rate * self.sheet.bounds[stream])
            self._x[stream] = self.sheet.project(stream, x + edge.along(coloured(matrix, move)))
        self._gradients = {}

    def keep(self, clips: Tensor) -> None:
        self._x = {stream: x[clips] for stream, x in self._x.items()}
        self._expected = {stream: size[clips] for stream, size in self._expected.items()}
        for momentum in self._momentum.values():
            momentum.keep(clips)


class _Momentum:
    """Adam's, with one second moment for all of a clip, or for each of its channels apart."""

    def __init__(self, x: Volume, *, apart: bool):
        self._shared = (2, 3, 4) if apart else (1, 2, 3, 4)
        self._first = torch.zeros_like(x)
        self._second = torch.zeros_like(x.mean(dim=self._shared, keepdim=True))
        self._steps = 0

    def move(self, slope: Volume, length: float) -> Volume:
        """Against the slope; at first the root mean square of the move is the length."""
        self._steps += 1
        self._first.lerp_(slope, 1 - _FIRST)
        squared = slope.square().mean(dim=self._shared, keepdim=True)
        self._second.lerp_(squared, 1 - _SECOND)
        scale = (self._second / (1 - _SECOND**self._steps)).sqrt().add(_TINY)
        return self._first * (-length / (1 - _FIRST**self._steps) / scale)

    def keep(self, clips: Tensor) -> None:
        """Go on with some of the clips only."""
        self._first, self._second = self._first[clips], self._second[clips]


def as_colour(matrix: Colour | Sequence[Sequence[float]] | Tensor | None) -> Colour | None:
    """A matrix as plain values.

    Raises:
        ClipError: it is not 3 x 3, or can't be undone.
    """
    if matrix is None:
        return None
    values = torch.as_tensor(matrix, dtype=torch.float64, device="cpu")
    if values.shape != (3, 3) or not values.isfinite().all() or values.det().abs() < 1e-9:
        raise ClipError(
            "colours can't be made with this matrix",
            got=values.tolist(),
            expected="3 rows of 3 finite values that are independent of each other",
        )
    return tuple(tuple(row) for row in values.tolist())


def colour_on(sheet: Sheet, colour: Any) -> dict[str, Tensor]:
    """The matrix of the streams that have colours, with a mean square of 1 over colours.

    Of all that make colours vary together in this way, the one whose values are the axes along
    which they do, the strongest first.
    """
    if colour is None or "frames" not in sheet.shapes:
        return {}
    axes, strengths, _ = torch.linalg.svd(torch.tensor(colour, dtype=torch.float64))
    matrix = axes * strengths * (math.sqrt(3) / strengths.norm())
    return {"frames": matrix.to(sheet.device, torch.float32)}


def coloured(matrix: Tensor | None, x: Volume) -> Volume:
    """Colours of values without correlation."""
    return x if matrix is None else torch.einsum("dc,ncthw->ndthw", matrix, x)


def uncoloured_gradient(matrix: Tensor | None, gradient: Volume) -> Volume:
    """The gradient by values without correlation, of that by colours."""
    return gradient if matrix is None else torch.einsum("dc,ndthw->ncthw", matrix, gradient)
