"""How is a stimulus written down as the code of a learned generator?

A generator has learned to draw clips from short codes, so whatever it draws looks a little like the
clips that it has learned from. The numbers that are moved are the code. A step goes against the
gradient, divided by its own mean size; the code is drawn back to the mean of the codes of real
clips, and kept within three deviations of it.

    code -> two fully connected layers -> a small volume -> (enlarged, convolved) ... -> clip

Source: Nguyen, Dosovitskiy, Yosinski, Brox and Clune, "Synthesizing the preferred inputs for
neurons in neural networks via deep generator networks", NeurIPS 2016, section 3, and its published
code for the step, the decay of 0.99 and the bounds of the code. Differs: clips in place of images,
frames and flow together; codes of an encoder that was learned with the generator, which may be
negative, in place of a layer of a classifier; enlarging and a convolution in place of a
deconvolution, which leaves no checkerboard (Odena, Dumoulin and Olah, Distill 2016); the decay
falls with the length of the steps, for else the last, short ones would only lead back to the mean.
"""

import hashlib
import math
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from kinetoscope.clips.spec import CHANNELS, ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.writing import Draft, Sheet, Writing
from kinetoscope.tensors import Maps, Size, Volume

Codes = Float[Tensor, "clip _code"]

_SMALLEST = 4
"""Sides that are no longer than this are not halved on the way to the small volume."""
_LARGEST_GAIN = 8
"""How many times more channels a small volume has than the clip's last layer, at most."""
SLOPE = 0.3
"""Of the leaking rectifiers, as published."""
_STRETCH, _ROOM = 1.5, 4
"""A clip may be so many times larger than what the generator has learned to draw, or have so many
frames and pixels more, whichever is more: enough for the margins of transforms."""


@dataclass(frozen=True, kw_only=True)
class GeneratorConfig:
    """What may differ between two generators.

    Args:
        expects: the clips that it draws.
        code: how many numbers a code has.
        width: channels at the size of the clip; twice as many whenever that is halved.
    """

    expects: ClipSpec
    code: int = 256
    width: int = 16

    @property
    def extent(self) -> Size:
        """Of the clips."""
        return (self.expects.frames, *self.expects.size)

    @property
    def channels(self) -> int:
        """Of all streams together."""
        return sum(CHANNELS[stream] for stream in self.expects.streams)

    @property
    def extents(self) -> list[Size]:
        """From the clip to the small volume, each half as large as the one before."""
        found = [self.extent]
        while max(found[-1]) > _SMALLEST:
            time, height, width = (
                side if side <= _SMALLEST else math.ceil(side / 2) for side in found[-1]
            )
            found.append((time, height, width))
        return found

    @property
    def widths(self) -> list[int]:
        """Channels at each of the extents."""
        return [self.width * min(2**halved, _LARGEST_GAIN) for halved in range(len(self.extents))]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**vars(self), "expects": self.expects.to_json()}


class Generator(nn.Module):
    """Draws clips from codes.

    It draws how a clip differs from the mean clip, in units of how much clips differ from it.
    """

    code_mean: Tensor
    code_deviation: Tensor
    mean_clip: Tensor
    spread: Tensor

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        self.extents, widths = config.extents[::-1], config.widths[::-1]
        small = widths[0] * math.prod(self.extents[0])
        self.hidden = nn.Linear(config.code, 2 * config.code)
        self.small = nn.Linear(2 * config.code, small)
        self.larger = nn.ModuleList(
            nn.Conv3d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )
        self.last = nn.Conv3d(widths[-1], config.channels, 3, padding=1)
        self.rectifier = nn.LeakyReLU(SLOPE)
        start_for_leaking(self)
        self.last.weight.data.mul_(0.1)  # so that it starts with about the mean clip
        self.register_buffer("code_mean", torch.zeros(config.code))
        self.register_buffer("code_deviation", torch.ones(config.code))
        self.register_buffer("mean_clip", torch.zeros(config.channels, *config.extent))
        self.register_buffer("spread", torch.ones(config.channels, 1, 1, 1))

    def forward(self, code: Codes) -> Maps:
        """All streams, one behind the other: the difference to the mean clip, in spreads."""
        x = self.rectifier(self.small(self.rectifier(self.hidden(code))))
        x = x.reshape(len(code), -1, *self.extents[0])
        for layer, extent in zip(self.larger, self.extents[1:], strict=True):
            x = functional.interpolate(x, size=extent, mode="trilinear", align_corners=False)
            x = self.rectifier(layer(x))
        return self.last(x)

    def clips(self, code: Codes) -> dict[str, Maps]:
        """The clips of codes, in display space, unbounded; flow in pixels per frame of the clip."""
        return self.parted(self.shown(self(code)))

    def shown(self, drawn: Volume) -> Volume:
        """In display space, what `forward` answers."""
        return drawn * self.spread + self.mean_clip

    def compared(self, clips: Volume) -> Volume:
        """What `forward` has to answer for clips in display space."""
        return (clips - self.mean_clip) / self.spread

    def parted(self, clips: Volume) -> dict[str, Maps]:
        """Each stream for itself."""
        names = self.config.expects.streams
        parts = clips.split([CHANNELS[name] for name in names], dim=1)
        return dict(zip(names, parts, strict=True))

    @property
    def key(self) -> str:
        """16 hexadecimal digits that name its weights."""
        digest = hashlib.blake2b(digest_size=8)
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def start_for_leaking(module: nn.Module) -> None:
    """Start layers such that signals keep their size through leaking rectifiers.

    Source: He et al., "Delving deep into rectifiers", ICCV 2015, section 2.2. With torch's own
    start, deep layers hear next to nothing of the code for hundreds of steps.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)


@dataclass(frozen=True, kw_only=True, eq=False)
class Generated(Writing):
    """The code of a generator, from that of no clip in particular.

    Where only a part of the clip is made, it is the centre of what the generator draws. Where more
    is made, as for the margins that transforms need, what is drawn is enlarged, its motion grows
    with it, and it stands still before it begins and after it ends.

    Args:
        generator: such as `read_generator` gives.
        decay: what a step at its full length leaves of the way from the mean code.
        reach: how far each number of the code may lie from its mean [deviations].
    """

    generator: Generator = field(repr=False)
    decay: float = 0.99
    reach: float = 3.0
    name = "generator"

    def begin(self, sheet: Sheet) -> Draft:
        """Random codes, spread as those of real clips.

        Raises:
            ClipError: the generator draws other streams, or much smaller clips.
        """
        _check(self.generator.config, sheet)
        return _Draft(sheet, self)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "generator": self.generator.key,
            "decay": self.decay,
            "reach": self.reach,
        }


class _Draft(Draft):
    def __init__(self, sheet: Sheet, writing: Generated):
        self.sheet, self.writing, self.around = sheet, writing, {}
        own = deepcopy(writing.generator)  # the caller's stays where it is
        self._generator = own.to(sheet.device).eval().requires_grad_(False)
        noise = sheet.noise("code", (own.config.code,))
        self._away = noise.clamp(-writing.reach, writing.reach)  # from the mean [deviations]
        self._drawn: dict[str, Tensor] = {}
        self._gradient: Tensor | None = None
        self._first_rate: float | None = None

    @torch.enable_grad()
    def draw(self) -> dict[str, Volume]:
        own = self._generator
        self._away.requires_grad_()
        clips = own.clips(own.code_mean + self._away * own.code_deviation)
        self._drawn = {}
        for stream, shape in self.sheet.shapes.items():
            x = _fitted(clips[stream], shape[1:], moves=stream == "flow")
            x = self.sheet.project(stream, self._as_input(stream, x))
            # As pixels are, for speed.
            self._drawn[stream] = x.contiguous(memory_format=torch.channels_last_3d)
        return dict(self._drawn)

    def _as_input(self, stream: str, x: Volume) -> Volume:
        sheet = self.sheet
        if stream == "flow":
            return x / sheet.flow_scale
        return sheet.darkest + x * (sheet.brightest - sheet.darkest)

    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        drawn = [self._drawn[stream] for stream in gradients]
        (self._gradient,) = torch.autograd.grad(drawn, [self._away], list(gradients.values()))
        self._drawn = {}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        if self._gradient is None:
            return
        reach = self.writing.reach
        self._first_rate = self._first_rate or rate
        back = (1 - self.writing.decay) * rate / self._first_rate
        size = self._gradient.abs().mean(dim=1, keepdim=True).clamp(min=1e-30)
        moved = self._away.detach() * (1 - back) - rate * reach * self._gradient / size
        self._away, self._gradient = moved.clamp(-reach, reach), None

    def keep(self, clips: Tensor) -> None:
        self._away = self._away.detach()[clips]
        self._drawn, self._gradient = {}, None


def _check(config: GeneratorConfig, sheet: Sheet) -> None:
    has, wants = config.expects.streams, tuple(sheet.shapes)
    if not set(wants) <= set(has):
        raise ClipError(
            "the generator draws clips of another kind",
            got=" and ".join(has),
            expected=" and ".join(wants),
            hint="kinetoscope train-prior fits one to this network",
        )
    for shape in sheet.shapes.values():
        larger = zip(shape[1:], config.extent, strict=True)
        if any(side > max(own + _ROOM, _STRETCH * own) for side, own in larger):
            raise ClipError(
                "the generator draws smaller clips",
                got=" x ".join(map(str, config.extent)),
                expected=f"about {' x '.join(map(str, shape[1:]))}, or larger",
                hint="kinetoscope train-prior fits one to this network; transforms that move clips "
                "less need less of a margin",
            )


def _fitted(x: Volume, extent: Size, *, moves: bool) -> Maps:
    """The centre of a stream, enlarged where it is too small."""
    time, height, width = extent
    stretch = max(1.0, height / x.shape[3], width / x.shape[4])
    if stretch > 1:
        size = math.ceil(stretch * x.shape[3]), math.ceil(stretch * x.shape[4])
        x = _enlarged(x, size, moves=moves)
    top, left = (x.shape[3] - height) // 2, (x.shape[4] - width) // 2
    x = x[..., top : top + height, left : left + width]
    if x.shape[2] >= time:
        start = (x.shape[2] - time) // 2
        return x[:, :, start : start + time]
    return _lasting(x, time, moves=moves)


def _enlarged(x: Volume, size: tuple[int, int], *, moves: bool) -> Maps:
    right, down = size[1] / x.shape[4], size[0] / x.shape[3]
    extent = (x.shape[2], *size)
    x = functional.interpolate(x, size=extent, mode="trilinear", align_corners=False)
    return x * x.new_tensor([right, down]).reshape(1, 2, 1, 1, 1) if moves else x


def _lasting(x: Volume, time: int, *, moves: bool) -> Maps:
    """With its first and last frame repeated, between which nothing moves."""
    before = (time - x.shape[2]) // 2
    after = time - x.shape[2] - before
    if moves:
        # The last field repeats the one before; here the next frame is known to be the same.
        return functional.pad(x[:, :, :-1], (0, 0, 0, 0, before, after + 1))
    return functional.pad(x, (0, 0, 0, 0, before, after), mode="replicate")
