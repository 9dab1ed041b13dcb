"""VGG-16 over one stream: what do small filters, many of them in a row, see in a frame or in flow?

Sixteen layers of weights: thirteen 3x3 convolutions in five stages, and three hidden layers that
are convolutions too, so that larger frames are looked at densely. `vgg16_frames` sees one frame at
a time, `vgg16_flow` ten fields of flow, stacked; they are the towers of `two_stream_vgg16`. Both
start from ImageNet (`tower_weights.py`).

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015, table 1, column D; as streams: Feichtenhofer, Pinz, Zisserman,
"Convolutional Two-Stream Network Fusion for Video Action Recognition", CVPR 2016, section 4.

    layers                 channels   output (time x height x width)
    frames or flow         3 or 20     1 x 224 x 224   a frame; ten fields of flow, stacked
    conv1_1 conv1_2        64          1 x 224 x 224
    pool1                              1 x 112 x 112
    conv2_1 conv2_2        128         1 x 112 x 112
    pool2                              1 x  56 x  56
    conv3_1 ... conv3_3    256         1 x  56 x  56
    pool3                              1 x  28 x  28
    conv4_1 ... conv4_3    512         1 x  28 x  28
    pool4                              1 x  14 x  14
    conv5_1 ... conv5_3    512         1 x  14 x  14
    pool5                              1 x   7 x   7
    fc6 fc7                4096        1 x   1 x   1
    label                  one score per label
"""

from dataclasses import dataclass, replace

from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.blocks import Conv, Hidden
from kinetoscope.networks.streams.towers import Stage, Tower, clips_for_towers, layers_of, scoring

SHRINKING = 32
"""How much smaller the last maps are than the clip."""


@dataclass(frozen=True, kw_only=True)
class VGG16Config:
    """What may differ between two VGG-16 towers.

    Args:
        labels: how many scores.
        stream: what the tower is shown.
        chunk: how many flow fields are stacked [frames]; frames are taken one by one.
        channels: of the five stages.
        hidden: units of fc6 and of fc7.
        dropout: share of the hidden units left out in training.
        size: height and width of its clips [pixels], a multiple of 32.
    """

    labels: int = 101  # UCF-101
    stream: Stream = "frames"
    chunk: int = 1
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    dropout: float = 0.85
    size: int = 224


FRAMES = VGG16Config()
FLOW = VGG16Config(stream="flow", chunk=10)

VARIANTS = {
    "vgg16_frames": FRAMES,
    "vgg16_flow": FLOW,
    "vgg16_frames_toy": replace(FRAMES, labels=3, channels=(2, 3, 4, 5, 6), hidden=8, size=64),
    "vgg16_flow_toy": replace(FLOW, labels=3, chunk=3, channels=(2, 3, 4, 5, 6), hidden=8, size=64),
}


def stages(config: VGG16Config, *, gathered: int = 1) -> tuple[Stage, ...]:
    """The tower, stage by stage.

    Args:
        config: its sizes.
        gathered: how many chunks pool5 makes one of.
    """
    a, b, c, d, e = config.channels
    side, dropout = config.size // SHRINKING, config.dropout
    return (
        *(_conv("conv1_1", a), _conv("conv1_2", a), _pool("pool1")),
        *(_conv("conv2_1", b), _conv("conv2_2", b), _pool("pool2")),
        *(_conv("conv3_1", c), _conv("conv3_2", c), _conv("conv3_3", c), _pool("pool3")),
        *(_conv("conv4_1", d), _conv("conv4_2", d), _conv("conv4_3", d), _pool("pool4")),
        *(_conv("conv5_1", e), _conv("conv5_2", e), _conv("conv5_3", e)),
        Stage(name="pool5", build=lambda before: _last_pool(gathered)),
        _hidden("fc6", config.hidden, side, dropout),
        _hidden("fc7", config.hidden, 1, dropout),
        *scoring(config.labels),
    )


def build(config: VGG16Config) -> Tower:
    """The model of a configuration, untrained."""
    return Tower(
        stages(config),
        stream=config.stream,
        chunk=config.chunk,
        least=(config.chunk, config.size, config.size),
    )


def expects(config: VGG16Config) -> ClipSpec:
    """The clips it is made for."""
    return clips_for_towers((config.stream,), frames=config.chunk, size=config.size)


def published_layers(config: VGG16Config) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return layers_of(stages(config))


def _conv(name: str, after: int) -> Stage:
    return Stage(name=name, build=lambda before: Conv(before, after, kernel=(1, 3, 3)), after=after)


def _pool(name: str) -> Stage:
    return Stage(name=name, build=lambda before: nn.MaxPool3d((1, 2, 2)))


def _last_pool(gathered: int) -> nn.MaxPool3d:
    return nn.MaxPool3d((gathered, 2, 2), stride=(1 if gathered == 1 else 2, 2, 2))


def _hidden(name: str, after: int, side: int, dropout: float) -> Stage:
    return Stage(
        name=name,
        build=lambda before: Hidden(before, after, kernel=(1, side, side), dropout=dropout),
        after=after,
    )
