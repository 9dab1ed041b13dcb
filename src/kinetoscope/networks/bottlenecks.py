"""Of what are residual networks over time made?

A bottleneck squeezes its channels, looks around, and spreads them again, beside a shortcut. A
stage is several of them, of which the first halves the picture. A pathway is a convolution, a pool
and four stages. Pathways differ in how far their kernels reach in time and where they halve it,
which is all that `Time` says, and in their width.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.1 and
table 1; the stride lies in the 3x3 convolution, as in every published network over time.
"""

from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from kinetoscope.networks.blocks import Conv
from kinetoscope.tensors import FrameBatch, Maps, Size, Volume

Blocks = tuple[int, int, int, int]
"""How many bottlenecks res2, res3, res4 and res5 have."""

Pools = Literal["pyslowfast", "mmaction2", "caffe2", "paper"]
"""Whose pool1 and pool2; see `pools_of`."""


@dataclass(frozen=True)
class Time:
    """What a pathway does in time; in space all of them do the same.

    Args:
        conv1: extent of its kernel [frames].
        res2, res3, res4, res5: extents of their bottlenecks' kernels, one after the other, and from
            the first again [frames].
        halved: steps of conv1, pool1 and pool2 [frames]; where pool2 would not shorten, there is
            none.
        inflated: which convolution of a bottleneck reaches in time: the first, 1x1 in space, or the
            second, 3x3.
    """

    conv1: int
    res2: tuple[int, ...]
    res3: tuple[int, ...]
    res4: tuple[int, ...]
    res5: tuple[int, ...]
    halved: tuple[int, int, int]
    inflated: Literal["a", "b"] = "a"


def pathway(
    time: Time, *, width: int, blocks: Blocks, beside: int = 0, pools: Pools = "pyslowfast"
) -> dict[str, nn.Module]:
    """The layers from conv1 to res5, in the order of computation.

    Args:
        time: what it does in time.
        width: channels of conv1; those of every other layer are a multiple of it.
        blocks: how many bottlenecks each stage has.
        beside: channels that a lateral connection lays beside those of pool1; beside the stages it
            lays as many more as these are wider.
        pools: whose.
    """
    step, taken = time.halved[0], width + beside
    pool1, pool2 = pools_of(pools, *time.halved[1:])
    layers = {
        "conv1": Conv(3, width, kernel=(time.conv1, 7, 7), stride=(step, 2, 2), norm=True),
        "pool1": pool1,
        "res2": stage(taken, width, time.res2, blocks[0], inflated=time.inflated, stride=1),
        "pool2": pool2,
        "res3": stage(4 * taken, 2 * width, time.res3, blocks[1], inflated=time.inflated),
        "res4": stage(8 * taken, 4 * width, time.res4, blocks[2], inflated=time.inflated),
        "res5": stage(16 * taken, 8 * width, time.res5, blocks[3], inflated=time.inflated),
    }
    if time.halved[2] == 1:
        del layers["pool2"]
    return layers


def pools_of(pools: Pools, first: int, second: int) -> tuple[nn.MaxPool3d, nn.MaxPool3d]:
    """pool1 and pool2, in which those who published weights differ while all else is the same.

    PySlowFast's are as long as their step, and so are those of the non-local paper's caffe2 code,
    whose pool1 has no padding: it answers 55 x 55 to 112 x 112. mmaction2's pool1 takes one frame
    in `first`. The table of that paper says 3 x 3 x 3 and 3 x 1 x 1.

    Args:
        pools: whose.
        first: step of pool1 [frames].
        second: step of pool2 [frames].
    """
    if pools == "paper":
        return (
            nn.MaxPool3d((2 * first - 1, 3, 3), (first, 2, 2), (first - 1, 1, 1)),
            nn.MaxPool3d((2 * second - 1, 1, 1), (second, 1, 1), (second - 1, 0, 0)),
        )
    length = 1 if pools == "mmaction2" else first
    edge = 0 if pools == "caffe2" else 1
    return (
        nn.MaxPool3d((length, 3, 3), (first, 2, 2), (0, edge, edge)),
        nn.MaxPool3d((second, 1, 1)),
    )


def stage(
    before: int,
    inside: int,
    kernels: tuple[int, ...],
    blocks: int,
    *,
    inflated: Literal["a", "b"] = "a",
    stride: int = 2,
) -> nn.Sequential:
    """Bottlenecks one after the other, the first of which takes other channels and may stride."""
    first, *others = islice(cycle(kernels), blocks)
    return nn.Sequential(
        Bottleneck(before, inside, first, inflated=inflated, stride=stride),
        *(Bottleneck(4 * inside, inside, kernel, inflated=inflated) for kernel in others),
    )


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut: fewer channels, a look around, four times as many.

    Args:
        before: channels it takes.
        inside: channels between its convolutions; it answers four times as many.
        kernel: how far it looks in time [frames].
        inflated: which convolution looks in time.
        stride: step of the look around [pixels].
    """

    def __init__(
        self,
        before: int,
        inside: int,
        kernel: int,
        *,
        inflated: Literal["a", "b"] = "a",
        stride: int = 1,
    ):
        super().__init__()
        after, step = 4 * inside, (1, stride, stride)
        of_a, of_b = (kernel, 1) if inflated == "a" else (1, kernel)
        self.a = Conv(before, inside, kernel=(of_a, 1, 1), norm=True)
        self.b = Conv(inside, inside, kernel=(of_b, 3, 3), stride=step, norm=True)
        self.c = Conv(inside, after, kernel=(1, 1, 1), norm=True, relu=False)
        self.shortcut = nn.Identity()
        if before != after or stride != 1:
            self.shortcut = Conv(
                before, after, kernel=(1, 1, 1), stride=step, norm=True, relu=False
            )
        self.sum = Sum()
        self.relu = nn.ReLU()

    def forward(self, x: Volume) -> Maps:
        return self.relu(self.sum(self.shortcut(x), self.c(self.b(self.a(x)))))


class Sum(nn.Module):
    """What comes over the shortcut, and what is added to it."""

    def forward(self, shortcut: Volume, residue: Volume) -> Maps:
        return shortcut + residue


class Concatenate(nn.Module):
    """All channels of the one, then all of the other; both have the same places."""

    def forward(self, one: Volume, other: Maps) -> Maps:
        return torch.cat([one, other], dim=1)


class Spread(nn.Module):
    """One frame in `step` as PySlowFast takes them: even from the first frame to the last.

    So the last frame is always among them, and the steps are a little longer than `step`.
    """

    def __init__(self, step: int):
        super().__init__()
        self.step = step

    def forward(self, frames: FrameBatch) -> Maps:
        last, count = frames.shape[2] - 1, frames.shape[2] // self.step
        return frames[:, :, [place * last // max(count - 1, 1) for place in range(count)]]


class AverageWindows(nn.Module):
    """The mean of every window as large as training saw, or of all there is where that is smaller.

    On larger clips a network then answers once a window: the fully convolutional test of the
    papers, which weighs the middle more than one mean over all places would.

    Args:
        window: extent [frames, pixels, pixels] in places of the layer before.
        step: from one window to the next [frames].
    """

    def __init__(self, window: Size, *, step: int = 1):
        super().__init__()
        self.window, self.step = window, step

    def forward(self, x: Volume) -> Maps:
        time, height, width = (
            min(extent, there) for extent, there in zip(self.window, x.shape[2:], strict=True)
        )
        return functional.avg_pool3d(x, (time, height, width), (self.step, 1, 1))


def start_as_published(model: nn.Module, *, zero_gamma: bool) -> None:
    """Start weights as published: the variance of gradients is kept, and blocks may be shortcuts.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, section 2.2; Goyal et al.,
    "Accurate, Large Minibatch SGD", 2017, section 5.1 (the last norm of every block starts at 0).
    """
    for module in model.modules():
        if isinstance(module, Conv):
            nn.init.kaiming_normal_(module.conv.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(module, Bottleneck) and isinstance(last := module.c.norm, nn.BatchNorm3d):
            nn.init.constant_(last.weight, 0.0 if zero_gamma else 1.0)
