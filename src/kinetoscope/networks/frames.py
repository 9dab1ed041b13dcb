"""When should a network see time: at once, late, slowly, or never?

Four ways to spread one picture network over the frames of a clip. A single-frame network sees one
frame at a time and averages its scores; early fusion sees all frames in its first convolution;
late fusion looks at two distant frames and compares them in its first hidden layer; slow fusion
widens what it sees layer by layer. Each is the same stack of convolutions with other extents in
time. The `_cs231n` networks are the comparison of a lecture: two convolutions and one mean, small
enough to count by hand.

Source: Karpathy et al., "Large-scale Video Classification with Convolutional Neural Networks",
CVPR 2014, section 3.1; Stanford CS231n, lecture "Video understanding" (the table of late fusion,
early fusion and 3-D CNN). Padding is not stated in the paper: convolutions after the first keep
their size here.

    layers         channels   single, output    early       late        slow fusion
    clip           3           1 x 170 x 170    10 x 170²   16 x 170²   10 x 170²
    sample         3           1 x 170 x 170    10 x 170²    2 x 170²   10 x 170²
    conv1 norm1    96          1 x  54 x  54     1 x  54²    2 x  54²    4 x  54²
    pool1                      1 x  27 x  27     1 x  27²    2 x  27²    4 x  27²
    conv2 norm2    256         1 x  27 x  27     1 x  27²    2 x  27²    2 x  27²
    pool2                      1 x  13 x  13     1 x  13²    2 x  13²    2 x  13²
    conv3 conv4    384         1 x  13 x  13     1 x  13²    2 x  13²    1 x  13²
    conv5          256         1 x  13 x  13     1 x  13²    2 x  13²    1 x  13²
    pool5                      1 x   6 x   6     1 x   6²    2 x   6²    1 x   6²
    fc6 fc7        4096        1 x   1 x   1     1 x   1²    1 x   1²    1 x   1²
    label          one score per label

    lecture        channels   late             early        slow fusion (3-D)
    clip           3          20 x 64 x 64     20 x 64²     20 x 64²
    conv1          12         20 x 64 x 64      1 x 64²     20 x 64²
    pool1                     20 x 16 x 16      1 x 16²      5 x 16²
    conv2          24         20 x 16 x 16      1 x 16²      5 x 16²
    average                    1 x  1 x  1      1 x  1²      1 x  1²
    label          one score per label
"""

from dataclasses import dataclass, replace

from einops import rearrange
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.blocks import Consensus, Conv, Hidden, Label, Sample, check_least
from kinetoscope.tensors import FrameBatch, Scores, Size

LAYERS = (
    *("conv1", "norm1", "pool1"),
    *("conv2", "norm2", "pool2"),
    *("conv3", "conv4", "conv5", "pool5"),
    *("fc6", "fc7", "label"),
)
LECTURE_LAYERS = ("conv1", "pool1", "conv2", "average", "label")


@dataclass(frozen=True, kw_only=True)
class FrameFusionConfig:
    """What may differ between two ways to fuse frames.

    Args:
        labels: how many scores.
        frames: length of its clips.
        sample_step: from one frame it looks at to the next [frames].
        extents: how much time conv1, conv2, conv3 and fc6 see [frames].
        steps: from one answer in time of conv1, conv2 and conv3 to the next.
        channels: of the five convolutions.
        hidden: units of fc6 and of fc7.
        dropout: share of the hidden units left out in training.
        size: height and width of its clips [pixels].
    """

    labels: int = 487  # Sports-1M
    frames: int = 1
    sample_step: int = 1
    extents: tuple[int, int, int, int] = (1, 1, 1, 1)
    steps: tuple[int, int, int] = (1, 1, 1)
    channels: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    hidden: int = 4096
    dropout: float = 0.5
    size: int = 170


@dataclass(frozen=True, kw_only=True)
class LectureConfig:
    """What differs between the lecture's three networks.

    Args:
        labels: how many scores.
        conv1, pool1, conv2: what each sees of its input [frames, pixels, pixels]; a conv1 that sees
            the whole clip answers once.
        channels: of both convolutions.
        frames: length of its clips.
        size: height and width of its clips [pixels].
    """

    labels: int = 10
    conv1: Size
    pool1: Size
    conv2: Size
    channels: tuple[int, int] = (12, 24)
    frames: int = 20
    size: int = 64


SINGLE = FrameFusionConfig()
EARLY = FrameFusionConfig(frames=10, extents=(10, 1, 1, 1))
LATE = FrameFusionConfig(frames=16, sample_step=15, extents=(1, 1, 1, 2))
SLOW = FrameFusionConfig(frames=10, extents=(4, 2, 2, 1), steps=(2, 2, 2))


def _toy(config: FrameFusionConfig) -> FrameFusionConfig:
    return replace(config, labels=3, channels=(2, 3, 4, 4, 3), hidden=8, size=62)


VARIANTS: dict[str, FrameFusionConfig | LectureConfig] = {
    "single_frame": SINGLE,
    "early_fusion": EARLY,
    "late_fusion": LATE,
    "slow_fusion": SLOW,
    "single_frame_toy": _toy(SINGLE),
    "early_fusion_toy": _toy(EARLY),
    "late_fusion_toy": _toy(LATE),
    "slow_fusion_toy": _toy(SLOW),
    "early_fusion_cs231n": LectureConfig(conv1=(20, 3, 3), pool1=(1, 4, 4), conv2=(1, 3, 3)),
    "late_fusion_cs231n": LectureConfig(conv1=(1, 3, 3), pool1=(1, 4, 4), conv2=(1, 3, 3)),
    "slow_fusion_cs231n": LectureConfig(conv1=(3, 3, 3), pool1=(4, 4, 4), conv2=(3, 3, 3)),
}


class FrameFusion(nn.Module):
    """Five convolutions, two hidden layers, one score per label; time enters where it is told."""

    def __init__(self, config: FrameFusionConfig):
        super().__init__()
        a, b, c, d, e = config.channels
        at1, at2, at3, at6 = config.extents
        step1, step2, step3 = config.steps
        self.least: Size = (config.frames, config.size, config.size)
        self.sample = Sample(config.sample_step)
        self.conv1 = Conv(3, a, kernel=(at1, 11, 11), stride=(step1, 3, 3), padding=(0, 0, 0))
        self.norm1, self.pool1 = _brightness_norm(), nn.MaxPool3d((1, 2, 2))
        self.conv2 = Conv(a, b, kernel=(at2, 5, 5), stride=(step2, 1, 1), padding=(0, 2, 2))
        self.norm2, self.pool2 = _brightness_norm(), nn.MaxPool3d((1, 2, 2))
        self.conv3 = Conv(b, c, kernel=(at3, 3, 3), stride=(step3, 1, 1), padding=(0, 1, 1))
        self.conv4 = Conv(c, d, kernel=(1, 3, 3))
        self.conv5, self.pool5 = Conv(d, e, kernel=(1, 3, 3)), nn.MaxPool3d((1, 2, 2))
        side = ((config.size - 11) // 3 + 1) // 8
        self.fc6 = Hidden(e, config.hidden, kernel=(at6, side, side), dropout=config.dropout)
        self.fc7 = Hidden(config.hidden, config.hidden, dropout=config.dropout)
        self.label = Label(config.hidden, config.labels)
        self.consensus = Consensus()

    def forward(self, frames: FrameBatch) -> Scores:
        check_least(frames, self.least)
        x = self.pool1(self.norm1(self.conv1(self.sample(frames))))
        x = self.pool2(self.norm2(self.conv2(x)))
        x = self.pool5(self.conv5(self.conv4(self.conv3(x))))
        return self.consensus(self.label(self.fc7(self.fc6(x))))


class LectureFusion(nn.Module):
    """Two convolutions, a pool between them, the mean over all places, one score per label."""

    def __init__(self, config: LectureConfig):
        super().__init__()
        a, b = config.channels
        self.least: Size = (config.conv1[0], config.pool1[1], config.pool1[2])
        time = 0 if config.conv1[0] == config.frames else config.conv1[0] // 2
        self.conv1 = Conv(3, a, kernel=config.conv1, padding=(time, 1, 1))
        self.pool1 = nn.MaxPool3d(config.pool1)
        self.conv2 = Conv(a, b, kernel=config.conv2)
        self.average = nn.AdaptiveAvgPool3d(1)
        self.label = Label(b, config.labels)

    def forward(self, frames: FrameBatch) -> Scores:
        check_least(frames, self.least)
        x = self.average(self.conv2(self.pool1(self.conv1(frames))))
        return rearrange(self.label(x), "clip label 1 1 1 -> clip label")


def build(config: FrameFusionConfig | LectureConfig) -> nn.Module:
    """The model of a configuration, untrained."""
    return LectureFusion(config) if isinstance(config, LectureConfig) else FrameFusion(config)


def expects(config: FrameFusionConfig | LectureConfig) -> ClipSpec:
    """The clips it is made for; the paper's crops are 170 of 200 pixels."""
    lecture = isinstance(config, LectureConfig)
    return ClipSpec(
        frames=config.frames,
        short_side=config.size if lecture else config.size * 200 // 170,
        size=(config.size, config.size),
    )


def published_layers(config: FrameFusionConfig | LectureConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return LECTURE_LAYERS if isinstance(config, LectureConfig) else LAYERS


def _brightness_norm() -> nn.LocalResponseNorm:
    """Krizhevsky's norm with the paper's k = 2, n = 5, alpha = 1e-4, beta = 0.5.

    PyTorch multiplies alpha with the mean over n channels instead of their sum.
    """
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.5, k=2.0)
