"""How large are the waves of a clip, by its smoothness or by nature?

Waves have frequencies f across space [cycles per pixel] and w over time [cycles per frame], and are
kept as the half spectrum that `torch.fft.rfftn` gives; the other half are their conjugates.

Source: Dong and Atick, "Statistics of natural time-varying images", Network: Computation in Neural
Systems 6, 1995: the power of natural motion is |f|^-(m + 1) P(w / |f|), P the speeds of things.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from kinetoscope.evidence.stimuli.priors import PerClip
from kinetoscope.tensors import Size, Volume

Waves = Complex[Tensor, "clip channel time height half"]
"""The coefficients of a clip's waves."""

Sizes = Float[Tensor, "_clip _channel time height half"]
"""One number a wave, for every clip and channel or for all of them."""

_AXES = (2, 3, 4)
_SPATIAL_POWER, _SPEED_POWER = 2.3, 2.0
"""m, and the power with which faster speeds become rare, as Dong and Atick measured them."""


def to_waves(x: Volume) -> Waves:
    """The coefficients of clips: no wave is larger for there being more pixels."""
    return torch.fft.rfftn(x, dim=_AXES, norm="ortho")


def to_clips(waves: Waves, extent: Sequence[int]) -> Volume:
    """The clips with these coefficients."""
    if not len(waves):  # which transforms refuse
        return waves.real.new_zeros(*waves.shape[:2], *extent)
    return torch.fft.irfftn(waves, s=tuple(extent), dim=_AXES, norm="ortho")


def expected_sizes(
    extent: Size, chi: PerClip, kappa: float = 1.0, floor: float | None = None
) -> Sizes:
    """How large each wave may be expected to be: S of the module's docstring.

    Args:
        extent: of the clips [frames, pixels, pixels].
        chi: weight of change over time, one a clip.
        kappa: weight of change across space.
        floor: see `Fourier`.
    """
    over_time, down, right = _measured(extent, chi)
    weights = chi.reshape(-1, 1, 1, 1, 1)
    squared = kappa * (down.square() + right.square()) + weights * over_time.square()
    if floor is None:
        least = _longest_wave(extent, weights, kappa)
    else:
        least = torch.full_like(weights, floor**2)
    return squared.maximum(least).rsqrt()


def mean_size(sizes: Sizes, width: int) -> Float[Tensor, "_clip 1 1 1 1"]:
    """Root mean square over all waves, both halves, and channels."""
    squared = sizes.square().mean(dim=(1, 2, 3), keepdim=True)
    return (squared * how_often(width, sizes)).sum(dim=4, keepdim=True).div(width).sqrt()


def how_often(width: int, like: Tensor) -> Float[Tensor, " half"]:
    """Of each column of a half spectrum, how many columns of the whole spectrum it stands for."""
    often = torch.full((width // 2 + 1,), 2.0, dtype=like.dtype, device=like.device)
    often[0] = 1.0
    if width % 2 == 0:
        often[-1] = 1.0
    return often


def natural_sizes(extent: Size, chi: PerClip, speed: float) -> Sizes:
    """The root of the power of natural motion, up to a factor.

    Args:
        extent: of the clips [frames, pixels, pixels].
        chi: one a clip; the larger, the rarer is fast motion.
        speed: beyond which motion is rare where chi is 0 [pixels per frame].
    """
    across = _across(extent, chi)
    return across.pow(-(_SPATIAL_POWER + 1) / 2) * slowed(extent, chi, speed)


def slowed(extent: Size, chi: PerClip, speed: float) -> Sizes:
    """By how much waves are smaller for being fast: 1 for those that stand still.

    The root of P(v) = (1 + |v| / v0)^-n, with v0 = speed / (1 + sqrt(chi)).
    """
    over_time = torch.fft.fftfreq(extent[0], dtype=chi.dtype, device=chi.device)
    speeds = over_time.abs()[:, None, None] / _across(extent, chi)
    rarity = (1 + chi.sqrt()).reshape(-1, 1, 1, 1, 1) / speed
    return (1 + speeds * rarity).pow(-_SPEED_POWER / 2)


def resampled(
    sizes: Float[Tensor, "channel _time _height _half"], extent: Size
) -> Float[Tensor, "channel time height half"]:
    """Sizes at the frequencies of another extent, on straight lines between those that are given.

    Args:
        sizes: of the waves of clips of an even width.
        extent: the other one [frames, pixels, pixels].
    """
    logs = sizes.clamp(min=1e-12).log()
    time, height, width = extent
    settings = {"dtype": sizes.dtype, "device": sizes.device}
    at = torch.fft.rfftfreq(width, **settings) * 2 * (sizes.shape[3] - 1)
    for axis, length in ((1, time), (2, height)):
        around = torch.fft.fftfreq(length, **settings) * sizes.shape[axis]
        logs = _between(logs, axis, around % sizes.shape[axis])
    return _between(logs, 3, at).exp()


class Conjugates:
    """Which waves of a half spectrum are conjugates of each other, or of themselves?

    In the first column, and in the last of an even width, each wave stands beside its conjugate,
    and up to eight waves are their own: these have no phase, only a sign.

    Args:
        extent: of the clips [frames, pixels, pixels].
        device: of the waves.
    """

    def __init__(self, extent: Size, device: torch.device | str):
        time, height, width = extent
        self._columns = [0, width // 2] if width % 2 == 0 else [0]
        number = torch.arange(time * height, device=device).reshape(1, 1, time, height, 1)
        partner = _mirrored(number)
        self._later = number > partner
        self.own: Bool[Tensor, "1 1 time height half"] = torch.zeros(
            1, 1, time, height, width // 2 + 1, dtype=torch.bool, device=device
        )
        self.own[..., self._columns] = number == partner

    def make_odd_(self, phases: Float[Tensor, "clip channel time height half"]) -> None:
        """Give waves the phases opposite to their conjugates', and the signs one from -1 to 1."""
        for column in self._columns:
            plane = phases[..., column : column + 1]
            plane.copy_(plane.where(~self._later, -_mirrored(plane)))
        phases.copy_(torch.where(self.own, phases.clamp(-1, 1), phases))


def _mirrored(plane: Tensor) -> Tensor:
    """At each frequency, what stands at its negative."""
    return plane.flip(2, 3).roll((1, 1), (2, 3))


def _across(extent: Size, like: Tensor) -> Tensor:
    """|f|, and where that is 0, the lowest there is."""
    _, height, width = extent
    settings = {"dtype": like.dtype, "device": like.device}
    down = torch.fft.fftfreq(height, **settings)[:, None]
    right = torch.fft.rfftfreq(width, **settings)
    return torch.hypot(*torch.broadcast_tensors(down, right)).clamp(min=1 / max(height, width))


def _between(values: Tensor, axis: int, at: Tensor) -> Tensor:
    """Values along an axis at places between its own; after the last comes the first again."""
    length = values.shape[axis]
    before = at.floor()
    shape = [-1 if each == axis else 1 for each in range(values.ndim)]
    share = (at - before).reshape(shape)
    first, second = (values.index_select(axis, (before.long() + step) % length) for step in (0, 1))
    return first.lerp(second, share)


def _measured(extent: Size, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Frequencies over time, down and right, as differences between neighbours measure them."""
    time, height, width = extent
    settings = {"dtype": like.dtype, "device": like.device}
    over_time = torch.fft.fftfreq(time, **settings)[:, None, None]
    down = torch.fft.fftfreq(height, **settings)[:, None]
    right = torch.fft.rfftfreq(width, **settings)
    over_time, down, right = (
        (math.pi * frequency).sin() / math.pi for frequency in (over_time, down, right)
    )
    return over_time, down, right


def _longest_wave(extent: Size, chi: Tensor, kappa: float) -> Tensor:
    """Of the longest across a clip, kappa |f|^2; where that is 0, of that over time, chi w^2."""
    time, *sides = (
        math.sin(math.pi / length) / math.pi if length > 1 else 0.0 for length in extent
    )
    across = kappa * min((side for side in sides if side > 0), default=0.0) ** 2
    least = torch.full_like(chi, across) if across > 0 else chi * time**2
    return torch.where(least > 0, least, torch.ones_like(least))  # where all waves are free
