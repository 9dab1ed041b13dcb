"""Which one wave is a clip most like?

A drifting grating seen through a soft window is described by three frequencies, the place and the
width of the window, and for every channel a contrast and a phase. These are fitted to the clip,
beginning at the strongest wave of its spectrum. So a frequency is known far better than the
spectrum tells it, whose steps are one cycle a clip: of a clip that shows but one cycle, too.

Source: Gabor, J. IEE 93, 1946, for the wave in a Gaussian window; Golub and Pereyra, SIAM J. Numer.
Anal. 10, 1973, for fitting contrasts and phases exactly at each step of fitting the rest.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from kinetoscope.evidence.spectrum import Pattern, windowed

Three = tuple[float, float, float]

_LARGEST_SIDE = 32  # of the part that is fitted, if that is three waves [pixels]
_LONGEST = 32  # [frames]


@dataclass(frozen=True)
class Wave:
    """A wave in a soft window.

    Args:
        over_time: [cycles per frame].
        down, right: [cycles per pixel].
        share: of the clip that it explains, in [0, 1]. Fine noise beside a wave is little of it,
            but of a smooth texture, too, the longest wave is most.
        slopes: of what changes from one pixel or frame to the next that it explains.
    """

    over_time: float
    down: float
    right: float
    share: float
    slopes: float


def fit_wave(x: Pattern) -> Wave | None:
    """The wave that explains most of a clip; None where nothing changes.

    In a large clip, of the part where that wave is strongest.
    """
    x = x.detach().double()
    x = x - x.mean(dim=(1, 2, 3), keepdim=True)
    if x.square().mean() < 1e-14:
        return None
    start = strongest_wave(x)
    part, shrunk = _strongest_part(x, start)
    over_time, down, right, share, slopes = _fit(
        part, (start[0], start[1] * shrunk, start[2] * shrunk)
    )
    return Wave(over_time, down / shrunk, right / shrunk, share, slopes)


def strongest_wave(x: Pattern) -> Three:
    """The peak of the windowed spectrum, to half a cycle a clip: over time, down, right."""
    size = [max(2 * length, 16) if length > 1 else 1 for length in x.shape[1:]]
    power = torch.fft.rfftn(windowed(x), s=size, dim=(1, 2, 3)).abs().square().sum(dim=0)
    time, row, column = (int(at) for at in torch.unravel_index(power.argmax(), power.shape))
    return (
        float(torch.fft.fftfreq(size[0])[time]),
        float(torch.fft.fftfreq(size[1])[row]),
        float(torch.fft.rfftfreq(size[2])[column]),
    )


def _strongest_part(x: Pattern, frequency: Three) -> tuple[Tensor, int]:
    """Three waves of a clip where it is strongest, and by what long waves were shrunk."""
    wavelength = 1 / max(math.hypot(*frequency[1:]), 1 / max(x.shape[2:]))
    shrunk = max(1, int(wavelength / 12))
    if shrunk > 1:
        x = functional.avg_pool2d(x, shrunk, ceil_mode=False)
    side = max(_LARGEST_SIDE, math.ceil(3 * wavelength / shrunk))
    strength = windowed(x).square().sum(dim=(0, 1))
    for axis, strong in ((2, strength.sum(dim=1)), (3, strength.sum(dim=0))):
        length = min(side, x.shape[axis])
        x = x.narrow(axis, _best_start(strong, length), length)
    long = min(_LONGEST, x.shape[1])
    return x.narrow(1, (x.shape[1] - long) // 2, long), shrunk


def _best_start(strength: Tensor, length: int) -> int:
    """Where a stretch of some length has most."""
    return int(functional.avg_pool1d(strength[None], length, stride=1).argmax())


class _Fit:
    """What is left of a clip beside the wave that some numbers describe.

    The numbers are, along time, height and width, each in lengths of the clip: the frequency, the
    middle of the window, and the logarithm of its curvature.
    """

    def __init__(self, x: Pattern):
        self.size = x.shape[1:]
        self.clip = x.flatten(1).T
        self.clip = self.clip - self.clip.mean(dim=0)
        self.total = self.clip.square().sum()
        axes = [torch.arange(length, device=x.device) + 0.5 for length in self.size]
        steps = [axis.to(x) / len(axis) - 0.5 for axis in axes]
        self.places = torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1).reshape(-1, 3)

    def missed(self, numbers: Float[Tensor, " nine"]) -> Tensor:
        """The share of the clip that the best contrasts and phases leave."""
        _, found, onto = self._solved(numbers)
        return 1 - (found * onto).sum() / self.total

    def slopes_explained(self, numbers: Float[Tensor, " nine"]) -> float:
        """The share of slopes that are in the wave."""
        parts, found, _ = self._solved(numbers)
        missed, total = (
            _slopes(x.T.unflatten(1, self.size)) for x in (self.clip - parts @ found, self.clip)
        )
        return max(0.0, 1 - missed / max(total, 1e-300))

    def _solved(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The parts of the wave, how much of each there is, and how they go along with the clip."""
        frequency, middle, curvature = numbers.reshape(3, 3)
        hill = (-0.5 * (self.places - middle).square() @ curvature.exp()).exp()
        phase = 2 * math.pi * (self.places @ frequency)
        waves = [hill * phase.cos(), hill * phase.sin(), hill, torch.ones_like(hill)]
        parts = torch.stack(waves, dim=1)
        inner, onto = parts.T @ parts, parts.T @ self.clip
        # where the hill is flat, two of the parts are one: they share what is theirs
        ridge = 1e-6 * inner.diagonal() + 1e-9
        return parts, torch.linalg.solve(inner + torch.diag(ridge), onto), onto


def _slopes(x: Pattern) -> float:
    """The energy of what changes from one pixel or frame to the next."""
    return sum(float(x.diff(dim=axis).square().sum()) for axis in (1, 2, 3))


@torch.enable_grad()
def _fit(x: Pattern, start: Three) -> tuple[float, float, float, float, float]:
    """The frequencies of the best wave near another, and the shares that it explains."""
    fit = _Fit(x)
    lengths = torch.tensor(x.shape[1:], dtype=x.dtype, device=x.device)
    numbers = torch.zeros(9, dtype=x.dtype, device=x.device)
    numbers[:3] = torch.tensor(start, dtype=x.dtype, device=x.device) * lengths
    numbers[6:] = math.log(2.0)
    numbers.requires_grad_()
    steps = torch.optim.LBFGS([numbers], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        steps.zero_grad()
        missed = fit.missed(numbers)
        missed.backward()
        return missed

    steps.step(closure)
    with torch.no_grad():
        share, slopes = 1 - float(fit.missed(numbers)), fit.slopes_explained(numbers)
    over_time, down, right = (numbers.detach()[:3] / lengths).tolist()
    return over_time, down, right, share, slopes
