"""What stands in the place of a part of a clip that is taken away?

    grey          the mean colour, and no motion
    blur          the clip itself, blurred in space and time: its colours stay, its detail goes
    freeze        the frame before, and no motion: what changes goes. At the beginning of the clip
                  the frame after; if nothing of a pixel is left, its middle frame
    interpolate   a straight line in time from what is left before to what is left after; nothing
                  stands out, and what is short goes
    swap          another clip at the same place

A part is given by a mask for each stream, 1 where it is taken away and 0 where it stays. Between
the two it is taken away by a share, so that masks have gradients. Outside of the mask nothing is
changed, whatever stands in.

What is found depends on the choice more than on the method: grey makes edges and colours that no
video has, blur leaves motion, freeze leaves all that one frame shows.

Source: Covert, Lundberg and Lee, "Explaining by Removing", JMLR 2021, section 4; blurring as in
Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", ICCV 2017,
section 4.1; freezing is our form of Mänttäri et al., "Interpreting Video Features", ACCV 2020,
section 3.1; interpolating in time is our own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError, unknown_name
from kinetoscope.evidence.attribution.question import Question, Streams

Filling = Literal["grey", "blur", "freeze", "interpolate", "swap"]
FILLINGS: tuple[Filling, ...] = get_args(Filling)

Masks = Mapping[Stream, Float[Tensor, "version 1 time height width"]]
"""Of each stream from which something is taken, 1 where it is taken away; others stay whole."""

_SIGMA = (2.0, 8.0)
"""Of the blur in time [frames], and in space [64ths of the shorter side]."""

_FAR = 1e6  # frames to what is not there


@dataclass(frozen=True, eq=False)
class Removal:
    """Takes parts of one clip away.

    Args:
        filling: what stands in their place.
        streams: the clip, normalized.
        cover: what stands there, where that does not depend on the part; by stream.
    """

    filling: Filling
    streams: Streams
    cover: Streams

    @classmethod
    def of(cls, question: Question, filling: str) -> "Removal":
        """For the clip of a question.

        Raises:
            UnknownNameError: there is no such filling.
            ClipError: `swap`, and the question has no other clip, or one of another size.
        """
        filling = check_filling(filling)
        cover: Streams = {}
        if filling == "grey":
            cover = {name: torch.zeros_like(x) for name, x in question.streams.items()}
        elif filling == "blur":
            cover = {name: blurred(x) for name, x in question.streams.items()}
        elif filling == "swap":
            cover = _other(question)
        return cls(filling, question.streams, cover)

    def apply(self, masks: Masks) -> dict[Stream, Tensor]:
        """Versions of the clip without what is masked, one for each mask."""
        count = len(next(iter(masks.values())))
        return {
            name: self._without(name, masks[name])
            if name in masks
            else x.expand(count, *x.shape[1:])
            for name, x in self.streams.items()
        }

    def all(self) -> dict[Stream, Tensor]:
        """The clip without anything."""
        first = next(iter(self.streams.values()))
        whole = first.new_ones(1, 1, *first.shape[2:])
        return self.apply(dict.fromkeys(self.streams, whole))

    def _without(self, name: Stream, mask: Tensor) -> Tensor:
        x = self.streams[name]
        if name in self.cover:
            return torch.lerp(x, self.cover[name], mask)
        if self.filling == "freeze" and name == "flow":
            return x * (1 - mask)
        if self.filling == "freeze":
            return _held(x, mask)
        return _bridged(x, mask)


def check_filling(filling: str) -> Filling:
    """The name of a filling.

    Raises:
        UnknownNameError: there is none of this name.
    """
    for known in FILLINGS:
        if filling == known:
            return known
    raise unknown_name("filling of what is removed", filling, list(FILLINGS))


def blurred(x: Tensor) -> Tensor:
    """A clip `clip channel time height width`, blurred by a Gaussian in time and space."""
    sigmas = (_SIGMA[0], *(_SIGMA[1] * min(x.shape[3:]) / 64,) * 2)
    for axis, sigma in enumerate(sigmas):
        x = _blurred_along(x, 2 + axis, sigma)
    return x


def _blurred_along(x: Tensor, dim: int, sigma: float) -> Tensor:
    reach = min(int(3 * sigma + 0.5), 4 * x.shape[dim])
    steps = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    weights = (-(steps**2) / (2 * sigma**2)).exp()
    lines = x.movedim(dim, -1)
    padded = F.pad(lines.reshape(1, -1, lines.shape[-1]), (reach, reach), mode="replicate")
    kernel = (weights / weights.sum())[None, None]
    found = F.conv1d(padded.transpose(0, 1), kernel)
    return found.reshape(lines.shape).movedim(-1, dim)


def _held(x: Tensor, mask: Tensor) -> Tensor:
    """Each pixel keeps what it last showed; before it first showed anything, what it shows then."""
    middle = x[:, :, x.shape[2] // 2]
    after = _carried(x, mask, middle, backward=True)  # at the beginning, the frame after
    return torch.stack(_carry(x, mask, after[0]), dim=2)


def _carried(x: Tensor, mask: Tensor, start: Tensor, *, backward: bool) -> list[Tensor]:
    if not backward:
        return _carry(x, mask, start)
    return _carry(x.flip(2), mask.flip(2), start)[::-1]


def _carry(x: Tensor, mask: Tensor, start: Tensor) -> list[Tensor]:
    """Frame by frame, what is there, or else what was there before."""
    found = []
    for frame, gone in zip(x.unbind(2), mask.unbind(2), strict=True):
        start = torch.lerp(frame, start, gone)
        found.append(start)
    return found


def _bridged(x: Tensor, mask: Tensor) -> Tensor:
    """Along each pixel's line in time, between what is left before and what is left after."""
    middle = x[:, :, x.shape[2] // 2]
    before, after = (_carried(x, mask, middle, backward=way) for way in (False, True))
    since, until = _distances(mask), _distances(mask.flip(2)).flip(2)
    apart = (since + until).clamp(min=1e-6)
    earlier, later = torch.stack(before, dim=2), torch.stack(after, dim=2)
    between = (earlier * until + later * since) / apart
    return torch.where(since + until > 0, between, x)


def _distances(mask: Tensor) -> Tensor:
    """Frames since something was there; far, where nothing was yet."""
    distance = torch.full_like(mask[:, :, 0], _FAR)
    found = []
    for gone in mask.unbind(2):
        distance = gone * (distance + 1)
        found.append(distance)
    return torch.stack(found, dim=2)


def _other(question: Question) -> dict[Stream, Tensor]:
    other, clip = question.other, question.clip
    if other is None or (other.time, *other.size) != (clip.time, *clip.size):
        raise ClipError(
            f"nothing can be swapped into the clip from {clip.source}",
            got="no other clip" if other is None else f"one of {(other.time, *other.size)}",
            expected=f"another clip of {(clip.time, *clip.size)} (time, height, width)",
            hint="give one, or take what needs none: grey, blur, freeze, interpolate",
        )
    batch = ClipBatch.of([other], question.network.expects).to(question.network.device)
    normalized = question.network.normalize(batch)
    return {name: normalized.stream(name) for name in question.streams}
