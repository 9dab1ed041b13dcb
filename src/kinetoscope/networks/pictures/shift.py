"""How does a network for pictures see the frames before and after, at no cost?

In front of the first convolution of every residual block, an eighth of the channels is taken from
the frame after and another eighth from the frame before; the rest stays. Beyond the ends of a clip
there are zeros. In a ResNet of 101 layers or more, every second block has its shift.

Source: Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019,
section 3 (residual shift), and the authors' code (`make_temporal_shift`, place `blockres`).
"""

from collections import OrderedDict

import torch
from einops import rearrange
from torch import Tensor, nn

from kinetoscope.errors import ClipError

SHARE = 8
"""One channel in so many comes from the frame after, and one from the frame before."""

MANY_BLOCKS = 23
"""Blocks of layer3 from which on every second block is left as it is."""


class TemporalShift(nn.Module):
    """An eighth of the channels from the next frame, another from the one before.

    Args:
        segments: how many frames of a clip lie one after the other among the pictures.
        share: one channel in so many comes from either side.
    """

    def __init__(self, segments: int, *, share: int = SHARE):
        super().__init__()
        self.segments, self.share = segments, share

    def forward(self, pictures: Tensor) -> Tensor:
        frames = rearrange(pictures, "(clip time) ... -> clip time ...", time=self.segments)
        after, before, same = _parts(frames, frames.shape[2] // self.share)
        nothing = torch.zeros_like(after[:, :1])
        shifted = [
            torch.cat([after[:, 1:], nothing], dim=1),
            torch.cat([nothing, before[:, :-1]], dim=1),
            same,
        ]
        return rearrange(torch.cat(shifted, dim=2), "clip time ... -> (clip time) ...")


def add_shift(model: nn.Module, segments: int) -> None:
    """Put a shift in front of the first convolution of every residual block.

    The convolution `conv1` of a block becomes `conv1.shift`, then `conv1.net`, as in the authors'
    checkpoints.

    Args:
        model: torchvision's ResNet, changed in place.
        segments: how many frames of a clip it is shown one after the other.

    Raises:
        ClipError: the model has no residual blocks.
    """
    stages = [getattr(model, f"layer{number}", None) for number in range(1, 5)]
    if not all(isinstance(stage, nn.Sequential) and hasattr(stage[0], "conv1") for stage in stages):
        raise ClipError(
            "only residual blocks have a place for a temporal shift",
            got=type(model).__name__,
            expected="a ResNet of torchvision",
        )
    step = 2 if len(model.get_submodule("layer3")._modules) >= MANY_BLOCKS else 1
    for stage in stages:
        for block in list(stage or ())[::step]:
            shift = TemporalShift(segments)
            block.conv1 = nn.Sequential(OrderedDict(shift=shift, net=block.conv1))


def _parts(frames: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    return frames[:, :, :count], frames[:, :, count : 2 * count], frames[:, :, 2 * count :]
