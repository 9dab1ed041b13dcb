"""LeNet-5: two convolutions that subsample, a table of who sees whom, two full connections.

The first convolutional network in daily use, for digits on cheques. C3's maps do not each see all
of S2's, but three, four or six of them, so that they have to learn different things. S2 and S4 take
the mean of four places, times a weight plus a bias of each map. A digit's score is how near F6 is
to the picture that stands for it, as minus the squared distance. Layers carry the paper's names.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 1998, section II.B, table I and equation 6. The paper's pictures are grey
(`channels=1`, 60,840 weights); its digits' pictures are drawn, those here are learned. `modern` is
how it is often built: C3 sees all of S2, plain means, a plain last layer (61,706).

    layers    channels   output (time x height x width)
    C1        6          1 x 28 x 28
    S2        6          1 x 14 x 14
    C3        16         1 x 10 x 10
    S4        16         1 x  5 x  5
    C5        120        1 x  1 x  1
    F6        84         1 x  1 x  1
    label     one score per label
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from kinetoscope.networks.pictures.picture_zoo import Preparation
from kinetoscope.networks.pictures.plane import Answer, AnyRank, AtLeast, MeanOfPlaces
from kinetoscope.tensors import Activation, Scores

SIZE = 32

OF_THREE = ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5))
OF_FOUR = (
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
)
"""Table I: which maps of S2 each map of C3 sees; the last sees all six."""


LAYERS = ("C1", "S2", "C3", "S4", "C5", "F6", "label")


@dataclass(frozen=True, kw_only=True)
class LeNet5Config:
    """What may differ between two LeNets.

    Args:
        labels: how many scores.
        channels: of the picture.
        modern: whether C3 sees all of S2, means have no weights, and the last layer is plain.
        hidden: units of C5 and of F6.
    """

    labels: int = 10
    channels: int = 3
    modern: bool = False
    hidden: tuple[int, int] = (120, 84)


LENET5 = LeNet5Config()

VARIANTS = {"lenet5": LENET5, "lenet5_toy": replace(LENET5, labels=3, hidden=(8, 6))}

PREPARATION = {
    name: Preparation(
        labels=config.labels, size=SIZE, short_side=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    )
    for name, config in VARIANTS.items()
}


class LeNet5(nn.Module):
    """Convolution, mean, convolution, mean, two full connections, one score per label."""

    def __init__(self, config: LeNet5Config):
        super().__init__()
        c5, f6 = config.hidden
        self.least = AtLeast(SIZE)
        self.C1 = Squashed(nn.Conv2d(config.channels, 6, 5))
        self.S2 = Subsample(6, weighted=not config.modern)
        self.C3 = Squashed(nn.Conv2d(6, 16, 5) if config.modern else TableConv())
        self.S4 = Subsample(16, weighted=not config.modern)
        self.C5 = Squashed(nn.Conv2d(16, c5, 5))
        self.F6 = Squashed(nn.Conv2d(c5, f6, 1))
        self.label = nn.Conv2d(f6, config.labels, 1) if config.modern else Nearness(f6, config)
        self.mean = MeanOfPlaces()

    def forward(self, pictures: Activation) -> Scores:
        x = self.S2(self.C1(self.least(pictures)))
        x = self.S4(self.C3(x))
        return self.mean(self.label(self.F6(self.C5(x))))


class Squashed(nn.Module):
    """A convolution, and the paper's sigmoid (its appendix A)."""

    def __init__(self, conv: nn.Module):
        super().__init__()
        self.conv = conv
        self.squash = Squash()

    def forward(self, x: Activation) -> Answer:
        return self.squash(self.conv(x))


class Squash(AnyRank):
    """1.7159 tanh(2/3 x): its gain is about 1, and it is 1 at 1 and -1 at -1."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * x)


class Subsample(nn.Module):
    """The mean of two by two places; with a weight and a bias a map, squashed."""

    def __init__(self, maps: int, *, weighted: bool):
        super().__init__()
        self.mean = nn.AvgPool2d(2)
        self.scale = nn.Conv2d(maps, maps, 1, groups=maps) if weighted else nn.Identity()
        self.squash = Squash() if weighted else nn.Identity()
        if isinstance(self.scale, nn.Conv2d):
            nn.init.ones_(self.scale.weight)

    def forward(self, x: Activation) -> Answer:
        return self.squash(self.scale(self.mean(x)))


class TableConv(nn.Module):
    """Convolutions of which each sees the maps that table I says."""

    def __init__(self):
        super().__init__()
        self.wire3, self.of_three = Wiring(OF_THREE), nn.Conv2d(18, 6, 5, groups=6)
        self.wire4, self.of_four = Wiring(OF_FOUR), nn.Conv2d(36, 9, 5, groups=9)
        self.of_all = nn.Conv2d(6, 1, 5)

    def forward(self, x: Activation) -> Answer:
        three, four = self.of_three(self.wire3(x)), self.of_four(self.wire4(x))
        return torch.cat([three, four, self.of_all(x)], dim=1)


class Wiring(AnyRank):
    """Some maps, one after the other; a map may come several times."""

    def __init__(self, maps: Sequence[Sequence[int]]):
        super().__init__()
        self.maps = [each for group in maps for each in group]

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.maps]


class Nearness(nn.Conv2d):
    """At every place, minus the squared distance from what stands for each label."""

    def __init__(self, before: int, config: LeNet5Config):
        super().__init__(before, config.labels, 1, bias=False)
        nn.init.uniform_(self.weight, -1, 1)  # the paper draws them in -1 and 1

    def forward(self, input: Tensor) -> Tensor:
        lengths = self.weight.square().sum(dim=1)  # of `label 1 1`, and squared
        return 2 * super().forward(input) - lengths - input.square().sum(dim=1, keepdim=True)


def build(config: LeNet5Config) -> LeNet5:
    """The model of a configuration, untrained."""
    return LeNet5(config)


def published_layers(config: LeNet5Config) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return LAYERS
