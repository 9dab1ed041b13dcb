"""Which one wave is a clip most like?

A drifting grating seen through a soft window is described by three frequencies, the place and the
width of the window, and for every channel a contrast and a phase. These are fitted to the clip,
beginning at the strongest wave of its spectrum. So a frequency is known far better than the
spectrum tells it, whose steps are one cycle a clip: of a clip that shows but one cycle, too.

Source: Gabor, J. IEE 93, 1946, for the wave in a Gaussian window; Golub and Pereyra, SIAM J. Numer.
Anal. 10, 1973, for fitting contrasts and phases exactly at each step of fitting the rest, and
Kaufman, BIT 15, 1975, for its shorter form; Marquardt, SIAM J. Appl. Math. 11, 1963, for the steps.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from kinetoscope.evidence.motion.spectrum import Pattern, windowed

Three = tuple[float, float, float]

_LARGEST_SIDE = 32  # of the part that is fitted, if that is three waves [pixels]
_LONGEST = 32  # [frames]
_STEPS = 60


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


@dataclass(frozen=True)
class _Fitted:
    """What some numbers describe, and how well.

    Args:
        numbers: a row each for the frequency, the middle of the window, and the logarithm of its
            curvature; along time, height and width, in lengths of the clip.
        parts: the wave, a quarter of it later, the window and a plain clip, each `place part`.
        found: how much there is of each part, `part channel`.
        rest: what of the clip they leave, `place channel`.
    """

    numbers: Float[Tensor, "3 3"]
    parts: Tensor
    found: Tensor
    rest: Tensor

    @property
    def missed(self) -> float:
        return float(self.rest.square().sum())


class _Fit:
    """A clip, to which numbers are fitted."""

    def __init__(self, x: Pattern):
        self.size = x.shape[1:]
        self.clip = x.flatten(1).T
        self.clip = self.clip - self.clip.mean(dim=0)
        axes = [torch.arange(length, device=x.device) + 0.5 for length in self.size]
        steps = [axis.to(x) / len(axis) - 0.5 for axis in axes]
        self.places = torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1).reshape(-1, 3)

    def at(self, numbers: Float[Tensor, "3 3"]) -> _Fitted:
        """The best contrasts and phases for some numbers."""
        frequency, middle, curvature = numbers
        hill = (-0.5 * (self.places - middle).square() @ curvature.exp()).exp()
        phase = 2 * math.pi * (self.places @ frequency)
        waves = [hill * phase.cos(), hill * phase.sin(), hill, torch.ones_like(hill)]
        parts = torch.stack(waves, dim=1)
        found = torch.linalg.solve(_inner(parts), parts.T @ self.clip)
        return _Fitted(numbers, parts, found, self.clip - parts @ found)

    def pull(self, now: _Fitted) -> tuple[Tensor, Tensor]:
        """Where the numbers should go: the slope of what is missed by them, and its curvature.

        As contrasts and phases follow the numbers, only what they can't make up for counts.
        """
        _, middle, curvature = now.numbers
        away, bend = self.places - middle, curvature.exp()
        by_frequency = 2 * math.pi * self.places
        by_window = torch.cat([bend * away, -0.5 * bend * away.square()], dim=1)
        turned = now.parts[:, :1] * now.found[1] - now.parts[:, 1:2] * now.found[0]
        shown = now.parts[:, :3] @ now.found[:3]
        kinds = ((by_frequency, turned), (by_window, shown))
        slope = torch.cat([lines.T @ (x * now.rest).sum(dim=1) for lines, x in kinds])
        rows = [
            torch.cat([(a.T * (x * y).sum(dim=1)) @ b for b, y in kinds], dim=1) for a, x in kinds
        ]
        bent = torch.cat(rows)
        inner = _inner(now.parts)
        for channel in range(now.found.shape[1]):
            change = torch.cat([lines * x[:, channel, None] for lines, x in kinds], dim=1)
            made_up = now.parts.T @ change
            bent = bent - made_up.T @ torch.linalg.solve(inner, made_up)
        return slope, bent


def _inner(parts: Tensor) -> Tensor:
    """How alike the parts are; where two are one, as in a flat window, they share alike."""
    inner = parts.T @ parts
    return inner + torch.diag(1e-6 * inner.diagonal() + 1e-9)


def _slopes(x: Pattern) -> float:
    """The energy of what changes from one pixel or frame to the next."""
    return sum(float(x.diff(dim=axis).square().sum()) for axis in (1, 2, 3))


def _fit(x: Pattern, start: Three) -> tuple[float, float, float, float, float]:
    """The frequencies of the best wave near another, and the shares that it explains."""
    fit = _Fit(x)
    lengths = torch.tensor(x.shape[1:]).to(x)
    numbers = torch.zeros(3, 3).to(x)
    numbers[0] = torch.tensor(start).to(x) * lengths
    numbers[2] = math.log(2.0)
    best = _descend(fit, fit.at(numbers))
    over_time, down, right = (best.numbers[0] / lengths).tolist()
    rest, total = (_slopes(each.T.unflatten(1, fit.size)) for each in (best.rest, fit.clip))
    share = 1 - best.missed / float(fit.clip.square().sum())
    return over_time, down, right, share, max(0.0, 1 - rest / max(total, 1e-300))


def _descend(fit: _Fit, best: _Fitted) -> _Fitted:
    """Steps that are as long as they help: Levenberg's and Marquardt's."""
    caution = 1e-2
    slope, curvature = fit.pull(best)
    for _ in range(_STEPS):
        firm = curvature + torch.diag(caution * curvature.diagonal() + 1e-9 * best.missed + 1e-12)
        numbers = best.numbers + torch.linalg.solve(firm, slope).reshape(3, 3)
        numbers[1].clamp_(-1, 1)
        numbers[2].clamp_(-5, 8)
        tried = fit.at(numbers)
        if not tried.missed < best.missed:
            caution *= 8
            if caution > 1e6:
                break
            continue
        gain = 1 - tried.missed / best.missed
        best, caution = tried, caution / 5
        if gain < 1e-5:
            break
        slope, curvature = fit.pull(best)
    return best
