"""Residual networks over time: which layers should see motion, and at which rate of frames?

One picture network, ResNet, and one table of how far each of its kernels reaches in time. C2D sees
pictures and only pools over time. I3D inflates a kernel in every second block. Slow sees few
frames, and motion in its last two stages alone. Fast sees many frames, and motion in every stage,
with an eighth of the channels. SlowFast is both over one clip: Slow takes every alpha-th frame of
it, and what Fast finds is laid beside Slow's channels before each stage.

Source: Feichtenhofer, Fan, Malik, He, "SlowFast Networks for Video Recognition", ICCV 2019, section
3 and table 1 (Slow, Fast, SlowFast); Wang, Girshick, Gupta, He, "Non-local Neural Networks", CVPR
2018, section 4 and table 1 (C2D, I3D of 32 frames); the authors' PySlowFast (C2D, I3D of 8 frames).
A name says depth, then frames x stride: of Slow's frames in SlowFast, of the clip elsewhere; where
it does not, 8 x 8. Pools are PySlowFast's where `pools` does not say otherwise.

    layers          channels   output (time x height x width)
                               c2d, i3d         with 32 frames   slow 4x16        fast
    clip            3          8 x 224 x 224   32 x 224 x 224    4 x 224 x 224   32 x 224 x 224
    conv1           64         8 x 112 x 112   16 x 112 x 112    4 x 112 x 112   32 x 112 x 112
    pool1                      8 x  56 x  56    8 x  56 x  56    4 x  56 x  56   32 x  56 x  56
    res2            256        8 x  56 x  56    8 x  56 x  56    4 x  56 x  56   32 x  56 x  56
    pool2                      4 x  56 x  56    4 x  56 x  56    4 x  56 x  56   32 x  56 x  56
    res3            512        4 x  28 x  28    4 x  28 x  28    4 x  28 x  28   32 x  28 x  28
    res4            1024       4 x  14 x  14    4 x  14 x  14    4 x  14 x  14   32 x  14 x  14
    res5            2048       4 x   7 x   7    4 x   7 x   7    4 x   7 x   7   32 x   7 x   7
    average                    1 x   1 x   1    1 x   1 x   1    1 x   1 x   1    1 x   1 x   1
    label           one score per label

Slow and Fast have no pool2. Fast has beta times these channels; the lateral connections behind
pool1, res2, res3 and res4 have twice as many as Fast's layer has, and the length of Slow's.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, RecipeError, unknown_name
from kinetoscope.networks.blocks import Consensus, Conv, Label, Sample, check_least
from kinetoscope.networks.bottlenecks import (
    AverageWindows,
    Blocks,
    Bottleneck,
    Concatenate,
    Pools,
    Spread,
    Time,
    pathway,
    start_as_published,
)
from kinetoscope.networks.non_local import insert_non_local
from kinetoscope.tensors import FrameBatch, Scores, Size

Pathway = Literal[
    "c2d", "c2d_long", "i3d", "i3d_long", "i3d_3x3x3", "i3d_3x3x3_long", "slow", "fast"
]

# fmt: off
TIME: dict[Pathway, Time] = {
    #                      kernels [frames]                       steps [frames]
    #                      conv1  res2   res3    res4    res5     conv1 pool1 pool2
    "c2d":            Time(  1,   (1,),  (1,),   (1,),   (1,),    (1,   1,    2)),
    "c2d_long":       Time(  1,   (1,),  (1,),   (1,),   (1,),    (2,   2,    2)),
    "i3d":            Time(  5,   (3,),  (3, 1), (3, 1), (1, 3),  (1,   1,    2)),
    "i3d_long":       Time(  5,   (3,),  (3, 1), (3, 1), (1, 3),  (2,   2,    2)),
    "i3d_3x3x3":      Time(  5,   (3,),  (3, 1), (3, 1), (1, 3),  (1,   1,    2), inflated="b"),
    "i3d_3x3x3_long": Time(  5,   (3,),  (3, 1), (3, 1), (1, 3),  (2,   2,    2), inflated="b"),
    "slow":           Time(  1,   (1,),  (1,),   (3,),   (3,),    (1,   1,    1)),
    "fast":           Time(  5,   (3,),  (3,),   (3,),   (3,),    (1,   1,    1)),
}
"""What each network does in time; (3, 1) is a kernel of 3 in every second block. The long ones are
the second paper's, which halves 32 frames and more before they come to res2."""
# fmt: on

R50: Blocks = (3, 4, 6, 3)
R101: Blocks = (3, 4, 23, 3)

SHRINKING = 32
"""How much smaller the last maps are than the clip."""

LATERAL = {"pool1": 1, "res2": 4, "res3": 8, "res4": 16}
"""The layers behind which Slow is shown what Fast has found, and their channels [widths]."""


@dataclass(frozen=True, kw_only=True)
class Residual3DConfig:
    """What may differ between two networks of one pathway.

    Args:
        pathway: what it does in time: a row of `TIME`.
        labels: how many scores.
        blocks: bottlenecks of each stage.
        width: channels of conv1; all others are a multiple.
        frames, stride: of its clips.
        size: height and width of its clips [pixels].
        frames_per_second: rate of the video before striding; None leaves the file's own.
        pools: whose pool1 and pool2.
        zero_gamma: whether blocks start as their shortcuts, for training from scratch.
        dropout: share of the averaged channels left out in training.
        non_local: blocks behind which a non-local one stands.
        non_local_kind, non_local_subsample, non_local_scaled: as for `NonLocal`.
    """

    pathway: Pathway
    labels: int = 400  # Kinetics-400
    blocks: Blocks = R50
    width: int = 64
    frames: int = 8
    stride: int = 8
    size: int = 224
    frames_per_second: float | None = 30.0
    pools: Pools = "pyslowfast"
    zero_gamma: bool = False
    dropout: float = 0.5
    non_local: tuple[str, ...] = ()
    non_local_kind: str = "embedded-gaussian"
    non_local_subsample: str = "before"
    non_local_scaled: bool = True


@dataclass(frozen=True, kw_only=True)
class SlowFastConfig:
    """What may differ between two SlowFasts.

    Args:
        labels: how many scores.
        blocks: bottlenecks of each stage, in either pathway.
        width: channels of Slow's conv1; all others are a multiple.
        alpha: how many frames Fast sees for each that Slow sees.
        beta: how many channels Fast has for each of Slow's.
        lateral_kernel: extent of the lateral convolutions [frames].
        lateral_norm: whether norm and ReLU follow them; in mmaction2's weights neither does.
        res4_over_time: how many blocks of either res4 reach in time, from the first on.
        slow_frames: "every" alpha-th, from the first on, as the paper says; or "spread" from the
            first to the last, as the weights of PySlowFast and pytorchvideo were trained.
        frames, stride: of its clips, which are what Fast sees.
        size: height and width of its clips [pixels].
        zero_gamma: whether blocks start as their shortcuts.
        dropout: share of the averaged channels left out in training.
        non_local: blocks behind which a non-local one stands, such as "slow.res4.6".
        non_local_kind: its pairwise function.
    """

    labels: int = 400  # Kinetics-400
    blocks: Blocks = R50
    width: int = 64
    alpha: int = 8
    beta: float = 1 / 8
    lateral_kernel: int = 5
    lateral_norm: bool = True
    res4_over_time: int = 6
    slow_frames: Literal["every", "spread"] = "every"
    frames: int = 32
    stride: int = 2
    size: int = 224
    zero_gamma: bool = True
    dropout: float = 0.5
    non_local: tuple[str, ...] = ()
    non_local_kind: str = "dot-product"

    def __post_init__(self):
        if self.frames % self.alpha:
            raise RecipeError(
                "the slow pathway can't take every alpha-th frame",
                got=f"{self.frames} frames",
                expected=f"a multiple of alpha, which is {self.alpha}",
            )
        if self.fast_width < 1:
            raise RecipeError(
                "the fast pathway has no channels",
                got=f"a beta of {self.beta:g}, of {self.width} channels",
                expected=f"{1 / self.width:g} or more",
            )

    @property
    def fast_width(self) -> int:
        """Channels of Fast's conv1."""
        return int(self.width * self.beta)


FIVE = ("res3.1", "res3.3", "res4.1", "res4.3", "res4.5")
"""Non-local blocks behind every second block of res3 and res4."""

FIVE_OF_R101 = ("res3.1", "res3.3", "res4.6", "res4.13", "res4.20")
THREE_OF_SLOW = ("slow.res4.6", "slow.res4.13", "slow.res4.20")

C2D = Residual3DConfig(pathway="c2d", zero_gamma=True)
I3D = Residual3DConfig(pathway="i3d", zero_gamma=True)
C2D_32 = Residual3DConfig(pathway="c2d_long", frames=32, stride=2, frames_per_second=None)
I3D_32 = replace(C2D_32, pathway="i3d_long")
I3D_3X3X3_32 = replace(C2D_32, pathway="i3d_3x3x3_long")
SLOW = Residual3DConfig(pathway="slow", zero_gamma=True)
FAST = Residual3DConfig(pathway="fast", width=8, frames=32, stride=2, zero_gamma=True)
SLOWFAST = SlowFastConfig()
SLOWFAST_101 = SlowFastConfig(blocks=R101, alpha=4)

FEW: Blocks = (1, 2, 2, 1)
TOY = Residual3DConfig(pathway="c2d", labels=3, blocks=FEW, width=4, size=64)
SLOWFAST_TOY = SlowFastConfig(
    labels=3, blocks=FEW, width=8, alpha=4, beta=1 / 4, frames=16, size=64, zero_gamma=False
)

VARIANTS: dict[str, Residual3DConfig | SlowFastConfig] = {
    "c2d_r50": C2D,
    "c2d_r50_32x2": C2D_32,
    "c2d_nl_r50_32x2": replace(C2D_32, non_local=FIVE),
    "c2d_r101_32x2": replace(C2D_32, blocks=R101),
    "c2d_nl_r101_32x2": replace(C2D_32, blocks=R101, non_local=FIVE_OF_R101),
    "i3d_r50": I3D,
    "i3d_nl_r50": replace(I3D, non_local=FIVE),
    "i3d_r50_32x2": I3D_32,
    "i3d_nl_r50_32x2": replace(I3D_32, non_local=FIVE),
    "i3d_nl_r50_128x1": replace(I3D_32, non_local=FIVE, frames=128, stride=1),
    "i3d_r101_32x2": replace(I3D_32, blocks=R101),
    "i3d_nl_r101_32x2": replace(I3D_32, blocks=R101, non_local=FIVE_OF_R101),
    "i3d_3x3x3_r50_32x2": I3D_3X3X3_32,
    "i3d_3x3x3_r101_32x2": replace(I3D_3X3X3_32, blocks=R101),
    "slow_r50_4x16": replace(SLOW, frames=4, stride=16),
    "slow_r50_8x8": SLOW,
    "fast_r50_32x2": FAST,
    "slowfast_r50_4x16": SLOWFAST,
    "slowfast_r50_8x8": replace(SLOWFAST, alpha=4, lateral_kernel=7),
    "slowfast_r101_8x8": SLOWFAST_101,
    "slowfast_r101_16x8": replace(SLOWFAST_101, frames=64),
    "slowfast_nl_r101_16x8": replace(SLOWFAST_101, frames=64, non_local=THREE_OF_SLOW),
    "c2d_toy": TOY,
    "i3d_toy": replace(TOY, pathway="i3d"),
    "i3d_nl_toy": replace(TOY, pathway="i3d", non_local=("res3.1", "res4.1")),
    "i3d_3x3x3_toy": replace(TOY, pathway="i3d_3x3x3"),
    "slow_toy": replace(TOY, pathway="slow", frames=4),
    "fast_toy": replace(TOY, pathway="fast", width=2, frames=16),
    "slowfast_toy": SLOWFAST_TOY,
}


class Residual3D(nn.Module):
    """One pathway; the mean of what it sees is scored."""

    def __init__(self, config: Residual3DConfig):
        super().__init__()
        time = TIME[config.pathway]
        first, later = time.halved[0], prod(time.halved[1:])
        self.least: Size = (first * later, SHRINKING, SHRINKING)
        layers = pathway(time, width=config.width, blocks=config.blocks, pools=config.pools)
        for name, layer in layers.items():  # conv1, pool1, res2 and so on are layers of its own
            self.add_module(name, layer)
        self.average = AverageWindows(_window(_ceil(config.frames, first) // later, config.size))
        self.dropout = nn.Dropout(config.dropout)
        self.label = Label(32 * config.width, config.labels)
        self.consensus = Consensus()

    def forward(self, frames: FrameBatch) -> Scores:
        check_least(frames, self.least)
        x = frames
        for layer in self.children():
            x = layer(x)
        return x


class SlowFast(nn.Module):
    """Two pathways over one clip; the mean of what both see is scored."""

    def __init__(self, config: SlowFastConfig):
        super().__init__()
        slow, fast = config.width, config.fast_width
        self.frames, self.alpha = config.frames, config.alpha
        self.sample = SLOW_FRAMES[config.slow_frames](config.alpha)
        self.slow = nn.ModuleDict(
            pathway(_time("slow", config), width=slow, blocks=config.blocks, beside=2 * fast)
        )
        self.fast = nn.ModuleDict(pathway(_time("fast", config), width=fast, blocks=config.blocks))
        self.lateral = nn.ModuleDict(
            {layer: _lateral(widths * fast, config) for layer, widths in LATERAL.items()}
        )
        self.join = nn.ModuleDict({layer: Concatenate() for layer in (*self.lateral, "average")})
        self.average = nn.ModuleDict(
            {
                "slow": AverageWindows(_window(config.frames // config.alpha, config.size)),
                "fast": AverageWindows(_window(config.frames, config.size), step=config.alpha),
            }
        )
        self.dropout = nn.Dropout(config.dropout)
        self.label = Label(32 * (slow + fast), config.labels)
        self.consensus = Consensus()

    def forward(self, frames: FrameBatch) -> Scores:
        self._check(frames)
        slow, fast = self.sample(frames), frames
        for name, layer in self.slow.items():
            slow, fast = layer(slow), self.fast[name](fast)
            if name in self.lateral:
                slow = self.join[name](slow, self.lateral[name](fast))
        seen = self.join["average"](self.average["slow"](slow), self.average["fast"](fast))
        return self.consensus(self.label(self.dropout(seen)))

    def _check(self, frames: FrameBatch) -> None:
        check_least(frames, (self.alpha, SHRINKING, SHRINKING))
        if (count := frames.shape[2]) % self.alpha:
            raise ClipError(
                "the frames of the clip do not divide into those that the slow pathway sees",
                got=f"{count} frames",
                expected=f"a multiple of {self.alpha}, such as {self.frames}",
                hint=f"a ClipSpec with frames={count - count % self.alpha} cuts such a clip",
            )


SLOW_FRAMES = {"every": Sample, "spread": Spread}


def build(config: Residual3DConfig | SlowFastConfig) -> nn.Module:
    """The model of a configuration, untrained."""
    model = Residual3D(config) if isinstance(config, Residual3DConfig) else SlowFast(config)
    start_as_published(model, zero_gamma=config.zero_gamma)
    if isinstance(config, Residual3DConfig):
        insert_non_local(
            model,
            _channels(model, config.non_local),
            kind=config.non_local_kind,
            subsample=config.non_local_subsample,
            scaled=config.non_local_scaled,
        )
    else:
        insert_non_local(model, _channels(model, config.non_local), kind=config.non_local_kind)
    return model


def expects(config: Residual3DConfig | SlowFastConfig) -> ClipSpec:
    """The clips it is made for, 224 x 224 pixels of a shorter side of 256."""
    plain = isinstance(config, Residual3DConfig)
    return ClipSpec(
        frames=config.frames,
        stride=config.stride,
        frames_per_second=config.frames_per_second if plain else 30.0,
        short_side=config.size * 256 // 224,
        size=(config.size, config.size),
    )


def published_layers(config: Residual3DConfig | SlowFastConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    if isinstance(config, Residual3DConfig):
        pools = () if TIME[config.pathway].halved[2] == 1 else ("pool2",)
        return (
            *("conv1", "pool1", *_blocks("res2", config), *pools),
            *(*_blocks("res3", config), *_blocks("res4", config), *_blocks("res5", config)),
            *("average", "label"),
        )
    found: list[str] = []
    for layer in ("conv1", "pool1", "res2", "res3", "res4", "res5"):
        found += [*_blocks(f"slow.{layer}", config), *_blocks(f"fast.{layer}", config)]
        found += [f"lateral.{layer}"] if layer in LATERAL else []
    return (*found, "average.slow", "average.fast", "label")


def _blocks(layer: str, config: Residual3DConfig | SlowFastConfig) -> list[str]:
    """The layer, or where it is a stage its blocks, and what stands behind them."""
    number = int(layer[-1]) - 2
    if not layer[:-1].endswith("res"):
        return [layer]
    found = []
    for block in (f"{layer}.{place}" for place in range(config.blocks[number])):
        found += [f"{block}.block", f"{block}.non_local"] if block in config.non_local else [block]
    return found


def _time(row: Pathway, config: SlowFastConfig) -> Time:
    """A row of the table, of which only the first blocks of res4 reach in time."""
    over_time = min(config.res4_over_time, config.blocks[2])
    still = config.blocks[2] - over_time
    return replace(TIME[row], res4=TIME[row].res4 * over_time + (1,) * still)


def _lateral(channels: int, config: SlowFastConfig) -> Conv:
    lateral = Conv(
        channels,
        2 * channels,
        kernel=(config.lateral_kernel, 1, 1),
        stride=(config.alpha, 1, 1),
        norm=True,
        relu=config.lateral_norm,
    )
    if not config.lateral_norm:
        lateral.norm = nn.Identity()  # and no bias either
    return lateral


def _channels(model: nn.Module, names: tuple[str, ...]) -> dict[str, int]:
    """What each of these blocks answers."""
    blocks = {name: each for name, each in model.named_modules() if isinstance(each, Bottleneck)}
    for name in names:
        if name not in blocks:
            raise unknown_name("block", name, list(blocks))
    return {name: blocks[name].c.conv.out_channels for name in names}


def _window(frames: int, size: int) -> Size:
    """All places of the last maps, in clips of the size that training sees."""
    return max(frames, 1), _ceil(size, SHRINKING), _ceil(size, SHRINKING)


def _ceil(extent: int, step: int) -> int:
    """What a padded convolution leaves of an extent."""
    return -(-extent // step)
