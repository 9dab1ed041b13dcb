"""How is a stimulus written down as a change of a real clip?

A clip is drawn as the real one and a difference, x = clip + d. Only the difference is moved, by any
way of writing; its length is bounded, and priors act on it alone. What comes out shows what in this
very clip a unit answers to, more clearly than the clip does.

Source: Hamblin et al., "Feature accentuation: revealing 'what' features respond to in natural
images", arXiv 2402.10039, 2024. Differs: in space-time; what keeps the clip recognizable is a bound
and the priors of what was changed, where theirs is the distance in an early layer.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.fourier import Fourier
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from kinetoscope.evidence.stimuli.writings.writing import Draft, Sheet, Writing
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Volume
from kinetoscope.units.receptive import Box

_LEAST = 1e-6
"""A reach of 0 would be a bound of nothing; this changes no picture."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Accentuation(Writing):
    """A real clip, changed.

    Args:
        clip: each stream as the network's normalized input, `channel time height width`; see `of`.
            A stream that is missing begins blank, and all of it is change.
        reach: how long a pixel's change may be, as a share of the bound; 0 leaves the clip.
        change: how the difference is written down.
        source: where the clip is from.

    Raises:
        ClipError: the reach is not within 0 and 1, or there is no clip.
    """

    clip: Mapping[str, Tensor]
    reach: float = 0.5
    change: Pixels | Fourier = field(default_factory=Fourier)
    source: str = "memory"
    name = "accentuation"

    def __post_init__(self):
        if not 0 <= self.reach <= 1:
            raise ClipError(
                f"the clip from {self.source} can't be changed that far",
                got=f"reach {self.reach}",
                expected="a share of the bound, from 0 to 1",
            )
        for stream, x in self.clip.items():
            if x.ndim != 4 or 0 in x.shape or not x.isfinite().all():
                raise ClipError(
                    f"{stream} of the clip from {self.source} can't be changed",
                    got=f"{tuple(x.shape)}" if 0 in x.shape or x.ndim != 4 else "nan or infinity",
                    expected="finite values, channel x time x height x width",
                )
        if not self.clip:
            raise ClipError(
                "there is no clip to change", got="no stream", expected="frames, flow or both"
            )

    @classmethod
    def of(cls, clip: Clip, network: Network, *, reach: float = 0.5) -> "Accentuation":
        """Of a clip in display space, for a network; the change is written in waves.

        Raises:
            ClipError: the clip lacks a stream, or the reach is not within 0 and 1.
        """
        batch = network.normalize(ClipBatch.of([clip], network.expects).to(network.device))
        streams = {stream: batch.stream(stream)[0] for stream in network.expects.streams}
        return cls(clip=streams, reach=reach, source=clip.source)

    def within(self, box: Box) -> "Accentuation":
        """The same for the part of the clip in a box [frames, pixels, pixels]."""
        part = (slice(None), *(slice(start, stop) for start, stop in box))
        return replace(self, clip={stream: x[part] for stream, x in self.clip.items()})

    def begin(self, sheet: Sheet) -> Draft:
        return _Draft(sheet, self if sheet.box is None else self.within(sheet.box))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "clip": {stream: _key(x) for stream, x in self.clip.items()},
            "reach": self.reach,
            "change": self.change.to_json(),
            "source": self.source,
        }


class _Draft(Draft):
    def __init__(self, sheet: Sheet, writing: Accentuation):
        self._clip = {
            stream: _on_sheet(stream, x, sheet, writing.source)
            for stream, x in writing.clip.items()
            if stream in sheet.shapes
        }
        self.around = self._clip
        reach = max(writing.reach, _LEAST)
        frames = self._clip.get("frames", 0.0)
        self._change = writing.change.begin(
            replace(
                sheet,
                bounds={stream: reach * bound for stream, bound in sheet.bounds.items()},
                darkest=sheet.darkest - frames,
                brightest=sheet.brightest - frames,
            )
        )

    def draw(self) -> dict[str, Volume]:
        return {
            stream: change + self._clip[stream] if stream in self._clip else change
            for stream, change in self._change.draw().items()
        }

    def pull(self, gradients: Mapping[str, Tensor]) -> None:
        self._change.pull(gradients)

    def step(self, rate: float) -> None:
        self._change.step(rate)

    def keep(self, clips: Tensor) -> None:
        self._change.keep(clips)


def _on_sheet(stream: str, x: Tensor, sheet: Sheet, source: str) -> Tensor:
    """The clip as a batch of one in the middle of the sheet, its edges continued to the margins."""
    channels, *extent = sheet.shapes[stream]
    missing = [wanted - length for wanted, length in zip(extent, x.shape[1:], strict=True)]
    if x.shape[0] != channels or min(missing) < 0 or any(margin % 2 for margin in missing):
        raise ClipError(
            f"{stream} of the clip from {source} do not fit what is made",
            got=tuple(x.shape),
            expected=f"{tuple(sheet.shapes[stream])}, without margins",
            hint="within(box) takes the part that a neuron sees",
        )
    time, height, width = (margin // 2 for margin in missing)
    x = x[None].to(sheet.device, torch.float32)
    return pad(x, (width, width, height, height, time, time), mode="replicate")


def _key(x: Tensor) -> str:
    values = x.detach().cpu().float().contiguous().numpy()
    return hashlib.blake2b(values.tobytes(), digest_size=8).hexdigest()
