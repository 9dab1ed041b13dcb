"""ResNet-50 over one stream: what does a deep tower of residual units see in a frame or in flow?

`resnet50_frames` sees one frame at a time, `resnet50_flow` the stacked flow of ten; they are the
towers of `st_resnet50` and of `two_stream_resnet50`. A unit is what its shortcut brings plus what
its three convolutions find, `res2a`; the ReLU after it has a name of its own, `res2a_relu`, for
the streams of `st_resnet50` meet between the two.

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1; names of
layers are those of its authors' and of Feichtenhofer's code; as streams: Feichtenhofer, Pinz,
Wildes, "Spatiotemporal Residual Networks for Video Action Recognition", NIPS 2016, section 3. The
stride lies in the 3x3 convolution, as in torchvision, and not in the 1x1 before it.

    layers            channels   output (time x height x width)
    frames or flow    3 or 20     1 x 224 x 224   a frame; ten fields of flow, stacked
    conv1             64          1 x 112 x 112
    pool1                         1 x  56 x  56
    res2a res2c       256         1 x  56 x  56   res2a_relu, res2b, ..., res2c_relu
    res3a res3d       512         1 x  28 x  28   res3b, res3c
    res4a res4f       1024        1 x  14 x  14   res4b, ..., res4e
    res5a res5c       2048        1 x   7 x   7   res5b
    average           2048        1 x   1 x   1
    label             one score per label
"""

from dataclasses import dataclass, replace

import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.blocks import Conv
from kinetoscope.networks.bottlenecks import Sum
from kinetoscope.networks.pictures.inflate import inflated_weight
from kinetoscope.networks.streams.towers import (
    MeanOfEachChunk,
    Stage,
    Tower,
    clips_for_towers,
    layers_of,
    scoring,
)
from kinetoscope.tensors import Maps, Size, Volume

SECOND = "b"
"""The unit of each stage that looks at other chunks in `st_resnet50`."""


@dataclass(frozen=True, kw_only=True)
class ResNet50Config:
    """What may differ between two ResNet-50 towers.

    Args:
        labels: how many scores.
        stream: what the tower is shown.
        chunk: how many flow fields are stacked [frames]; frames are taken one by one.
        channels: of conv1 and of the units of the four stages, these multiples of 4.
        units: how many the four stages have.
        dropout: share of the features left out in training.
        size: height and width of its clips [pixels].
    """

    labels: int = 101  # UCF-101
    stream: Stream = "frames"
    chunk: int = 1
    channels: tuple[int, int, int, int, int] = (64, 256, 512, 1024, 2048)
    units: tuple[int, int, int, int] = (3, 4, 6, 3)
    dropout: float = 0.0
    size: int = 224


FRAMES = ResNet50Config()
FLOW = ResNet50Config(stream="flow", chunk=10, dropout=0.8)
TOY_CHANNELS = (3, 4, 8, 8, 12)

VARIANTS = {
    "resnet50_frames": FRAMES,
    "resnet50_flow": FLOW,
    "resnet50_frames_toy": replace(
        FRAMES, labels=3, channels=TOY_CHANNELS, units=(2, 2, 2, 2), size=64
    ),
    "resnet50_flow_toy": replace(
        FLOW, labels=3, chunk=3, channels=TOY_CHANNELS, units=(2, 2, 2, 2), size=64
    ),
}


class Unit(nn.Module):
    """Three convolutions beside a shortcut, and their sum; the ReLU after it is another layer.

    Args:
        before: channels it takes.
        after: channels it answers, four times those between its convolutions.
        time: what the first and the last convolution see [chunks], each from equal parts of a
            filter of one.
        stride: step of the 3x3 convolution [pixels].
    """

    def __init__(self, before: int, after: int, *, time: int = 1, stride: int = 1):
        super().__init__()
        inside, step = after // 4, (1, stride, stride)
        self.a = _conv_in_time(before, inside, time)
        self.b = Conv(inside, inside, kernel=(1, 3, 3), stride=step, norm=True)
        self.c = _conv_in_time(inside, after, time, relu=False)
        self.shortcut = nn.Identity()
        if before != after or stride != 1:
            self.shortcut = Conv(
                before, after, kernel=(1, 1, 1), stride=step, norm=True, relu=False
            )
        self.sum = Sum()

    def forward(self, x: Volume, seen: Volume | None = None) -> Maps:
        """What the shortcut brings of `x`, and what the convolutions find in it or in `seen`."""
        return self.sum(self.shortcut(x), self.c(self.b(self.a(x if seen is None else seen))))


def stages(
    config: ResNet50Config, *, gathered: int = 1, step: int = 1, time: int = 1
) -> tuple[Stage, ...]:
    """The tower, stage by stage.

    Args:
        config: its sizes.
        gathered: how many chunks are made one of, by the largest answer; 1 for none.
        step: from one answer of those to the next [chunks].
        time: what the second unit of each stage sees [chunks].
    """
    first, *others = config.channels
    units = [
        stage
        for number, after in enumerate(others, start=2)
        for stage in _units(number, after, config.units[number - 2], time)
    ]
    gather = (
        Stage(name="gather", build=lambda before: nn.MaxPool3d((gathered, 1, 1), (step, 1, 1))),
    )
    return (
        Stage(name="conv1", build=lambda before: _conv1(before, first), after=first),
        Stage(name="pool1", build=lambda before: nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))),
        *units,
        *(gather if gathered > 1 else ()),
        Stage(name="average", build=lambda before: MeanOfEachChunk()),
        Stage(name="dropout", build=lambda before: nn.Dropout(config.dropout)),
        *scoring(config.labels),
    )


def build(config: ResNet50Config) -> Tower:
    """The model of a configuration, untrained."""
    return Tower(
        stages(config), stream=config.stream, chunk=config.chunk, least=(config.chunk, 32, 32)
    )


def expects(config: ResNet50Config) -> ClipSpec:
    """The clips it is made for."""
    return clips_for_towers((config.stream,), frames=config.chunk, size=config.size)


def published_layers(config: ResNet50Config) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return layers_of(stages(config))


def _units(number: int, after: int, count: int, time: int) -> list[Stage]:
    """The units of one stage, `res2a` to `res2c`, each with its ReLU."""
    made = []
    for letter in "abcdefgh"[:count]:
        stride = 2 if letter == "a" and number > 2 else 1
        reach = time if letter == SECOND else 1
        made.append(
            Stage(
                name=f"res{number}{letter}",
                build=lambda before, stride=stride, reach=reach: Unit(
                    before, after, time=reach, stride=stride
                ),
                after=after,
            )
        )
        made.append(Stage(name=f"res{number}{letter}_relu", build=lambda before: nn.ReLU()))
    return made


def _conv1(before: int, after: int) -> Conv:
    return Conv(before, after, kernel=(1, 7, 7), stride=(1, 2, 2), norm=True)


def _conv_in_time(before: int, after: int, time: int, *, relu: bool = True) -> Conv:
    kernel: Size = (time, 1, 1)
    conv = Conv(before, after, kernel=kernel, norm=True, relu=relu)
    if time > 1:
        of_one = Conv(before, after, kernel=(1, 1, 1)).conv.weight[:, :, 0]
        with torch.no_grad():
            conv.conv.weight.copy_(inflated_weight(of_one, time))
    return conv
