"""FractalNet: very deep without residuals, as every block is short and long at once.

A block of one column is a convolution. A block of one column more is two blocks of the size below,
one after the other, beside one convolution: so it holds paths of 1, 2, 4, ... convolutions, which
meet in joins that take their mean. In training paths are dropped: at every join on its own, one
input at least surviving (local), or all but one column in the whole network (global), for half of
the pictures each. So every column learns to answer alone, as `paths.column` lets it.

Source: Larsson, Maire, Shakhnarovich, "FractalNet: Ultra-Deep Neural Networks without Residuals",
ICLR 2017, sections 3 and 4.1 (five blocks of three columns, for CIFAR). Which pictures of a batch
are dropped how is drawn for each of them here. `fractalnet40` has a column more, at equal widths.

    layers           channels   output (time x height x width)
    block1           64         1 x 32 x 32
    pool1                       1 x 16 x 16
    block2           128        1 x 16 x 16
    pool2                       1 x  8 x  8
    block3           256        1 x  8 x  8
    pool3                       1 x  4 x  4
    block4           512        1 x  4 x  4
    pool4                       1 x  2 x  2
    block5           512        1 x  2 x  2
    pool5                       1 x  1 x  1
    label            one score per label
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.networks.pictures.picture_zoo import Preparation
from kinetoscope.networks.pictures.plane import Answer, AnyRank, AtLeast, MeanOfPlaces, PlaneConv
from kinetoscope.tensors import Activation, Scores

LOCAL = -1
"""In place of a column: the picture's paths are dropped join by join."""


LAYERS = (
    *("block1", "pool1", "block2", "pool2", "block3", "pool3", "block4", "pool4"),
    *("block5", "pool5", "label"),
)


@dataclass(frozen=True, kw_only=True)
class FractalNetConfig:
    """What may differ between two FractalNets.

    Args:
        labels: how many scores.
        columns: paths side by side in a block; the longest has 2 ** (columns - 1) convolutions.
        channels: of the five blocks.
        dropout: share of each block's answers left out in training.
        local_drop: share of a join's inputs left out in training.
        global_share: share of the pictures that see a single column in training.
    """

    labels: int = 10
    columns: int = 3
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    dropout: tuple[float, float, float, float, float] = (0.0, 0.1, 0.2, 0.3, 0.4)
    local_drop: float = 0.15
    global_share: float = 0.5


CIFAR = FractalNetConfig()

VARIANTS = {
    "fractalnet20": CIFAR,
    "fractalnet40": replace(CIFAR, columns=4),
    "fractalnet_toy": replace(CIFAR, labels=3, channels=(2, 3, 4, 4, 3)),
}

PREPARATION = {
    name: Preparation(
        labels=config.labels,
        size=32,
        short_side=32,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
    )
    for name, config in VARIANTS.items()
}


class FractalNet(nn.Module):
    """Five blocks, a pool after each, one score per label."""

    def __init__(self, config: FractalNetConfig):
        super().__init__()
        a, b, c, d, e = config.channels
        self.least = AtLeast(32)
        self.paths = Paths(config)
        self.sees_colours = tuple(f"block1.columns.{c}.0.conv" for c in range(config.columns))
        self.block1, self.pool1 = FractalBlock(3, a, config, 0), nn.MaxPool2d(2)
        self.block2, self.pool2 = FractalBlock(a, b, config, 1), nn.MaxPool2d(2)
        self.block3, self.pool3 = FractalBlock(b, c, config, 2), nn.MaxPool2d(2)
        self.block4, self.pool4 = FractalBlock(c, d, config, 3), nn.MaxPool2d(2)
        self.block5, self.pool5 = FractalBlock(d, e, config, 4), nn.MaxPool2d(2)
        self.label = nn.Conv2d(e, config.labels, 1)
        self.mean = MeanOfPlaces()

    def forward(self, pictures: Activation) -> Scores:
        x = self.least(pictures)
        paths = self.paths(x)
        x = self.pool1(self.block1(x, paths))
        x = self.pool2(self.block2(x, paths))
        x = self.pool3(self.block3(x, paths))
        x = self.pool4(self.block4(x, paths))
        x = self.pool5(self.block5(x, paths))
        return self.mean(self.label(x))


class FractalBlock(nn.Module):
    """Columns of 1, 2, 4, ... convolutions, joined wherever several end.

    At step s of the longest column, of which every step is a convolution, the others end one too if
    what is left of them divides s: column `c` of `n` at each multiple of 2 ** (n - 1 - c).
    """

    def __init__(self, before: int, after: int, config: FractalNetConfig, place: int):
        super().__init__()
        self.columns = nn.ModuleList(
            Column(before, after, 2**column) for column in range(config.columns)
        )
        self.joins = nn.ModuleList(
            Join(_ending(step, config.columns), config.local_drop)
            for step in range(1, 2 ** (config.columns - 1) + 1)
        )
        self.dropout = nn.Dropout(config.dropout[place])

    def forward(self, x: Activation, paths: Tensor | None) -> Answer:
        held = [x] * len(self.columns)  # what each column goes on from
        steps = [column.children() for column in self.columns]
        join: Any
        for join in self.joins:
            ended = [next(steps[column])(held[column]) for column in join.columns]
            joined = join(ended, paths)
            for column in join.columns:
                held[column] = joined
        return self.dropout(held[-1])


class Column(nn.ModuleList):
    """Convolutions that a block runs one by one, as joins lie between them."""

    def __init__(self, before: int, after: int, count: int):
        later = [PlaneConv(after, after, 3, norm=True) for _ in range(count - 1)]
        super().__init__([PlaneConv(before, after, 3, norm=True), *later])


class Join(AnyRank):
    """The mean of the columns that end here, or of those of them that are kept.

    Args:
        columns: which end here.
        drop: share of them left out where paths are dropped locally.
    """

    def __init__(self, columns: Sequence[int], drop: float):
        super().__init__()
        self.columns, self.drop = tuple(columns), drop

    def forward(self, ended: list[Tensor], paths: Tensor | None) -> Tensor:
        stacked = torch.stack(ended)
        if paths is None:
            return stacked.mean(dim=0)
        kept = self.kept(paths)
        shares = kept / kept.sum(dim=0).clamp(min=1)  # none where the column does not end here
        return (stacked * shares.reshape(*shares.shape, *[1] * (stacked.ndim - 2))).sum(dim=0)

    def kept(self, paths: Tensor) -> Tensor:
        """1 where a column is kept and 0 where it is not, `column picture`."""
        columns = torch.tensor(self.columns, device=paths.device)[:, None]
        alone = paths == columns
        drawn = torch.rand(len(self.columns), len(paths), device=paths.device)
        # one survives at least: that which drew the highest
        survives = (drawn >= self.drop) | (drawn == drawn.amax(dim=0))
        return torch.where(paths == LOCAL, survives, alone).float()


class Paths(AnyRank):
    """Draws, for every picture, the column that it sees, or that its paths are dropped locally.

    `column` may be set to see a single one, in eval mode too; by default all are seen then.
    """

    def __init__(self, config: FractalNetConfig):
        super().__init__()
        self.columns, self.global_share = config.columns, config.global_share
        self.column: int | None = None

    def forward(self, x: Tensor) -> Tensor | None:
        if self.column is not None:
            return torch.full((len(x),), self.column, device=x.device)
        if not self.training:
            return None
        columns = torch.randint(self.columns, (len(x),), device=x.device)
        alone = torch.rand(len(x), device=x.device) < self.global_share
        return torch.where(alone, columns, torch.full_like(columns, LOCAL))


def build(config: FractalNetConfig) -> FractalNet:
    """The model of a configuration, untrained."""
    return FractalNet(config)


def published_layers(config: FractalNetConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return LAYERS


def _ending(step: int, columns: int) -> list[int]:
    """The columns that end a convolution at a step of the longest.

    >>> [_ending(step, 3) for step in (1, 2, 3, 4)]
    [[2], [1, 2], [2], [0, 1, 2]]
    """
    return [column for column in range(columns) if step % 2 ** (columns - 1 - column) == 0]
