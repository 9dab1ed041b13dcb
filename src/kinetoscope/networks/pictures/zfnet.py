"""ZFNet: Krizhevsky's network, after looking into it.

Deconvolution showed dead filters in Krizhevsky's first layer, and aliasing in the second: so the
first sees 7x7 pixels instead of 11x11, and both take smaller steps. Layers carry the paper's names.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure
3 and section 4.1. The norm between maps is Krizhevsky's, as the paper's contrast normalization is
not spelled out; pools round up, and conv1 is padded by one, which gives the sizes of figure 3.

    layers          channels   output (time x height x width)
    conv1           96         1 x 110 x 110
    pool1 norm1                1 x  55 x  55
    conv2           256        1 x  26 x  26
    pool2 norm2                1 x  13 x  13
    conv3 conv4     384        1 x  13 x  13
    conv5           256        1 x  13 x  13
    pool5                      1 x   6 x   6
    fc6 fc7         4096       1 x   1 x   1
    label           one score per label
"""

from dataclasses import dataclass, replace

from torch import nn

from kinetoscope.networks.pictures.picture_zoo import Preparation
from kinetoscope.networks.pictures.plane import AtLeast, MeanOfPlaces, PlaneConv
from kinetoscope.tensors import Activation, Scores

LAYERS = (
    *("conv1", "pool1", "norm1", "conv2", "pool2", "norm2"),
    *("conv3", "conv4", "conv5", "pool5", "fc6", "fc7", "label"),
)


@dataclass(frozen=True, kw_only=True)
class ZFNetConfig:
    """What may differ between two ZFNets.

    Args:
        labels: how many scores.
        channels: of the five convolutions; (96, 256, 512, 1024, 512) is the paper's larger one.
        hidden: units of fc6 and of fc7.
        dropout: share of the hidden units left out in training.
    """

    labels: int = 1000
    channels: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    hidden: int = 4096
    dropout: float = 0.5


ZFNET = ZFNetConfig()

VARIANTS = {
    "zfnet": ZFNET,
    "zfnet_toy": replace(ZFNET, labels=3, channels=(2, 3, 4, 4, 3), hidden=8),
}

PREPARATION = {name: Preparation(labels=config.labels) for name, config in VARIANTS.items()}


class ZFNet(nn.Module):
    """Five convolutions, two hidden layers, one score per label."""

    def __init__(self, config: ZFNetConfig):
        super().__init__()
        a, b, c, d, e = config.channels
        self.least = AtLeast(214)  # of which fc6 sees 6 x 6 places
        self.conv1 = PlaneConv(3, a, 7, stride=2, padding=1)
        self.pool1, self.norm1 = _pool(), _norm()
        self.conv2 = PlaneConv(a, b, 5, stride=2, padding=0)
        self.pool2, self.norm2 = _pool(), _norm()
        self.conv3, self.conv4 = PlaneConv(b, c, 3), PlaneConv(c, d, 3)
        self.conv5, self.pool5 = PlaneConv(d, e, 3), nn.MaxPool2d(3, 2)
        self.fc6 = PlaneConv(e, config.hidden, 6, padding=0, dropout=config.dropout)
        self.fc7 = PlaneConv(config.hidden, config.hidden, 1, dropout=config.dropout)
        self.label = nn.Conv2d(config.hidden, config.labels, 1)
        self.mean = MeanOfPlaces()

    def forward(self, pictures: Activation) -> Scores:
        x = self.norm1(self.pool1(self.conv1(self.least(pictures))))
        x = self.norm2(self.pool2(self.conv2(x)))
        x = self.pool5(self.conv5(self.conv4(self.conv3(x))))
        return self.mean(self.label(self.fc7(self.fc6(x))))


def build(config: ZFNetConfig) -> ZFNet:
    """The model of a configuration, untrained."""
    return ZFNet(config)


def published_layers(config: ZFNetConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return LAYERS


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)


def _norm() -> nn.LocalResponseNorm:
    """Krizhevsky's; PyTorch multiplies alpha with the mean over 5 channels instead of their sum."""
    return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)
