"""How do two streams become one?

Both towers see the same clip, one its frames and one its motion. Where they meet, every place of
one tower's maps lies beside the same place of the other's, and the two are brought together by
their sum, their maximum, their concatenation, a convolution in space or also in time that is
learned, or the products of all channels of one with all of the other. Or they never meet, and only
their predictions do: by their mean, or by a support vector machine that is fitted to them.

Source: Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video Action
Recognition", CVPR 2016, section 3; the start of the convolution is the authors' code's
(`initMethod '2sumAB'`). The machine: Simonyan and Zisserman, "Two-Stream Convolutional Networks
for Action Recognition in Videos", NIPS 2014, section 5.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from einops import rearrange, reduce
from torch import Tensor, nn
from torch.nn import functional

from kinetoscope.errors import ClipError
from kinetoscope.networks.blocks import start_for_relu
from kinetoscope.networks.tasks import Tasks, log_probabilities
from kinetoscope.tensors import Activation, Features, FlowBatch, Maps, Scores, Size, Volume

FusionKind = Literal["conv", "sum", "max", "concatenation", "bilinear", "late", "svm"]

AT_THE_END: tuple[FusionKind, ...] = ("late", "svm")
"""Fusions of predictions alone, of towers that never meet."""

APPEARANCE_SHARE, MOTION_SHARE = 0.25, 0.75


class ConvFusion(nn.Module):
    """A convolution over both streams, and a ReLU: from the channels of both to appearance's.

    Args:
        channels: of appearance, and as many of motion.
        kernel: extent; of one frame it is the paper's 2-D convolution [frames, pixels, pixels].
        norm: batch norm instead of a bias.
        relu: whether a ReLU follows; not where scores are fused.
    """

    def __init__(
        self, channels: int, *, kernel: Size = (3, 3, 3), norm: bool = False, relu: bool = True
    ):
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        self.conv = nn.Conv3d(2 * channels, channels, kernel, padding=padding, bias=not norm)
        self.norm = nn.BatchNorm3d(channels) if norm else nn.Identity()
        self.relu = nn.ReLU() if relu else nn.Identity()
        start_for_relu(self.conv)
        with torch.no_grad():
            self.conv.weight.copy_(published_start(channels, kernel))

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


class BilinearFusion(nn.Module):
    """Each channel of appearance times each of motion, summed over all places: `C * C` channels.

    The sums are told by their square roots, with their signs, and scaled to length 1.

    Args:
        over_time: whether they are sums over time as well.
    """

    def __init__(self, *, over_time: bool):
        super().__init__()
        self.products = Products(over_time=over_time)
        self.root = SignedRoot()
        self.unit_length = UnitLength()

    def forward(self, appearance: Volume, motion: Maps) -> Maps:
        return self.unit_length(self.root(self.products(appearance, motion)))


class Products(nn.Module):
    """The sum over all places of every product of two channels, one of either stream."""

    def __init__(self, *, over_time: bool):
        super().__init__()
        self.over_time = over_time

    def forward(self, appearance: Volume, motion: Maps) -> Maps:
        if self.over_time:
            appearance, motion = (
                rearrange(
                    maps, "clip channel time height width -> clip channel 1 height (time width)"
                )
                for maps in (appearance, motion)
            )
        sums = torch.einsum("catyx,cmtyx->camt", appearance, motion)
        return rearrange(sums, "clip appearance motion time -> clip (appearance motion) time 1 1")


class SignedRoot(nn.Module):
    """The square root of what is there, with its sign; its slope is 0 where nothing is."""

    def forward(self, maps: Volume) -> Volume:
        return maps.sign() * maps.abs().clamp(min=1e-12).sqrt()


class UnitLength(nn.Module):
    """The channels of every place as a vector of length 1."""

    def forward(self, maps: Activation) -> Activation:
        return functional.normalize(maps, dim=1)


class SVMFusion(nn.Module):
    """A linear machine over the probabilities of both streams; its answers are its margins.

    Until it is fitted (`training/svm.py`) it answers the sum of both. Fitted, it is a linear layer
    like any other, so that it is saved and run without what it was fitted by; no gradient moves it.
    """

    def __init__(self, labels: int):
        super().__init__()
        self.features = StackedProbabilities()
        self.label = nn.Linear(2 * labels, labels).requires_grad_(False)
        with torch.no_grad():
            same = torch.eye(labels, device=torch.get_default_device())
            self.label.weight.copy_(torch.cat([same, same], dim=1))
            self.label.bias.zero_()

    def forward(self, branches: Sequence[Scores]) -> Scores:
        return self.label(self.features(branches))


class StackedProbabilities(nn.Module):
    """The probabilities of each stream as a vector of length 1, and all of them as one.

    Attributes:
        tasks: as of `MeanPrediction`.
    """

    def __init__(self):
        super().__init__()
        self.tasks: Tasks = ()

    def forward(self, branches: Sequence[Scores]) -> Features:
        probabilities = [log_probabilities(branch, self.tasks).exp() for branch in branches]
        stacked = [functional.normalize(each, dim=1) for each in probabilities]
        return functional.normalize(torch.cat(stacked, dim=1), dim=1)


class PadSmaller(nn.Module):
    """Both streams' maps at the size of the larger, with zeros below and to the right.

    Source: Feichtenhofer et al. 2016, section 3.2, for maps of similar size.
    """

    def forward(self, appearance: Volume, motion: Maps) -> tuple[Maps, Maps]:
        height, width = (max(appearance.shape[axis], motion.shape[axis]) for axis in (3, 4))
        padded = [
            functional.pad(maps, (0, width - maps.shape[4], 0, height - maps.shape[3]))
            for maps in (appearance, motion)
        ]
        return padded[0], padded[1]


def fusion_module(
    kind: FusionKind,
    channels: int,
    *,
    kernel: Size = (3, 3, 3),
    norm: bool = False,
    relu: bool = True,
    over_time: bool = True,
) -> nn.Module:
    """The module that takes both towers' maps and answers one volume.

    Args:
        kind: any but those of predictions.
        channels: of either tower's maps.
        kernel: as of `ConvFusion`; so are the next two.
        norm: batch norm instead of a bias.
        relu: whether a ReLU follows.
        over_time: as of `BilinearFusion`.
    """
    match kind:
        case "conv":
            return ConvFusion(channels, kernel=kernel, norm=norm, relu=relu)
        case "sum":
            return SumFusion()
        case "max":
            return MaxFusion()
        case "concatenation":
            return ConcatenationFusion()
        case "bilinear":
            return BilinearFusion(over_time=over_time)
        case "late" | "svm":
            raise AssertionError(f"{kind} fusion is of predictions and has no module for maps")


def fused_channels(kind: FusionKind, channels: int) -> int:
    """How many channels a fusion of two streams of `channels` answers.

    >>> [fused_channels(kind, 9) for kind in ("sum", "concatenation", "bilinear")]
    [9, 18, 81]
    """
    if kind == "bilinear":
        return channels**2
    return 2 * channels if kind == "concatenation" else channels


def published_start(channels: int, kernel: Size = (3, 3, 3)) -> Tensor:
    """The weights that a fusion convolution starts from, `C 2C time height width`.

    Each channel starts as 0.25 of its own appearance and 0.75 of its own motion, both blurred
    over the kernel by a Gaussian of standard deviation 1.
    """
    device = torch.get_default_device()
    lines = [
        torch.exp(-(torch.arange(size, device=device) - size // 2).float().square() / 2)
        for size in kernel
    ]
    blur = torch.einsum("t,h,w->thw", *lines)
    same = torch.eye(channels, device=device)
    shares = torch.cat([APPEARANCE_SHARE * same, MOTION_SHARE * same], dim=1)
    return torch.einsum("oi,thw->oithw", shares, blur / blur.sum())


class Steady(nn.Module):
    """Each field of flow without its mean vector, which is mostly the camera's motion.

    Source: Simonyan and Zisserman 2014, section 3.1 (mean flow subtraction).
    """

    def forward(self, flow: FlowBatch) -> FlowBatch:
        return flow - reduce(
            flow, "clip channel time height width -> clip channel time 1 1", "mean"
        )


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


class MeanPrediction(nn.Module):
    """Scores whose softmax is the mean of the branches' probabilities; see `average_predictions`.

    Attributes:
        tasks: of each label, where there are several; told by the Network that has the labels.
    """

    def __init__(self):
        super().__init__()
        self.tasks: Tasks = ()

    def forward(self, branches: Sequence[Scores]) -> Scores:
        return average_predictions(branches, self.tasks)


def average_predictions(branches: Sequence[Scores], tasks: Tasks = ()) -> Scores:
    """Scores whose softmax is the mean of the branches' probabilities.

    One branch alone keeps its raw scores.

    Args:
        branches: raw scores of each.
        tasks: of each label, where there are several and probabilities are shares within each.
    """
    if len(branches) == 1:
        return branches[0]
    logs = torch.stack([log_probabilities(branch, tasks) for branch in branches])
    return logs.logsumexp(dim=0) - math.log(len(branches))
