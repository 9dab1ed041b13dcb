"""I3D: Inception-v1, which knows pictures, with filters that see time.

Every filter and pool of Inception-v1 is given an extent in time, so that the network can start from
what was learned of pictures (`inflate`). The first two pools leave time alone. The last mean sees
two frames, and the scores are averaged over the clip. One network sees frames, another flow: the
same but for the channels it takes; motion of more than twenty pixels is shown as twenty. Layers
carry the authors' names.

Source: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics
Dataset", CVPR 2017, figure 3; padding is TensorFlow's ("SAME": so that a step of two answers half
as much, rounded up) as in the authors' code. Batch norm scales as well as shifts here.

    layers                        channels   output (time x height x width)
    frames or flow                3 or 2     64 x 224 x 224
    Conv3d_1a_7x7                 64         32 x 112 x 112
    MaxPool3d_2a_3x3                         32 x  56 x  56
    Conv3d_2b_1x1                 64         32 x  56 x  56
    Conv3d_2c_3x3                 192        32 x  56 x  56
    MaxPool3d_3a_3x3                         32 x  28 x  28
    Mixed_3b                      256        32 x  28 x  28
    Mixed_3c                      480        32 x  28 x  28
    MaxPool3d_4a_3x3                         16 x  14 x  14
    Mixed_4b Mixed_4c Mixed_4d    512        16 x  14 x  14
    Mixed_4e                      528        16 x  14 x  14
    Mixed_4f                      832        16 x  14 x  14
    MaxPool3d_5a_2x2                          8 x   7 x   7
    Mixed_5b                      832         8 x   7 x   7
    Mixed_5c                      1024        8 x   7 x   7
    average                                   7 x   1 x   1
    logits                        one score per label
"""

from collections import OrderedDict
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.blocks import Consensus, Label, check_least, start_for_relu
from kinetoscope.tensors import Maps, Scores, Size, Volume

SHRINKING = 32
"""How much smaller the last maps are than the clip; in time it is 8."""

Branches = tuple[int, tuple[int, int], tuple[int, int], int]
"""Widths of the four branches of a mixed layer; two branches look from one pixel to three."""

LAYERS = (
    *("Conv3d_1a_7x7", "MaxPool3d_2a_3x3", "Conv3d_2b_1x1", "Conv3d_2c_3x3", "MaxPool3d_3a_3x3"),
    *("Mixed_3b", "Mixed_3c", "MaxPool3d_4a_3x3"),
    *("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f", "MaxPool3d_5a_2x2"),
    *("Mixed_5b", "Mixed_5c", "average", "logits"),
)


@dataclass(frozen=True, kw_only=True)
class InceptionConfig:
    """What may differ between two I3Ds.

    Args:
        labels: how many scores.
        stream: what it is shown.
        narrower: by what all widths are divided.
        dropout: share of the last mean left out in training.
        frames: length of its clips.
        size: height and width of its clips [pixels], a multiple of 32.
    """

    labels: int = 400  # Kinetics-400
    stream: Stream = "frames"
    narrower: int = 1
    dropout: float = 0.5
    frames: int = 64
    size: int = 224


FRAMES = InceptionConfig()
FLOW = InceptionConfig(stream="flow")


def _toy(config: InceptionConfig) -> InceptionConfig:
    return replace(config, labels=3, narrower=16, frames=16, size=64)


VARIANTS = {
    "i3d_inception": FRAMES,
    "i3d_inception_flow": FLOW,
    "i3d_inception_toy": _toy(FRAMES),
    "i3d_inception_flow_toy": _toy(FLOW),
}


class Inception3D(nn.Module):
    """Three convolutions, nine mixed layers, scores averaged over time."""

    def __init__(self, config: InceptionConfig):
        super().__init__()
        side, thin = config.size // SHRINKING, config.narrower
        self.least: Size = (9, SHRINKING * (side - 1) + 1, SHRINKING * (side - 1) + 1)
        flow = config.stream == "flow"
        self.truncate = nn.Hardtanh(-1, 1) if flow else nn.Identity()
        self.Conv3d_1a_7x7 = SameConv(2 if flow else 3, 64 // thin, 7, step=2)
        self.MaxPool3d_2a_3x3 = SamePool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = SameConv(64 // thin, 64 // thin, 1)
        self.Conv3d_2c_3x3 = SameConv(64 // thin, 192 // thin, 3)
        self.MaxPool3d_3a_3x3 = SamePool((1, 3, 3), (1, 2, 2))
        self.Mixed_3b = Mixed(192, (64, (96, 128), (16, 32), 32), thin)
        self.Mixed_3c = Mixed(256, (128, (128, 192), (32, 96), 64), thin)
        self.MaxPool3d_4a_3x3 = SamePool((3, 3, 3), (2, 2, 2))
        self.Mixed_4b = Mixed(480, (192, (96, 208), (16, 48), 64), thin)
        self.Mixed_4c = Mixed(512, (160, (112, 224), (24, 64), 64), thin)
        self.Mixed_4d = Mixed(512, (128, (128, 256), (24, 64), 64), thin)
        self.Mixed_4e = Mixed(512, (112, (144, 288), (32, 64), 64), thin)
        self.Mixed_4f = Mixed(528, (256, (160, 320), (32, 128), 128), thin)
        self.MaxPool3d_5a_2x2 = SamePool((2, 2, 2), (2, 2, 2))
        self.Mixed_5b = Mixed(832, (256, (160, 320), (32, 128), 128), thin)
        self.Mixed_5c = Mixed(832, (384, (192, 384), (48, 128), 128), thin)
        self.average = nn.AvgPool3d((2, side, side), stride=1)
        self.dropout = nn.Dropout(config.dropout)
        self.logits = Label(1024 // thin, config.labels)
        self.consensus = Consensus()

    def forward(self, stream: Volume) -> Scores:
        check_least(stream, self.least)
        x = self.MaxPool3d_2a_3x3(self.Conv3d_1a_7x7(self.truncate(stream)))
        x = self.MaxPool3d_3a_3x3(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)))
        x = self.MaxPool3d_4a_3x3(self.Mixed_3c(self.Mixed_3b(x)))
        x = self.Mixed_4f(self.Mixed_4e(self.Mixed_4d(self.Mixed_4c(self.Mixed_4b(x)))))
        x = self.Mixed_5c(self.Mixed_5b(self.MaxPool3d_5a_2x2(x)))
        return self.consensus(self.logits(self.dropout(self.average(x))))


class Mixed(nn.Module):
    """Four looks at the same places: one pixel, three, three, and the largest of three."""

    def __init__(self, before: int, branches: Branches, narrower: int):
        super().__init__()
        one, (to_three, three), (to_few, few), pooled = branches
        thin = narrower
        self.Branch_0 = SameConv(before // thin, one // thin, 1)
        self.Branch_1 = nn.Sequential(
            OrderedDict(
                Conv3d_0a_1x1=SameConv(before // thin, to_three // thin, 1),
                Conv3d_0b_3x3=SameConv(to_three // thin, three // thin, 3),
            )
        )
        self.Branch_2 = nn.Sequential(
            OrderedDict(
                Conv3d_0a_1x1=SameConv(before // thin, to_few // thin, 1),
                Conv3d_0b_3x3=SameConv(to_few // thin, few // thin, 3),
            )
        )
        self.Branch_3 = nn.Sequential(
            OrderedDict(
                MaxPool3d_0a_3x3=nn.MaxPool3d(3, stride=1, padding=1),
                Conv3d_0b_1x1=SameConv(before // thin, pooled // thin, 1),
            )
        )

    def forward(self, x: Volume) -> Maps:
        looks = [self.Branch_0(x), self.Branch_1(x), self.Branch_2(x), self.Branch_3(x)]
        return torch.cat(looks, dim=1)


class SameConv(nn.Module):
    """A convolution with TensorFlow's padding, a batch norm, and a ReLU.

    Args:
        before: channels it takes.
        after: channels it answers.
        kernel: extent in time, height and width [frames, pixels, pixels], an odd number.
        step: from one answer to the next [frames, pixels, pixels].
    """

    def __init__(self, before: int, after: int, kernel: int, *, step: int = 1):
        super().__init__()
        # without steps it is the same on both sides, whatever the size
        beside = kernel // 2 if step == 1 else 0
        same = SamePadding((kernel, kernel, kernel), (step, step, step))
        self.padding = nn.Identity() if step == 1 else same
        self.conv = nn.Conv3d(before, after, kernel, step, beside, bias=False)
        self.norm = nn.BatchNorm3d(after, eps=1e-3, momentum=0.01)
        self.relu = nn.ReLU()
        start_for_relu(self.conv)

    def forward(self, x: Volume) -> Maps:
        return self.relu(self.norm(self.conv(self.padding(x))))


class SamePool(nn.Module):
    """The largest answer within reach, with TensorFlow's padding.

    Args:
        kernel: extent [frames, pixels, pixels].
        step: from one answer to the next [frames, pixels, pixels].
    """

    def __init__(self, kernel: Size, step: Size):
        super().__init__()
        self.padding = SamePadding(kernel, step, value=-torch.inf)
        self.pool = nn.MaxPool3d(kernel, step)

    def forward(self, x: Volume) -> Maps:
        return self.pool(self.padding(x))


class SamePadding(nn.Module):
    """As much on both sides that a step of two answers half as much, rounded up; more at the end.

    Args:
        kernel: extent of the layer after it [frames, pixels, pixels].
        step: of the layer after it [frames, pixels, pixels].
        value: what lies outside.
    """

    def __init__(self, kernel: Size, step: Size, *, value: float = 0.0):
        super().__init__()
        self.kernel, self.step, self.value = kernel, step, value

    def forward(self, x: Volume) -> Maps:
        axes = zip(x.shape[2:], self.kernel, self.step, strict=True)
        last_first = [side for axis in reversed(list(axes)) for side in _sides(*axis)]
        return F.pad(x, last_first, value=self.value)


def build(config: InceptionConfig) -> Inception3D:
    """The model of a configuration, untrained."""
    return Inception3D(config)


def expects(config: InceptionConfig) -> ClipSpec:
    """The clips it is made for: 64 frames at 25 a second, colours from -1 to 1, flow of TV-L1."""
    return ClipSpec(
        streams=(config.stream,),
        frames=config.frames,
        frames_per_second=25.0,
        short_side=config.size * 256 // 224,
        size=(config.size, config.size),
        flow_method="tvl1",
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        flow_scale=20.0,
    )


def published_layers(config: InceptionConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return LAYERS


def _sides(extent: int, kernel: int, step: int) -> tuple[int, int]:
    """What lies before and after.

    >>> _sides(64, 7, 2), _sides(7, 3, 2), _sides(8, 2, 2)
    ((2, 3), (1, 1), (0, 0))
    """
    answers = -(-extent // step)
    outside = max((answers - 1) * step + kernel - extent, 0)
    return outside // 2, outside - outside // 2
