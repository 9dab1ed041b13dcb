"""How is a stimulus written down with the spectrum of natural clips, and only its phases free?

How large each wave of a clip is comes from natural clips and stays; where its crests lie is what
moves. A stimulus can then not win by being stronger, or finer, or faster than natural clips are:
all that is left to it is shape. The sizes are either measured, the mean |rfftn| of real clips, or
those that natural motion has by its statistics,

    |X(f, w)|^2  =  |f|^-(m + 1)  P(w / |f|),    P(v) = (1 + |v| / v0)^-n,

where the speed v0, beyond which speeds become rare, is `speed` / (1 + sqrt(chi)). So motion is as
nature has it where chi is 0, and slower for more, as with other priors; measured sizes fall with
chi by as much as those of statistics do.

Source: Fel et al., "Unlocking feature visualization for deeper networks with magnitude constrained
optimization", NeurIPS 2023, section 3. The statistics: Dong and Atick, "Statistics of natural
time-varying images", Network 6, 1995. Differs: in space-time; waves that are their own conjugates
can only have one of two signs, and keep their size; what is drawn has a contrast that follows from
the sizes, so that phases need no standardizing and bounds cut only what they must; phases turn as
far as pixels would go at the ascent's rate. No other prior acts beside the spectrum. With it, the
mean of a filter's squared answer is given as well: ask for a neuron or a label, not for a channel
at all its positions.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.edge import Edge
from kinetoscope.evidence.stimuli.writings.fourier import (
    NATURAL_COLOUR,
    Colour,
    as_colour,
    colour_on,
    coloured,
    uncoloured_gradient,
)
from kinetoscope.evidence.stimuli.writings.pixels import Adam
from kinetoscope.evidence.stimuli.writings.waves import (
    Conjugates,
    Sizes,
    mean_size,
    natural_sizes,
    resampled,
    slowed,
    to_clips,
    to_waves,
)
from kinetoscope.evidence.stimuli.writings.writing import Draft, Sheet, Writing
from kinetoscope.files import settings_key
from kinetoscope.tensors import Volume


@dataclass(frozen=True, kw_only=True, eq=False)
class Phases(Writing):
    """Phases of waves whose sizes are natural, from phases at random.

    Args:
        sizes: of each stream, the mean |rfftn| of natural clips, `channel time height half`, of
            an even width; a stream that is missing has those of natural statistics.
        speed: beyond which motion is rare where chi is 0 [pixels per frame].
        contrast: root mean square of a pixel's vector, as a share of the bound.
        turn: how far phases turn while pixels would go as far as they are large [radians].
        colour: see `Fourier`. The sizes are those of the values without correlation: of measured
            ones, their root mean square over colours. With None, each colour has sizes and phases
            of its own.

    Raises:
        ClipError: sizes are no spectrum, or a number is not above 0.
    """

    sizes: Mapping[str, Tensor] | None = None
    speed: float = 1.0
    contrast: float = 0.5
    turn: float = 2.0
    colour: Colour | Sequence[Sequence[float]] | Tensor | None = NATURAL_COLOUR
    name = "phases"

    def __post_init__(self):
        object.__setattr__(self, "colour", as_colour(self.colour))
        for name in ("speed", "contrast", "turn"):
            if not getattr(self, name) > 0:
                raise ClipError(
                    f"phases can't be moved with {name} {getattr(self, name)}",
                    got=getattr(self, name),
                    expected="more than 0",
                )
        for stream, sizes in (self.sizes or {}).items():
            _check_sizes(stream, sizes)

    def begin(self, sheet: Sheet) -> Draft:
        return _Draft(sheet, self)

    def to_json(self) -> dict[str, Any]:
        keys = {
            stream: settings_key(sizes.double().cpu().numpy().tobytes())
            for stream, sizes in (self.sizes or {}).items()
        }
        return {
            "name": self.name,
            "sizes": keys or None,
            "speed": self.speed,
            "contrast": self.contrast,
            "turn": self.turn,
            "colour": self.colour,
        }


class _Draft(Draft):
    """`around` is the clip as it is: what other priors would act on has nothing in it."""

    def __init__(self, sheet: Sheet, writing: Phases):
        self.sheet = sheet
        self._colour = colour_on(sheet, writing.colour)
        self._sizes: dict[str, Tensor] = {}
        self._conjugates: dict[str, Conjugates] = {}
        self._phases: dict[str, Tensor] = {}
        self._length: dict[str, float] = {}
        self._adam: dict[str, Adam] = {}
        self._waves: dict[str, Tensor] = {}
        self.around: Mapping[str, Tensor] = {}
        self._gradients: dict[str, Tensor] = {}
        for stream, shape in sheet.shapes.items():
            sizes = self._natural(stream, shape, writing)
            length = writing.contrast * sheet.bounds[stream] / math.sqrt(shape[0])
            # By Parseval, whatever the phases: the clips keep their contrast.
            self._sizes[stream] = sizes * (length / mean_size(sizes, shape[3]))
            pairs = self._conjugates[stream] = Conjugates(shape[1:], sheet.device)
            noise = to_waves(sheet.noise(stream, shape))
            phases = torch.where(pairs.own, noise.real.sign(), noise.angle())
            pairs.make_odd_(phases)
            self._phases[stream] = phases
            self._adam[stream] = Adam(phases[:, None])  # each phase by itself
            self._length[stream] = writing.turn * sheet.bounds[stream] / length

    def _natural(self, stream: str, shape: tuple[int, int, int, int], writing: Phases) -> Sizes:
        extent, chi = shape[1:], self.sheet.chi
        measured = (writing.sizes or {}).get(stream)
        if measured is None:
            return natural_sizes(extent, chi, writing.speed)
        if measured.shape[0] != shape[0]:
            raise ClipError(
                f"the sizes of waves do not fit the {stream}",
                got=f"{measured.shape[0]} channels",
                expected=f"{shape[0]} channels",
            )
        sizes = resampled(measured.to(chi), extent)[None]
        if stream in self._colour:
            sizes = sizes.square().mean(dim=1, keepdim=True).sqrt()
        return sizes * (slowed(extent, chi, writing.speed) / slowed(extent, 0 * chi, writing.speed))

    def draw(self) -> dict[str, Volume]:
        drawn = {}
        for stream, phases in self._phases.items():
            own = self._conjugates[stream].own
            angles = torch.where(own, (phases < 0) * math.pi, phases)
            self._waves[stream] = torch.polar(self._sizes[stream].expand_as(angles), angles)
            plain = to_clips(self._waves[stream], self.sheet.shapes[stream][1:])
            x = coloured(self._colour.get(stream), plain)
            layout = torch.channels_last_3d  # as pixels are
            drawn[stream] = self.sheet.project(stream, x.contiguous(memory_format=layout))
        self.around = drawn
        return dict(drawn)

    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        self._gradients = dict(gradients)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for stream, gradient in self._gradients.items():
            edge = Edge(self.sheet, stream, self.around[stream], gradient)
            plain = uncoloured_gradient(self._colour.get(stream), edge.along(gradient))
            slope, pairs = to_waves(plain), self._conjugates[stream]
            waves, phases = self._waves[stream], self._phases[stream]
            # A wave X turns along i X; one that is its own conjugate grows along its sign's size.
            by_angle = waves.real * slope.imag - waves.imag * slope.real
            by_phase = torch.where(pairs.own, self._sizes[stream] * slope.real, by_angle)
            length = rate * self._length[stream]
            self._adam[stream].step_(phases[:, None], by_phase[:, None], length)
            pairs.make_odd_(phases)
        self._gradients = {}

    def keep(self, clips: Tensor) -> None:
        self._phases = {stream: phases[clips] for stream, phases in self._phases.items()}
        self._waves = {stream: waves[clips] for stream, waves in self._waves.items()}
        self.around = {stream: x[clips] for stream, x in self.around.items()}
        self._sizes = {
            stream: sizes[clips] if len(sizes) > 1 else sizes
            for stream, sizes in self._sizes.items()
        }
        for adam in self._adam.values():
            adam.keep(clips)


def _check_sizes(stream: str, sizes: Tensor) -> None:
    fits = sizes.ndim == 4 and 0 not in sizes.shape and sizes.shape[3] > 1
    if not fits or not sizes.isfinite().all() or sizes.min() < 0 or sizes.max() == 0:
        raise ClipError(
            f"the sizes of waves in {stream} are no spectrum",
            got=f"{tuple(sizes.shape)}, {_range(sizes)}",
            expected="channel x time x height x half the width and one, from 0 to above 0",
        )


def _range(sizes: Tensor) -> str:
    if sizes.numel() == 0:
        return "no values"
    return f"values from {sizes.min().item():.3g} to {sizes.max().item():.3g}"
