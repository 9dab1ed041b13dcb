"""How are training clips changed, so that a network sees no clip twice the same?

Every frame of a clip is changed alike, and its flow with it: what is magnified moves further, what
is rotated moves in another direction, what is mirrored moves the other way. A change for every
clip of a batch is drawn first, from numbers, and then made in one pass over the pixels, on whatever
device they lie. Mirroring, shift, magnification and rotation are one affine map and one sampling.

Source: Zhang et al., "mixup", ICLR 2018; DeVries and Taylor, "Improved Regularization of
Convolutional Neural Networks with Cutout", 2017. Where this differs: the square of cutout is at
the same place in all frames, because one that jumps is itself a motion; mixup blends whole clips.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from einops import einsum, rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.tensors import FlowBatch, FrameBatch
from kinetoscope.training.recipe import Augmentation, Range

_NUMBERS = 12  # random numbers that one clip's change is made of, used or not


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one clip.

    Args:
        linear: two rows of two: where a step to the right and one down of the old clip lead in
            the new one, (right, down) each a column [pixels].
        shift: how far the centre moves, (right, down) [pixels].
        contrast: factor on the distance of each pixel from the clip's mean.
        brightness: added to each pixel, of 1.
        noise: standard deviation, of 1.
        noise_from: where in the batch's field of noise, of 1.
        hole: top and left of the square that is blanked [pixels]; None for no square.
        hole_pixels: its side [pixels].
        blank: the stream that is not shown; None for both shown.
    """

    linear: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    shift: tuple[float, float] = (0.0, 0.0)
    contrast: float = 1.0
    brightness: float = 0.0
    noise: float = 0.0
    noise_from: float = 0.0
    hole: tuple[int, int] | None = None
    hole_pixels: int = 0
    blank: str | None = None

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        return self.linear != Change.linear or self.shift != Change.shift


def draw_changes(
    settings: Augmentation, count: int, spec: ClipSpec, rng: np.random.Generator
) -> list[Change]:
    """Draw a change for each clip of a batch.

    Equally many numbers are drawn whatever the settings, so that turning one on leaves the
    others as they were.
    """
    return [_change_from(settings, row, spec) for row in rng.random((count, _NUMBERS)).tolist()]


def change(batch: ClipBatch, changes: list[Change], *, spec: ClipSpec, seed: int = 0) -> ClipBatch:
    """Make the changes.

    Args:
        batch: in display space, on any device; left as it is.
        changes: one a clip.
        spec: its mean is the colour of what is blanked.
        seed: of the noise.

    Returns:
        Clips in display space; what is moved in from outside repeats the edge.
    """
    if any(each.moves for each in changes):
        batch = _moved(batch, changes)
    else:
        batch = ClipBatch(frames=_copied(batch.frames), flow=_copied(batch.flow))
    if batch.frames is not None:
        _recolour(batch.frames, changes, seed)
    _blank(batch, changes, spec)
    return batch


def mix(
    batch: ClipBatch, targets: Tensor, alpha: float, rng: np.random.Generator
) -> tuple[ClipBatch, Tensor]:
    """Blend each clip with another one of its batch, and their targets alike.

    Args:
        batch: in display space.
        targets: how much of each label a clip is, `clip label`.
        alpha: of the Beta(alpha, alpha) that the shares are drawn from; small is mostly one clip.
        rng: where chance comes from.
    """
    shares = rng.beta(alpha, alpha, size=len(batch))
    # the larger share is the clip's own, so that its label stays its likeliest
    own = torch.as_tensor(np.maximum(shares, 1 - shares), dtype=targets.dtype)
    own = own.to(targets.device)

    def blend(stream: Tensor | None) -> Tensor | None:
        if stream is None:
            return None
        return torch.lerp(stream.roll(1, dims=0), stream, rearrange(own, "clip -> clip 1 1 1 1"))

    mixed = ClipBatch(frames=blend(batch.frames), flow=blend(batch.flow))
    return mixed, torch.lerp(targets.roll(1, dims=0), targets, rearrange(own, "clip -> clip 1"))


def _change_from(settings: Augmentation, numbers: list[float], spec: ClipSpec) -> Change:
    mirror, right, down, scale, turn, lift, gain, noise, start, top, left, drop = numbers
    factor = _between(settings.scale, scale)
    angle = math.radians(settings.rotate_degrees * _signed(turn))
    across = factor * (-1.0 if mirror < settings.flip else 1.0)
    hole = settings.cutout_pixels
    height, width = spec.size
    # the hole's centre lies in the frame; what reaches out is cut off
    corner = (int(top * height) - hole // 2, int(left * width) - hole // 2) if hole else None
    return Change(
        linear=(
            (across * math.cos(angle), -factor * math.sin(angle)),
            (across * math.sin(angle), factor * math.cos(angle)),
        ),
        shift=(settings.shift_pixels * _signed(right), settings.shift_pixels * _signed(down)),
        contrast=1 + settings.contrast * _signed(gain),
        brightness=settings.brightness * _signed(lift),
        noise=settings.noise * noise,
        noise_from=start,
        hole=corner,
        hole_pixels=hole,
        blank=_blanked(settings.stream_dropout, drop, spec),
    )


def _blanked(probability: float, number: float, spec: ClipSpec) -> str | None:
    if len(spec.streams) < 2 or number >= probability:
        return None
    return spec.streams[int(number >= probability / 2)]


def _signed(number: float) -> float:
    return 2 * number - 1


def _between(limits: Range, number: float) -> float:
    """Halving is as likely as doubling."""
    low, high = limits
    return low if low == high else low * (high / low) ** number


def _copied(stream: Tensor | None) -> Tensor | None:
    return None if stream is None else stream.clone()


def _moved(batch: ClipBatch, changes: list[Change]) -> ClipBatch:
    """Both streams through one sampling: the same map for every frame of a clip.

    On a processor, as many clips at once as there are threads: a thread's clip stays in its cache,
    which takes half as long as the whole batch at once.
    """
    streams = [stream for stream in (batch.frames, batch.flow) if stream is not None]
    first = streams[0]
    linear = first.new_tensor([each.linear for each in changes])
    places = _places(linear, first.new_tensor([each.shift for each in changes]), *first.shape[3:])
    at_once = len(batch) if first.is_cuda else torch.get_num_threads()
    moved = first.new_empty(len(batch), sum(each.shape[1] for each in streams), *first.shape[2:])
    for start in range(0, len(batch), at_once):
        part = slice(start, start + at_once)
        images = [rearrange(each[part], "n c t h w -> n (c t) h w") for each in streams]
        moved[part] = functional.grid_sample(
            torch.cat(images, dim=1),
            places[part],
            mode="bilinear",
            padding_mode="border",
            align_corners=False,
        ).view_as(moved[part])
    return ClipBatch(
        frames=None if batch.frames is None else moved[:, :3],
        flow=None if batch.flow is None else _turned(moved[:, -2:], linear),
    )


def _turned(flow: FlowBatch, linear: Float[Tensor, "clip 2 2"]) -> FlowBatch:
    """Motion is magnified, rotated and mirrored like what moves."""
    return einsum(linear, flow, "clip new old, clip old time h w -> clip new time h w")


def _places(
    linear: Float[Tensor, "clip 2 2"], shift: Float[Tensor, "clip 2"], height: int, width: int
) -> Float[Tensor, "clip height width 2"]:
    """Where in the old clip each pixel of the new one comes from, as grid_sample counts."""
    across = torch.arange(width, device=linear.device) - (width - 1) / 2
    along = torch.arange(height, device=linear.device) - (height - 1) / 2
    down, right = torch.meshgrid(along, across, indexing="ij")
    new = torch.stack([right, down], dim=-1).to(linear.dtype)
    back = torch.linalg.inv(linear)
    from_centre = rearrange(new, "h w xy -> 1 h w xy") - rearrange(shift, "clip xy -> clip 1 1 xy")
    old = einsum(back, from_centre, "clip old new, clip h w new -> clip h w old")
    return old / (linear.new_tensor([width, height]) / 2)


def _recolour(frames: FrameBatch, changes: list[Change], seed: int) -> None:
    """In place, a clip at a time: one clip fits in the processor's cache and a batch does not."""
    one = frames[0].numel()
    noisy = any(each.noise for each in changes)
    field = _noise_field(2 * one, seed, frames.device) if noisy else None
    for clip, each in zip(frames, changes, strict=True):
        if each.contrast != 1 or each.brightness:
            level = clip.mean() * (1 - each.contrast) + each.brightness
            clip.mul_(each.contrast).add_(level)
        if field is not None:
            start = int(each.noise_from * one)
            clip.add_(field[start : start + one].view(clip.shape), alpha=each.noise)
        clip.clamp_(0, 1)


def _noise_field(count: int, seed: int, device: torch.device) -> Tensor:
    """One field for a batch, of which each clip has another part: drawing it all costs 16 times."""
    generator = torch.Generator(device).manual_seed(seed)
    return torch.randn(count, generator=generator, device=device)


def _blank(batch: ClipBatch, changes: list[Change], spec: ClipSpec) -> None:
    """In place: the mean colour and no motion are what a network is shown as zeros."""
    for stream, values in ((batch.frames, spec.mean), (batch.flow, (0.0, 0.0))):
        if stream is None:
            continue
        colour = rearrange(stream.new_tensor(values), "channel -> channel 1 1 1")
        for clip, each in zip(stream, changes, strict=True):
            if each.blank == ("frames" if stream is batch.frames else "flow"):
                clip.copy_(colour.expand_as(clip))
            elif each.hole is not None:
                top, left = each.hole
                rows = slice(max(0, top), max(0, top + each.hole_pixels))
                columns = slice(max(0, left), max(0, left + each.hole_pixels))
                clip[:, :, rows, columns] = colour
