"""Of which waves in space and time is a clip made?

The magnitude of the Fourier transform over time, height and width says how much change there is at
every spatial [cycles per pixel] and temporal frequency [cycles per frame]. Clips are faded out
towards their ends and borders first: a video that does not end as it begins would show waves that
are not in it. Where many clips are summed up, magnitudes are averaged, since their phases are as
many as there are clips.

Source: Dong and Atick, "Statistics of natural time-varying images", Network 6, 1995, for the
spectrum of natural videos over both frequencies; Harris, Proc. IEEE 66, 1978, for the Hann window.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Size, Volume

Pattern = Float[Tensor, "channel time height width"]
HalfSpectrum = Float[Tensor, "channel time height half_width"]
Table = Float[Tensor, "spatial temporal"]

FLOOR = 60.0
"""What lies this far below the largest of a spectrum counts as nothing [dB]."""

_OCTAVES = 6  # below the highest frequency, 0.5; what is lower is one band


@dataclass(frozen=True)
class Spectrum:
    """How strong each wave is, in clips of one size.

    Args:
        magnitude: of the half of frequencies that a real clip needs, in the order of
            `torch.fft.rfftn`, scaled as with `norm="ortho"`: white noise of deviation 1 has about 1
            everywhere. At frequency 0 stands the mean.
        size: of the clips.
    """

    magnitude: Tensor
    size: Size

    def __post_init__(self):
        time, height, width = self.size
        if tuple(self.magnitude.shape[1:]) != (time, height, width // 2 + 1):
            raise ClipError(
                "a half-spectrum does not fit its size",
                got=f"{tuple(self.magnitude.shape)} for {self.size}",
                expected=f"channel x {time} x {height} x {width // 2 + 1}",
            )

    def resampled(self, size: Size) -> "Spectrum":
        """The same spectrum as clips of another size would have it."""
        return Spectrum(resampled(self.magnitude, self.size, size), size)

    def bands(self) -> Table:
        """Mean power in bands of spatial and temporal frequency, an octave each.

        Bands in which this size has no frequency are NaN. The mean of the clip is left out.
        """
        power = self.magnitude.cpu().double().square().sum(dim=0)
        over_time, over_space = frequencies(self.size)
        rows, columns = _band(over_space).expand_as(power), _band(over_time).expand_as(power)
        counted = torch.ones_like(power)
        counted[0, 0, 0] = 0
        place = (rows * (_OCTAVES + 1) + columns).flatten()
        table = torch.zeros(2, (_OCTAVES + 1) ** 2, dtype=power.dtype)
        table[0].index_add_(0, place, (power * counted).flatten())
        table[1].index_add_(0, place, counted.flatten())
        return (table[0] / table[1]).reshape(_OCTAVES + 1, _OCTAVES + 1)

    def radial_profile(self) -> Float[Tensor, " spatial"]:
        """Mean magnitude in rings of spatial frequency, as many as half the shorter side."""
        power = self.magnitude.cpu().double().square().mean(dim=(0, 1)).flatten()
        _, over_space = frequencies(self.size)
        rings = max(1, min(self.size[1:]) // 2)
        ring = (over_space[0] * 2 * rings).round().long().clamp(max=rings).flatten()
        total, count = (torch.zeros(rings + 1, dtype=power.dtype) for _ in range(2))
        total.index_add_(0, ring, power)
        count.index_add_(0, ring, torch.ones_like(power))
        return (total / count.clamp(min=1)).sqrt()


def frequencies(size: Size) -> tuple[Tensor, Tensor]:
    """Temporal [cycles per frame] and spatial [cycles per pixel] frequency of a half-spectrum.

    Both are magnitudes, `time 1 1` and `1 height half_width`.
    """
    time, height, width = size
    over_time = torch.fft.fftfreq(time, dtype=torch.float64).abs()[:, None, None]
    down = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    right = torch.fft.rfftfreq(width, dtype=torch.float64)
    return over_time, torch.hypot(down, right)[None]


def window(size: Size, like: Tensor) -> Tensor:
    """A Hann window over time, height and width, that is above 0 everywhere within the clip."""
    time, height, width = (
        torch.hann_window(length + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
        for length in size
    )
    return time[:, None, None] * height[:, None] * width


def windowed(x: Tensor) -> Tensor:
    """A clip, or clips, faded out to grey on all sides: without its mean, times the window."""
    fade = window(_size(x), x)
    return (x - weighted_mean(x, fade)) * fade


def weighted_mean(x: Tensor, weight: Tensor) -> Tensor:
    """Over time, height and width."""
    return (x * weight).sum(dim=(-3, -2, -1), keepdim=True) / weight.sum()


def spectrum_of(clips: Volume) -> Spectrum:
    """The mean spectrum of some clips."""
    size = _size(clips)
    clips = clips.double()
    fade = window(size, clips)
    mean = weighted_mean(clips, fade)
    waves = torch.fft.rfftn((clips - mean) * fade, dim=(-3, -2, -1), norm="ortho")
    magnitude = waves.abs() / fade.square().mean().sqrt()
    magnitude[..., 0, 0, 0] = mean.abs()[..., 0, 0, 0] * math.sqrt(math.prod(size))
    return Spectrum(magnitude.mean(dim=0), size)


def spectrum_distance(a: Spectrum, b: Spectrum) -> float:
    """How much the shapes of two spectra differ [dB, root mean square over bands].

    What is the same in all bands, contrast, does not count, and sizes may differ. Where the two
    share no band, as pictures of one pixel do, the distance is 0.
    """
    levels = [_decibels(each.bands()) for each in (a, b)]
    gap = levels[0] - levels[1]
    gap = gap[~gap.isnan()]
    return float((gap - gap.mean()).square().mean().sqrt()) if len(gap) else 0.0


def resampled(
    magnitude: Float[Tensor, "channel _time _height _half_width"], size: Size, wanted: Size
) -> HalfSpectrum:
    """A half-spectrum at the frequencies of clips of another size.

    Between frequencies that are known, the logarithm of the magnitude runs straight. A single frame
    has the power of all temporal frequencies.

    Args:
        magnitude: scaled as in `Spectrum`.
        size: of the clips that it is of.
        wanted: of those that it shall be of.
    """
    if tuple(size) == tuple(wanted):
        return magnitude
    scale = math.sqrt(math.prod(wanted) / math.prod(size))
    mean = magnitude[:, 0, 0, 0] * scale
    tiny = magnitude.max().clamp(min=1e-30) * 1e-6
    level = without_mean(magnitude).clamp(min=tiny).log()
    for axis, (has, wants) in enumerate(zip(size, wanted, strict=True), start=1):
        level = _at_frequencies(level, axis, has, wants)
    found = level.exp()
    found[:, 0, 0, 0] = mean
    return found


def without_mean(magnitude: Tensor) -> Tensor:
    """With the mean replaced by the strongest of its neighbours, as smooth spectra go on there."""
    filled = magnitude.clone()
    filled[:, 0, 0, 0] = 0
    near = filled[:, :2, :2, :2].amax(dim=(1, 2, 3))
    filled[:, 0, 0, 0] = near
    return filled


def _at_frequencies(level: Tensor, axis: int, has: int, wants: int) -> Tensor:
    """Logarithms of magnitudes along one axis, at other frequencies; the last axis has half."""
    if has == wants:
        return level
    if wants == 1:
        return (2 * level).exp().mean(dim=axis, keepdim=True).log() / 2
    half = axis == level.ndim - 1
    frequency = torch.fft.rfftfreq(wants) if half else torch.fft.fftfreq(wants)
    place = frequency.double().to(level.device) * has
    low = place.floor()
    share = (place - low).to(level.dtype).reshape(-1, *[1] * (level.ndim - 1 - axis))
    ends = level.shape[axis] - 1
    low, high = low.long(), low.long() + 1
    if half:
        low, high = low.clamp(max=ends), high.clamp(max=ends)
    else:
        low, high = low % has, high % has
    return torch.lerp(level.index_select(axis, low), level.index_select(axis, high), share)


def _decibels(power: Table) -> Table:
    """Relative to the largest, and no lower than the floor."""
    largest = power.nan_to_num(nan=0.0).max().clamp(min=1e-300)
    return 10 * (power / largest).clamp(min=10 ** (-FLOOR / 10)).log10()


def _band(frequency: Tensor) -> Tensor:
    """Octaves from the highest frequency down: 0 for the lowest and for none at all."""
    octave = (frequency.clamp(min=1e-9) / 0.5).log2().ceil() + _OCTAVES
    return octave.clamp(0, _OCTAVES).long()


def _size(x: Tensor) -> Size:
    time, height, width = x.shape[-3:]
    return time, height, width
