"""How do two streams become one?

Both towers see the same clip, one its frames and one its motion. Where they meet, every place of
one tower's maps lies beside the same place of the other's, and the two are brought together by
their sum, their maximum, their concatenation, or a convolution in time and space that is learned.

Source: Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video Action
Recognition", CVPR 2016, section 3; the start of the convolution is the authors' code's
(`initMethod '2sumAB'`).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.blocks import start_for_relu
from kinetoscope.tensors import FlowBatch, Maps, Scores, Volume

FusionKind = Literal["conv", "sum", "max", "concatenation", "late"]

APPEARANCE_SHARE, MOTION_SHARE = 0.25, 0.75


class ConvFusion(nn.Module):
    """A 3x3x3 convolution over both streams, and a ReLU: from 2C channels to C."""

    def __init__(self, channels: int, *, norm: bool = False):
        super().__init__()
        self.conv = nn.Conv3d(2 * channels, channels, 3, padding=1, bias=not norm)
        self.norm = nn.BatchNorm3d(channels) if norm else nn.Identity()
        self.relu = nn.ReLU()
        start_for_relu(self.conv)
        with torch.no_grad():
            self.conv.weight.copy_(published_start(channels))

    def forward(self, appearance: Volume, motion: Volume) -> Maps:
        return self.relu(self.norm(self.conv(torch.cat([appearance, motion], dim=1))))


class SumFusion(nn.Module):
    """Channel by channel, the sum of both streams."""

    def forward(self, appearance: Volume, motion: Volume) -> Maps:
        return appearance + motion


class MaxFusion(nn.Module):
    """Channel by channel, the larger of both streams."""

    def forward(self, appearance: Volume, motion: Volume) -> Maps:
        return torch.maximum(appearance, motion)


class ConcatenationFusion(nn.Module):
    """All channels of appearance, then all of motion."""

    def forward(self, appearance: Volume, motion: Volume) -> Maps:
        return torch.cat([appearance, motion], dim=1)


def fusion_module(kind: FusionKind, channels: int, *, norm: bool = False) -> nn.Module:
    """The module that takes both towers' maps and answers one volume."""
    match kind:
        case "conv":
            return ConvFusion(channels, norm=norm)
        case "sum":
            return SumFusion()
        case "max":
            return MaxFusion()
        case "concatenation":
            return ConcatenationFusion()
        case "late":
            raise AssertionError("late fusion averages predictions and has no module")


def fused_channels(kind: FusionKind, channels: int) -> int:
    """How many channels a fusion of two streams of `channels` answers."""
    return 2 * channels if kind == "concatenation" else channels


def published_start(channels: int) -> Tensor:
    """The weights that a fusion convolution starts from, `C 2C 3 3 3`.

    Each channel starts as 0.25 of its own appearance and 0.75 of its own motion, both blurred in
    time and space by a Gaussian of standard deviation 1.
    """
    device = torch.get_default_device()
    steps = torch.arange(-1.0, 2.0, device=device)
    line = torch.exp(-steps.square() / 2)
    blur = torch.einsum("t,h,w->thw", line, line, line)
    same = torch.eye(channels, device=device)
    shares = torch.cat([APPEARANCE_SHARE * same, MOTION_SHARE * same], dim=1)
    return torch.einsum("oi,thw->oithw", shares, blur / blur.sum())


class StackFlow(nn.Module):
    """All flow fields of each chunk as the channels of one time step."""

    def __init__(self, chunk: int):
        super().__init__()
        self.chunk = chunk

    def forward(self, flow: FlowBatch) -> Maps:
        return stack_flow(flow, self.chunk)


def stack_flow(flow: FlowBatch, chunk: int) -> Maps:
    """Stack each chunk's flow fields: channels u1, v1, u2, v2, ... and one time step a chunk.

    Source: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in
    Videos", NIPS 2014, equation 1.

    Args:
        flow: any number of whole chunks.
        chunk: how many flow fields a stack holds [frames].

    Raises:
        ClipError: the clip does not divide into chunks.
    """
    frames = flow.shape[2]
    if frames % chunk:
        raise ClipError(
            "the clip does not divide into the chunks whose flow is stacked",
            got=f"{frames} frames",
            expected=f"a multiple of {chunk} frames",
        )
    return rearrange(
        flow,
        "clip channel (time stack) height width -> clip (stack channel) time height width",
        stack=chunk,
    )


def average_predictions(branches: Sequence[Scores]) -> Scores:
    """Scores whose softmax is the mean of the branches' probabilities.

    One branch alone keeps its raw scores.
    """
    if len(branches) == 1:
        return branches[0]
    logs = torch.stack([branch.log_softmax(dim=1) for branch in branches])
    return logs.logsumexp(dim=0) - torch.log(torch.tensor(float(len(branches))))
