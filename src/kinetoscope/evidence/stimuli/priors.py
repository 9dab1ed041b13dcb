"""What is a stimulus allowed to look like?

A unit's favourite input without any prior is noise that no camera would see. Two priors keep a
stimulus plausible, for appearance and flow apart: *local energy* with a hard bound B, and
*space-time smoothness*, where kappa weighs change across space and chi change over time. Chi is
the knob from fast (0) to slow motion.

    energy(x)    = sum_ijk |x_ijk|^alpha,  and |x_ijk| <= B
    roughness(x) = sum_ijk (kappa (|D_x x|^2 + |D_y x|^2) + chi |D_t x|^2 + epsilon^2)^(beta / 2)

where |.| is the length of a pixel's vector, of colours or of (right, down). What is constant has no
roughness: the epsilon of every pixel is taken off again.

    kappa > 0, chi = 0        spatial only: time is free, and the fastest motion is found
    kappa = chi > 0           isotropic: as smooth over a frame as over a pixel
    kappa, chi > 0 and apart  anisotropic: chi over kappa for slow motion, under it for fast
    kappa = 0, chi > 0        temporal only: flicker is forbidden, fine texture is not

With a power beta of 2, differences count by their squares, each by itself, and changes are spread
out. With a power of 1, a jump costs as much as the same rise in many steps, so edges stay: it is
smoothness with a heavy tail, as motion in the world has it at the borders of things. Then all
differences of a pixel count together, so that both components of flow jump at the same places.

Source: Feichtenhofer, Pinz, Wildes and Zisserman, "What have we learned from deep representations
for action recognition?", CVPR 2018, section 3. The bound as a projection after every step, and the
power beta: Mahendran and Vedaldi, "Visualizing deep convolutional neural networks using natural
pre-images", IJCV 2016, section 3.1 and code of nnpreimage. The heavy tail: Charbonnier,
Blanc-Feraud, Aubert and Barlaud, ICIP 1994; for flow: Roth and Black, "On the spatial statistics of
optical flow", IJCV 2007.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Volume

PerClip = Float[Tensor, " clip"]
TIME, HEIGHT, WIDTH = 2, 3, 4

_PIECE = 2**20
"""How many values are gone through at once on a CPU, so that they stay in its cache."""

_Axis = tuple[int, Tensor]
"""An axis, and the weight of change along it, `clip 1 1 1 1`."""


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What one stream of a stimulus must be like, in units of the network's input.

    Args:
        bound: the largest length that the vector of a pixel may have, B.
        alpha: the power of the local energy.
        kappa: weight of change across space.
        energy_weight: multiplies 1 / (height width B^alpha).
        smoothness_weight: multiplies 1 / (height width B^beta).
        smoothness_power: beta, from 1, which keeps edges, to 2, which spreads them, and beyond. The
            smaller it is, the more a small change costs, and the smaller a weight is needed.
        softness: epsilon, in bounds: below it, changes count by their squares whatever the power.
        periodic: whether the last pixel or frame neighbours the first.
    """

    bound: float
    alpha: float = 3.0
    kappa: float = 1.0
    energy_weight: float = 1.0
    smoothness_weight: float = 1.0
    smoothness_power: float = 2.0
    softness: float = 0.05
    periodic: bool = False

    def __post_init__(self):
        if self.bound <= 0 or self.alpha < 1:
            raise ClipError(
                "a prior needs a positive bound and a power of 1 or more",
                got=f"bound {self.bound}, alpha {self.alpha}",
                expected="bound > 0, alpha >= 1",
            )
        if self.smoothness_power < 1 or self.softness < 0:
            raise ClipError(
                "smoothness needs a power of 1 or more, and is softened by something or nothing",
                got=f"smoothness_power {self.smoothness_power}, softness {self.softness}",
                expected="smoothness_power >= 1, softness >= 0",
            )
        if self.smoothness_power < 2 and self.softness == 0:
            raise ClipError(
                "smoothness of a power below 2 has no slope where nothing changes",
                got=f"smoothness_power {self.smoothness_power}, softness {self.softness}",
                expected="softness > 0",
                hint="0.05 counts changes of less than a twentieth of the bound by their squares",
            )

    def scaled(self, by: float) -> "Prior":
        """The same in other units: what was 1 is `by`; so are its terms, for clips so scaled."""
        return replace(self, bound=self.bound * by)

    @torch.no_grad()
    def terms(self, x: Volume, chi: PerClip) -> tuple[PerClip, PerClip, Tensor]:
        """The weighted energy and roughness of every clip, and the gradient of their sums.

        The gradient is written out, which costs a fifth of what recording it for autograd does,
        to be added to the network's own.
        """
        gradient = torch.empty_like(x)
        clips = max(1, _PIECE // x.shape[1:].numel()) if x.device.type == "cpu" else len(x)
        pieces = zip(x.split(clips), gradient.split(clips), chi.to(x).split(clips), strict=True)
        energies, roughnesses = [], []
        for piece, slope, slowness in pieces:
            energies.append(self._energy(piece, slope))
            roughnesses.append(self._roughness(piece, slope, slowness))
        return torch.cat(energies), torch.cat(roughnesses), gradient

    @torch.no_grad()
    def project_(self, x: Volume) -> None:
        """Shorten, in place, every pixel's vector that is longer than the bound."""
        squared = squared_length(x)
        if bool((squared > self.bound**2).any()):
            x.mul_(squared.sqrt_().clamp_(min=self.bound).reciprocal_().mul_(self.bound))

    def _energy(self, x: Volume, gradient: Tensor) -> PerClip:
        """The weighted energy; its gradient is written."""
        weight = self.energy_weight / (x.shape[HEIGHT] * x.shape[WIDTH] * self.bound**self.alpha)
        squared = squared_length(x)
        slope = squared.clamp(min=1e-12).pow_(self.alpha / 2 - 1).mul_(weight * self.alpha)
        torch.mul(x, slope, out=gradient)
        return (slope * squared).flatten(1).sum(1) / self.alpha

    def _roughness(self, x: Volume, gradient: Tensor, chi: PerClip) -> PerClip:
        """The weighted roughness; its gradient is added."""
        pixels = x.shape[HEIGHT] * x.shape[WIDTH]
        weight = self.smoothness_weight / (pixels * self.bound**self.smoothness_power)
        axes = self._axes(x, chi)
        if self.smoothness_power == 2:
            return weight * self._quadratic(x, gradient, axes, weight)
        return weight * self._heavy_tailed(x, gradient, axes, weight)

    def _axes(self, x: Volume, chi: PerClip) -> list[_Axis]:
        """Those along which something changes that counts."""
        kappa = torch.full_like(chi, self.kappa)
        found = [(TIME, chi)] if bool(chi.any()) else []
        found += [(HEIGHT, kappa), (WIDTH, kappa)] if self.kappa else []
        return [(axis, share.reshape(-1, 1, 1, 1, 1)) for axis, share in found if x.shape[axis] > 1]

    def _quadratic(
        self, x: Volume, gradient: Tensor, axes: Sequence[_Axis], weight: float
    ) -> PerClip:
        """Each difference by itself."""
        total = x.new_zeros(len(x))
        for axis, share in axes:
            steps = _steps(x, axis, self.periodic)
            squared = torch.linalg.vector_norm(steps, dim=(1, 2, 3, 4)).square_()
            total += share.flatten() * squared
            _add_pull(gradient, steps.mul_(2 * weight * share), axis)
        return total

    def _heavy_tailed(
        self, x: Volume, gradient: Tensor, axes: Sequence[_Axis], weight: float
    ) -> PerClip:
        """All differences of a pixel together, to any power."""
        power, flat = self.smoothness_power, (self.softness * self.bound) ** 2
        together = torch.full_like(x[:, :1], flat)
        walks = [(axis, share, _steps(x, axis, self.periodic)) for axis, share in axes]
        for axis, share, steps in walks:
            together.narrow(axis, 0, steps.shape[axis]).addcmul_(squared_length(steps), share)
        slope = together.pow(power / 2 - 1)
        total = (slope * together).sub_(flat ** (power / 2)).flatten(1).sum(1)
        slope.mul_(weight * power)
        for axis, share, steps in walks:
            pull = steps.mul_(slope.narrow(axis, 0, steps.shape[axis])).mul_(share)
            _add_pull(gradient, pull, axis)
        return total


def squared_length(x: Tensor) -> Tensor:
    """Of every pixel's vector; one channel after the other, which is what memory likes best."""
    first, *others = x.split(1, dim=1)
    squared = first.square()
    for each in others:
        squared.addcmul_(each, each)
    return squared


def _steps(x: Volume, axis: int, periodic: bool) -> Tensor:
    """From each place to the next along an axis; where it is periodic, from the last one too."""
    last = x.shape[axis] - 1
    steps = x.narrow(axis, 1, last) - x.narrow(axis, 0, last)
    if not periodic:
        return steps
    return torch.cat([steps, x.narrow(axis, 0, 1) - x.narrow(axis, last, 1)], dim=axis)


def _add_pull(gradient: Tensor, pull: Tensor, axis: int) -> None:
    """Add the gradient of steps along an axis, of which each pulls at both its ends."""
    last = gradient.shape[axis] - 1
    gradient.narrow(axis, 0, pull.shape[axis]).sub_(pull)
    gradient.narrow(axis, 1, last).add_(pull.narrow(axis, 0, last))
    if pull.shape[axis] > last:
        gradient.narrow(axis, 0, 1).add_(pull.narrow(axis, last, 1))
