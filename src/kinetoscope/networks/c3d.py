"""C3D: plain 3-D convolutions over sixteen frames.

Five stages of 3x3x3 convolutions, each followed by a pool; the first pool spares time, so that
motion is not averaged away at once. Pool5 is padded, as in the authors' code, so that its 7 x 7
maps become 4 x 4. Layers carry the paper's names.

Source: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015,
section 3. The clip is normalized by one mean and one standard deviation a colour instead of the
mean clip of Sports-1M.

    layers           channels   output (time x height x width)
    clip             3          16 x 112 x 112
    conv1a           64         16 x 112 x 112
    pool1                       16 x  56 x  56
    conv2a           128        16 x  56 x  56
    pool2                        8 x  28 x  28
    conv3a conv3b    256         8 x  28 x  28
    pool3                        4 x  14 x  14
    conv4a conv4b    512         4 x  14 x  14
    pool4                        2 x   7 x   7
    conv5a conv5b    512         2 x   7 x   7
    pool5                        1 x   4 x   4
    fc6 fc7          4096        1 x   1 x   1
    label            one score per label
"""

from dataclasses import dataclass

from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.blocks import Consensus, Conv, Hidden, Label, check_least
from kinetoscope.tensors import FrameBatch, Scores, Size

LEAST: Size = (16, 96, 96)
"""The smallest clip of which fc6 sees 4 x 4 places."""

LAYERS = (
    *("conv1a", "pool1"),
    *("conv2a", "pool2"),
    *("conv3a", "conv3b", "pool3"),
    *("conv4a", "conv4b", "pool4"),
    *("conv5a", "conv5b", "pool5"),
    *("fc6", "fc7", "label"),
)


@dataclass(frozen=True, kw_only=True)
class C3DConfig:
    """What may differ between two C3Ds.

    Args:
        labels: how many scores.
        channels: of the five stages.
        hidden: units of fc6 and of fc7.
        dropout: share of the hidden units left out in training.
    """

    labels: int = 487  # Sports-1M
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    dropout: float = 0.5


VARIANTS = {
    "c3d": C3DConfig(),
    "c3d_toy": C3DConfig(labels=3, channels=(2, 3, 4, 5, 6), hidden=8),
}


class C3D(nn.Module):
    """Five stages of 3x3x3 convolutions, two hidden layers, one score per label."""

    def __init__(self, config: C3DConfig):
        super().__init__()
        a, b, c, d, e = config.channels
        self.conv1a, self.pool1 = Conv(3, a), nn.MaxPool3d((1, 2, 2))
        self.conv2a, self.pool2 = Conv(a, b), nn.MaxPool3d(2)
        self.conv3a, self.conv3b, self.pool3 = Conv(b, c), Conv(c, c), nn.MaxPool3d(2)
        self.conv4a, self.conv4b, self.pool4 = Conv(c, d), Conv(d, d), nn.MaxPool3d(2)
        self.conv5a, self.conv5b = Conv(d, e), Conv(e, e)
        self.pool5 = nn.MaxPool3d(2, padding=(0, 1, 1))  # 7 x 7 -> 4 x 4
        self.fc6 = Hidden(e, config.hidden, kernel=(1, 4, 4), dropout=config.dropout)
        self.fc7 = Hidden(config.hidden, config.hidden, dropout=config.dropout)
        self.label = Label(config.hidden, config.labels)
        self.consensus = Consensus()

    def forward(self, frames: FrameBatch) -> Scores:
        check_least(frames, LEAST)
        x = self.pool1(self.conv1a(frames))
        x = self.pool2(self.conv2a(x))
        x = self.pool3(self.conv3b(self.conv3a(x)))
        x = self.pool4(self.conv4b(self.conv4a(x)))
        x = self.pool5(self.conv5b(self.conv5a(x)))
        return self.consensus(self.label(self.fc7(self.fc6(x))))


def build(config: C3DConfig) -> C3D:
    """The model of a configuration, untrained."""
    return C3D(config)


def expects(config: C3DConfig) -> ClipSpec:
    """The clips it is made for: 112 x 112 pixels of 128 x 171."""
    return ClipSpec(frames=16, short_side=128, size=(112, 112))


def published_layers(config: C3DConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return LAYERS
