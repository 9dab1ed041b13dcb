"""ST-ResNet: what if motion speaks to appearance all along, and both look at other moments?

Two ResNet-50 towers, one at a frame of every chunk and one at its stacked flow. In each of the four
stages what motion has found is added to what appearance goes on to look at: its second unit finds
residues in the sum, while its shortcut carries appearance alone. The 1x1 convolutions of that unit,
in both towers, also see the chunk before and the one after; so the last unit sees 17 chunks. Each
tower gathers its chunks by their largest answers and predicts; the answer is the mean of both.

Source: Feichtenhofer, Pinz, Wildes, "Spatiotemporal Residual Networks for Video Action
Recognition", NIPS 2016, section 3; where motion enters, and what is pooled, as in the authors' code
(`STResNet_stage1.m`, `STResNet_stage2.m`). Filters over time start as equal parts of those of one
chunk. The chunks lie one after the other, as in `two_stream_vgg16`; with `chunks=11` it is the
paper's ST-ResNet*.

    layers            channels   output (time x height x width)
    frames and flow   3 and 2    50 x 224 x 224
    prepare           3 and 20    5 x 224 x 224   a middle frame; the flow of 10, stacked
    conv1             64          5 x 112 x 112   appearance.conv1, motion.conv1, ...
    pool1                         5 x  56 x  56
    res2a             256         5 x  56 x  56
    fusion_res2a      256         5 x  56 x  56   the same after res3a, res4a, res5a
    res2b res2c       256         5 x  56 x  56   res2b sees three chunks
    res3a res3d       512         5 x  28 x  28   res3b, res3c
    res4a res4f       1024        5 x  14 x  14   res4b, ..., res4e
    res5a res5c       2048        5 x   7 x   7   res5b
    gather                        1 x   7 x   7   the largest of 5 chunks, every second time
    average                       1 x   1 x   1
    label             one score per label
"""

from dataclasses import dataclass, replace

from torch import Tensor, nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.streams.fusion import MeanPrediction, SumFusion
from kinetoscope.networks.streams.resnet50 import SECOND, TOY_CHANNELS, ResNet50Config, stages
from kinetoscope.networks.streams.towers import Stage, Tower, clips_for_towers, layers_of
from kinetoscope.tensors import FlowBatch, FrameBatch, Scores

STAGES = ("res2", "res3", "res4", "res5")


@dataclass(frozen=True, kw_only=True)
class STResNetConfig:
    """What may differ between two ST-ResNets.

    Args:
        labels: how many scores.
        time: what the second unit of each stage sees [chunks], an odd number.
        chunks: how many chunks a clip has, one after the other.
        chunk: length of a chunk: one frame is shown, and all of its flow [frames].
        gathered: how many chunks are made one of before the scores.
        step: from one of those to the next [chunks].
        channels: of conv1 and of the units of the four stages, these multiples of 4.
        units: how many the four stages have, two or more.
        dropout: share of the features left out in training.
        size: height and width of its clips [pixels].
    """

    labels: int = 101  # UCF-101
    time: int = 3
    chunks: int = 5
    chunk: int = 10
    gathered: int = 5
    step: int = 2
    channels: tuple[int, int, int, int, int] = (64, 256, 512, 1024, 2048)
    units: tuple[int, int, int, int] = (3, 4, 6, 3)
    dropout: float = 0.0
    size: int = 224


ST_RESNET50 = STResNetConfig()

VARIANTS = {
    "st_resnet50": ST_RESNET50,
    "st_resnet50_toy": replace(
        ST_RESNET50,
        labels=3,
        chunks=3,
        chunk=3,
        gathered=3,
        channels=TOY_CHANNELS,
        units=(2, 2, 2, 2),
        size=64,
    ),
}


class STResNet(nn.Module):
    """Two towers, motion added to appearance in every stage; a prediction of each."""

    def __init__(self, config: STResNetConfig):
        super().__init__()
        self.appearance, self.motion = _tower(config, "frames"), _tower(config, "flow")
        for stage in STAGES:
            self.add_module(f"fusion_{stage}a", SumFusion())
        self.mean = MeanPrediction()

    def forward(self, frames: FrameBatch, flow: FlowBatch) -> Scores:
        return self.mean(self.branches(frames, flow))

    def branches(self, frames: FrameBatch, flow: FlowBatch) -> tuple[Scores, ...]:
        """The raw scores of appearance, which has seen motion, and of motion."""
        appearance, motion, before = frames, flow, ""
        for stage in STAGES:
            first, second = f"{stage}a", f"{stage}{SECOND}"
            appearance = self.appearance.run(appearance, after=before, until=first)
            motion = self.motion.run(motion, after=before, until=f"{first}_relu")
            seen = self.get_submodule(f"fusion_{first}")(appearance, motion)
            appearance = self._second(first, second, appearance, seen)
            motion = self.motion.run(motion, after=f"{first}_relu", until=second)
            before = second
        return self.appearance.run(appearance, after=before), self.motion.run(motion, after=before)

    def _second(self, first: str, second: str, x: Tensor, seen: Tensor) -> Tensor:
        """The unit that motion enters: its shortcut carries appearance alone."""
        carried = self.appearance.get_submodule(f"{first}_relu")(x)
        return self.appearance.get_submodule(second)(carried, seen)


def build(config: STResNetConfig) -> STResNet:
    """The model of a configuration, untrained."""
    return STResNet(config)


def expects(config: STResNetConfig) -> ClipSpec:
    """The clips it is made for."""
    frames = config.chunks * config.chunk
    return clips_for_towers(("frames", "flow"), frames=frames, size=config.size)


def published_layers(config: STResNetConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    layers, found, start = layers_of(_stages(config, "frames")), [], 0
    for stage in STAGES:
        first = layers.index(f"{stage}a")
        found += [f"appearance.{layer}" for layer in layers[start : first + 1]]
        found += [f"motion.{layer}" for layer in layers[start : first + 2]]
        found.append(f"fusion_{stage}a")
        found += [f"appearance.{layer}" for layer in layers[first + 1 : first + 3]]
        found.append(f"motion.{layers[first + 2]}")
        start = first + 3
    found += [f"appearance.{layer}" for layer in layers[start:]]
    return (*found, *(f"motion.{layer}" for layer in layers[start:]))


def _tower(config: STResNetConfig, stream: Stream) -> Tower:
    least = (config.gathered * config.chunk, 32, 32)
    return Tower(_stages(config, stream), stream=stream, chunk=config.chunk, least=least)


def _stages(config: STResNetConfig, stream: Stream) -> tuple[Stage, ...]:
    tower = ResNet50Config(
        labels=config.labels,
        stream=stream,
        chunk=config.chunk,
        channels=config.channels,
        units=config.units,
        dropout=config.dropout,
        size=config.size,
    )
    return stages(tower, gathered=config.gathered, step=config.step, time=config.time)
