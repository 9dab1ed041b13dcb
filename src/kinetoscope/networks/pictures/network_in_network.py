"""Network in network: a small network at every place, and scores that are the means of maps.

After each convolution two more that see one place: together a perceptron that slides over the
picture. There is no full connection: the last layer has one map a label, and a label's score is the
mean of its map, so that a map shows where its label is. Layers carry the names of the authors'
models.

Source: Lin, Chen, Yan, "Network In Network", ICLR 2014, section 3 and figure 2; kernels, widths and
steps are those of the models the authors released for ImageNet and CIFAR-10.

    layers                channels   ImageNet, output (time x height x width)   CIFAR
    conv1 cccp1 cccp2     96         1 x 54 x 54     1 x 32 x 32     192, 160, 96 channels
    pool1                            1 x 27 x 27     1 x 16 x 16
    conv2 cccp3 cccp4     256        1 x 27 x 27     1 x 16 x 16     192 channels
    pool2                            1 x 13 x 13     1 x  8 x  8
    conv3 cccp5 cccp6     384        1 x 13 x 13     1 x  8 x  8     192; cccp6 has one a label
    pool3                            1 x  6 x  6
    conv4 cccp7           1024       1 x  6 x  6
    cccp8                 one map per label
"""

from dataclasses import dataclass, replace

from torch import nn

from kinetoscope.networks.pictures.picture_zoo import Preparation
from kinetoscope.networks.pictures.plane import AtLeast, MeanOfPlaces, PlaneConv
from kinetoscope.tensors import Activation, Scores

Widths = tuple[int, int, int]


FIRST = (
    *("conv1", "cccp1", "cccp2", "pool1", "conv2", "cccp3", "cccp4", "pool2"),
    *("conv3", "cccp5", "cccp6"),
)
LATER = ("pool3", "conv4", "cccp7", "cccp8")


@dataclass(frozen=True, kw_only=True)
class ImageNetConfig:
    """What may differ between two networks for ImageNet.

    Args:
        labels: how many scores.
        channels: of the four perceptrons.
        dropout: share of pool3's answers left out in training.
    """

    labels: int = 1000
    channels: tuple[int, int, int, int] = (96, 256, 384, 1024)
    dropout: float = 0.5


@dataclass(frozen=True, kw_only=True)
class CIFARConfig:
    """What may differ between two networks for CIFAR.

    Args:
        labels: how many scores.
        channels: of the convolution and the two layers after it, in the first perceptron.
        width: of the two other perceptrons.
        dropout: share of what pools answer left out in training.
    """

    labels: int = 10
    channels: Widths = (192, 160, 96)
    width: int = 192
    dropout: float = 0.5


VARIANTS: dict[str, ImageNetConfig | CIFARConfig] = {
    "nin_imagenet": ImageNetConfig(),
    "nin_cifar": CIFARConfig(),
    "nin_toy": replace(CIFARConfig(), labels=3, channels=(4, 3, 2), width=4),
}

_SMALL = {
    "size": 32,
    "short_side": 32,
    "mean": (0.4914, 0.4822, 0.4465),
    "std": (0.2470, 0.2435, 0.2616),
}
PREPARATION = {
    name: Preparation(
        labels=config.labels, **({} if isinstance(config, ImageNetConfig) else _SMALL)
    )
    for name, config in VARIANTS.items()
}


class ForImageNet(nn.Module):
    """Four perceptrons; the last layer has one map a label."""

    def __init__(self, config: ImageNetConfig):
        super().__init__()
        a, b, c, d = config.channels
        self.least = AtLeast(51)  # of which conv4 sees a place
        self.conv1 = PlaneConv(3, a, 11, stride=4, padding=0)
        self.cccp1, self.cccp2, self.pool1 = _one(a, a), _one(a, a), _pool()
        self.conv2 = PlaneConv(a, b, 5)
        self.cccp3, self.cccp4, self.pool2 = _one(b, b), _one(b, b), _pool()
        self.conv3 = PlaneConv(b, c, 3)
        self.cccp5, self.cccp6, self.pool3 = _one(c, c), _one(c, c), _pool()
        self.drop = nn.Dropout(config.dropout)
        self.conv4, self.cccp7 = PlaneConv(c, d, 3), _one(d, d)
        self.cccp8 = _one(d, config.labels)
        self.mean = MeanOfPlaces()

    def forward(self, pictures: Activation) -> Scores:
        x = self.pool1(self.cccp2(self.cccp1(self.conv1(self.least(pictures)))))
        x = self.pool2(self.cccp4(self.cccp3(self.conv2(x))))
        x = self.drop(self.pool3(self.cccp6(self.cccp5(self.conv3(x)))))
        return self.mean(self.cccp8(self.cccp7(self.conv4(x))))


class ForCIFAR(nn.Module):
    """Three perceptrons; the last layer has one map a label."""

    def __init__(self, config: CIFARConfig):
        super().__init__()
        (a, b, c), d = config.channels, config.width
        self.least = AtLeast(4)
        self.conv1, self.cccp1, self.cccp2 = PlaneConv(3, a, 5), _one(a, b), _one(b, c)
        self.pool1, self.drop1 = _pool(), nn.Dropout(config.dropout)
        self.conv2, self.cccp3, self.cccp4 = PlaneConv(c, d, 5), _one(d, d), _one(d, d)
        self.pool2, self.drop2 = nn.AvgPool2d(3, 2, ceil_mode=True), nn.Dropout(config.dropout)
        self.conv3, self.cccp5 = PlaneConv(d, d, 3), _one(d, d)
        self.cccp6 = _one(d, config.labels)
        self.mean = MeanOfPlaces()

    def forward(self, pictures: Activation) -> Scores:
        x = self.drop1(self.pool1(self.cccp2(self.cccp1(self.conv1(self.least(pictures))))))
        x = self.drop2(self.pool2(self.cccp4(self.cccp3(self.conv2(x)))))
        return self.mean(self.cccp6(self.cccp5(self.conv3(x))))


def build(config: ImageNetConfig | CIFARConfig) -> nn.Module:
    """The model of a configuration, untrained."""
    return ForImageNet(config) if isinstance(config, ImageNetConfig) else ForCIFAR(config)


def published_layers(config: ImageNetConfig | CIFARConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return (*FIRST, *LATER) if isinstance(config, ImageNetConfig) else FIRST


def _one(before: int, after: int) -> PlaneConv:
    return PlaneConv(before, after, 1)


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)
