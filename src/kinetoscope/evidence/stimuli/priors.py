"""What is a stimulus allowed to look like?

A unit's favourite input without any prior is noise that no camera would see. Two priors keep a
stimulus plausible, for appearance and flow apart: *local energy* with a hard bound B, and
*space-time smoothness*, where kappa weighs change across space and chi change over time. Chi is
the knob from fast (0) to slow motion.

    energy(x)    = sum_ijk (sum_d x_ijkd^2)^(alpha / 2),  and |x_ijk| <= B
    roughness(x) = sum_ijkd kappa ((D_x x)^2 + (D_y x)^2) + chi (D_t x)^2

Source: Feichtenhofer, Pinz, Wildes and Zisserman, "What have we learned from deep representations
for action recognition?", CVPR 2018, section 3. The bound as a projection after every step:
Mahendran and Vedaldi, "Visualizing deep convolutional neural networks using natural pre-images",
IJCV 2016, code of nnpreimage.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Volume

PerClip = Float[Tensor, " clip"]
TIME, HEIGHT, WIDTH = 2, 3, 4


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What one stream of a stimulus must be like, in units of the network's input.

    Args:
        bound: the largest length that the vector of a pixel may have, B.
        alpha: the power of the local energy.
        kappa: weight of change across space.
        energy_weight: multiplies 1 / (height width B^alpha).
        smoothness_weight: multiplies 1 / (height width B^2).
        periodic: whether the last pixel or frame neighbours the first.
    """

    bound: float
    alpha: float = 3.0
    kappa: float = 1.0
    energy_weight: float = 1.0
    smoothness_weight: float = 1.0
    periodic: bool = False

    def __post_init__(self):
        if self.bound <= 0 or self.alpha < 1:
            raise ClipError(
                "a prior needs a positive bound and a power of 1 or more",
                got=f"bound {self.bound}, alpha {self.alpha}",
                expected="bound > 0, alpha >= 1",
            )

    def terms(self, x: Volume, chi: PerClip) -> tuple[PerClip, PerClip, Tensor]:
        """The weighted energy and roughness of every clip, and the gradient of their sums.

        The gradient is written out: it costs a third of what recording it for autograd does, and
        it is added to the network's own.
        """
        pixels = x.shape[HEIGHT] * x.shape[WIDTH]
        on_energy = self.energy_weight / (pixels * self.bound**self.alpha)
        on_roughness = self.smoothness_weight / (pixels * self.bound**2)
        energy, gradient = _energy(x, self.alpha, on_energy)
        roughness = torch.zeros_like(chi)
        kappa = torch.full_like(chi, self.kappa)
        for axis, weight in ((TIME, chi), (HEIGHT, kappa), (WIDTH, kappa)):
            if x.shape[axis] > 1 and bool((weight != 0).any()):
                weight = on_roughness * weight
                roughness += _add_roughness(x, gradient, axis, weight, self.periodic)
        return energy, roughness, gradient

    @torch.no_grad()
    def project_(self, x: Volume) -> None:
        """Shorten, in place, every pixel's vector that is longer than the bound."""
        length = x.norm(dim=1, keepdim=True)
        if bool((length > self.bound).any()):
            x.mul_(self.bound / length.clamp(min=self.bound))


def _energy(x: Volume, alpha: float, weight: float) -> tuple[PerClip, Tensor]:
    squared = x.square().sum(dim=1, keepdim=True)
    energy = weight * squared.pow(alpha / 2).flatten(1).sum(1)
    if alpha == 2:
        return energy, 2 * weight * x
    slope = weight * alpha * squared.clamp(min=1e-12).pow(alpha / 2 - 1)
    return energy, slope * x


def _add_roughness(
    x: Volume, gradient: Volume, axis: int, weight: PerClip, periodic: bool
) -> PerClip:
    """Add the gradient of weight * sum (D x)^2 along one axis to `gradient`; return the value."""
    column = weight.reshape(-1, 1, 1, 1, 1)
    last = x.shape[axis] - 1
    step = x.narrow(axis, 1, last) - x.narrow(axis, 0, last)
    pull = 2 * column * step
    gradient.narrow(axis, 1, last).add_(pull)
    gradient.narrow(axis, 0, last).sub_(pull)
    value = weight * step.square().flatten(1).sum(1)
    if periodic:
        around = x.narrow(axis, 0, 1) - x.narrow(axis, last, 1)
        gradient.narrow(axis, 0, 1).add_(2 * column * around)
        gradient.narrow(axis, last, 1).sub_(2 * column * around)
        value = value + weight * around.square().flatten(1).sum(1)
    return value
