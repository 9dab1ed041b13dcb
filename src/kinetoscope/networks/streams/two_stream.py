"""Two-stream fusion: where should what is seen meet what moves?

Two towers look at a clip: one at a frame of every chunk, one at the stacked flow of that chunk.
Where they meet, their maps are brought together place by place: in `two_stream_vgg16` after the
last convolution, by a learned 3-D convolution that also sees neighbouring chunks; then a 3-D pool
gathers all chunks. The fused tower and the motion tower each predict; the answer is the mean of
both probabilities. They may meet after any layer, after several, by other fusions, or never:
`two_stream_cnn_m` only averages two predictions, as the first two-stream network did.

Source: Feichtenhofer, Pinz, Zisserman, "Convolutional Two-Stream Network Fusion for Video Action
Recognition", CVPR 2016, sections 3 and 4; without fusion of maps: Simonyan and Zisserman,
"Two-Stream Convolutional Networks for Action Recognition in Videos", NIPS 2014. A clip is 5 chunks
of 10 frames, one after the other; in the paper chunks may also lie apart or overlap. Their hidden
layers are convolutions, so that larger frames are looked at densely, as the papers test.

    layers                 channels   output (time x height x width)
    frames and flow        3 and 2    50 x 224 x 224
    prepare                3 and 20    5 x 224 x 224   a middle frame; the flow of 10, stacked
    conv1_1 conv1_2        64          5 x 224 x 224   appearance.conv1_1, motion.conv1_1, ...
    pool1                              5 x 112 x 112
    conv2_1 conv2_2        128         5 x 112 x 112
    pool2                              5 x  56 x  56
    conv3_1 ... conv3_3    256         5 x  56 x  56
    pool3                              5 x  28 x  28
    conv4_1 ... conv4_3    512         5 x  28 x  28
    pool4                              5 x  14 x  14
    conv5_1 ... conv5_3    512         5 x  14 x  14
    fusion                 512         5 x  14 x  14   1024 with concatenation
    pool5                              1 x   7 x   7   pool5 to label again in motion
    fc6 fc7                4096        1 x   1 x   1
    label                  one score per label
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, get_args

import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.errors import RecipeError
from kinetoscope.networks.pictures.picture_zoo import preparation
from kinetoscope.networks.streams import cnn_m, picture_tower, resnet50, vgg16
from kinetoscope.networks.streams.fusion import (
    AT_THE_END,
    FusionKind,
    MeanPrediction,
    PadSmaller,
    SVMFusion,
    fused_channels,
    fusion_module,
)
from kinetoscope.networks.streams.towers import (
    Stage,
    Tower,
    add_stages,
    answers_of,
    channels_at,
    clips_for_towers,
    cut,
    fused_after,
    layers_of,
    run_stages,
    scoring,
)
from kinetoscope.tensors import FlowBatch, FrameBatch, Scores, Size


@dataclass(frozen=True, kw_only=True)
class TwoStreamConfig:
    """What may differ between two two-stream networks.

    Args:
        labels: how many scores.
        appearance, motion: the towers: "vgg16", "cnn_m", "resnet50", or any other network for
            pictures, such as "googlenet".
        fusion: how the streams become one. "late" averages two separate predictions; "svm" gives
            them to a machine that is fitted afterwards.
        fuse_after: the layer after which they meet, or several joined by "+"; its name in the
            motion tower after a "/" where that is another: "conv3_3+conv5_3", "conv5_3/conv5".
        fusion_kernel: extent of the fusion's convolution [frames, pixels, pixels].
        pad: whether the smaller maps are padded with zeros where the towers' differ in size.
        pool: whether the last pool gathers all chunks ("3d"), or each chunk is scored and the
            scores are averaged ("2d", and always where the towers do not meet).
        keep_motion: whether the motion tower keeps its own prediction, averaged with the fused one;
            otherwise it ends where they meet last. It always does where they do not meet.
        chunks: how many chunks a clip has, one after the other.
        chunk: length of a chunk: one frame is shown, and all of its flow [frames].
        channels: of the five stages of the appearance tower, and of motion where it is the same
            network; another, and any that is not spelled out here, has its own.
        hidden: units of fc6 in "vgg16" and "cnn_m".
        dropout: share of the hidden units left out in training.
        size: height and width of its clips [pixels], for "vgg16" a multiple of 32.
    """

    labels: int = 101  # UCF-101
    appearance: str = "vgg16"
    motion: str = "vgg16"
    fusion: FusionKind = "conv"
    fuse_after: str = "conv5_3"
    fusion_kernel: Size = (3, 3, 3)
    pad: bool = False
    pool: Literal["2d", "3d"] = "3d"
    keep_motion: bool = True
    chunks: int = 5
    chunk: int = 10
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    dropout: float = 0.85
    size: int = 224


VGG16 = TwoStreamConfig()
CNN_M = TwoStreamConfig(
    appearance="cnn_m",
    motion="cnn_m",
    fusion="late",
    fuse_after="conv5",
    pool="2d",
    chunks=1,
    channels=(96, 256, 512, 512, 512),
    dropout=0.9,
)
RESNET50 = TwoStreamConfig(
    appearance="resnet50",
    motion="resnet50",
    fuse_after="res5c_relu",
    fusion_kernel=(1, 1, 1),
    channels=(64, 256, 512, 1024, 2048),
    dropout=0.8,
)
INCEPTION = TwoStreamConfig(
    appearance="googlenet",
    motion="googlenet",
    fusion="late",
    fuse_after="inception5b",
    pool="2d",
    chunks=3,
    chunk=5,
    dropout=0.8,
)

VARIANTS = {
    "two_stream_vgg16": VGG16,
    "two_stream_cnn_m": CNN_M,
    "two_stream_resnet50": RESNET50,
    "two_stream_inception": INCEPTION,
    "two_stream_vgg16_toy": replace(
        VGG16, labels=3, chunks=2, chunk=3, channels=(2, 3, 4, 5, 6), hidden=8, size=64
    ),
    "two_stream_cnn_m_toy": replace(
        CNN_M, labels=3, chunk=3, channels=(2, 3, 4, 4, 5), hidden=8, size=64
    ),
    "two_stream_resnet50_toy": replace(
        RESNET50, labels=3, chunks=2, chunk=3, channels=(3, 4, 8, 8, 12), size=64
    ),
    "two_stream_inception_toy": replace(  # any network for pictures is a tower in the same way
        INCEPTION, labels=3, appearance="nin_toy", motion="nin_toy", chunk=3, size=64
    ),
}


class TwoStream(nn.Module):
    """Two towers, fused after some layers; one prediction from both, one from motion alone."""

    def __init__(self, config: TwoStreamConfig):
        super().__init__()
        plan = plan_of(config)
        _check_maps(config, plan.points)
        least = (config.chunk * _gathered(config), config.size, config.size)
        self.points = plan.points
        self.appearance = Tower(plan.appearance, stream="frames", chunk=config.chunk, least=least)
        self.motion = Tower(plan.motion, stream="flow", chunk=config.chunk, least=least)
        self.pad = PadSmaller() if config.pad else None
        for point in plan.points:
            self.add_module(point.name, _fusion(config, point))
        self.rest = add_stages(self, plan.rest, plan.points[-1].fused if plan.points else 0)
        self.svm = SVMFusion(config.labels) if config.fusion == "svm" else None
        self.mean = MeanPrediction()
        self.keep_motion = config.keep_motion

    def forward(self, frames: FrameBatch, flow: FlowBatch) -> Scores:
        branches = self.branches(frames, flow)
        if self.svm is None or self.training:  # it is fitted to what the streams have learned
            return self.mean(branches)
        return self.svm(branches)

    def branches(self, frames: FrameBatch, flow: FlowBatch) -> tuple[Scores, ...]:
        """The raw scores of each prediction, the fused one first."""
        if not self.points:
            return self.appearance(frames), self.motion(flow)
        both, motion, before = frames, flow, Point()
        for point in self.points:
            both = self.appearance.run(both, after=before.appearance, until=point.appearance)
            motion = self.motion.run(motion, after=before.motion, until=point.motion)
            met = (both, motion) if self.pad is None else self.pad(both, motion)
            both, before = self.get_submodule(point.name)(*met), point
        scores = run_stages(self, self.rest, both)
        return (
            (scores, self.motion.run(motion, after=before.motion))
            if self.keep_motion
            else (scores,)
        )


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where two towers meet.

    Args:
        appearance, motion: the layer of either tower.
        name: of the module that brings them together.
        channels: of either tower's maps.
        fused: of what it answers.
    """

    appearance: str = ""
    motion: str = ""
    name: str = "fusion"
    channels: int = 0
    fused: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Which stages stand where.

    Args:
        points: where the towers meet, in the order of computation.
        appearance: stages of the appearance tower, up to the last point.
        motion: of the motion tower, to its end where it keeps its prediction.
        rest: of what comes after the last point.
    """

    points: tuple[Point, ...]
    appearance: tuple[Stage, ...]
    motion: tuple[Stage, ...]
    rest: tuple[Stage, ...] = ()


def plan_of(config: TwoStreamConfig) -> Plan:
    """Which stages stand where, by a configuration.

    Raises:
        UnknownNameError: there is no such layer or tower; says which are near.
        RecipeError: the towers can't meet in this order.
    """
    appearance, motion = _stages(config, "frames"), _stages(config, "flow")
    if config.fusion in AT_THE_END:
        return Plan(points=(), appearance=appearance, motion=motion)
    pairs = _pairs(config, appearance, motion)
    points = []
    for number, (one, other) in enumerate(pairs):
        last = number == len(pairs) - 1
        channels = channels_at(appearance, one)
        fused = fused_channels(config.fusion, channels)
        name = "fusion" if last else f"fusion_{one}"
        points.append(
            Point(appearance=one, motion=other, name=name, channels=channels, fused=fused)
        )
        appearance = fused_after(appearance, one, fused)
    end, motion_end = cut(appearance, pairs[-1][0]), cut(motion, pairs[-1][1])
    return Plan(
        points=tuple(points),
        appearance=appearance[:end],
        motion=motion if config.keep_motion else motion[:motion_end],
        rest=scoring(config.labels) if config.fusion == "bilinear" else appearance[end:],
    )


def build(config: TwoStreamConfig) -> TwoStream:
    """The model of a configuration, untrained."""
    return TwoStream(config)


def expects(config: TwoStreamConfig) -> ClipSpec:
    """The clips it is made for."""
    spec = clips_for_towers(
        ("frames", "flow"), frames=config.chunks * config.chunk, size=config.size
    )
    if config.appearance in _SPELLED_OUT:
        return spec
    pictures = preparation(config.appearance)
    return replace(spec, mean=pictures.mean, std=pictures.std)


def published_layers(config: TwoStreamConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    plan = plan_of(config)
    appearance, motion = layers_of(plan.appearance), layers_of(plan.motion)
    found, seen, seen_of_motion = [], 0, 0
    for point in plan.points:
        end, motion_end = appearance.index(point.appearance) + 1, motion.index(point.motion) + 1
        found += [f"appearance.{layer}" for layer in appearance[seen:end]]
        found += [f"motion.{layer}" for layer in motion[seen_of_motion:motion_end]]
        found.append(point.name)
        seen, seen_of_motion = end, motion_end
    found += [f"appearance.{layer}" for layer in appearance[seen:]]
    found += layers_of(plan.rest)
    found += [f"motion.{layer}" for layer in motion[seen_of_motion:]]
    return (*found, "svm") if config.fusion == "svm" else tuple(found)


_SPELLED_OUT = ("vgg16", "cnn_m", "resnet50")


def _stages(config: TwoStreamConfig, stream: Stream) -> tuple[Stage, ...]:
    kind = config.appearance if stream == "frames" else config.motion
    gathered = _gathered(config)
    shared: dict[str, Any] = {
        "labels": config.labels,
        "stream": stream,
        "chunk": config.chunk,
        "dropout": config.dropout,
        "size": config.size,
    }
    if kind not in _SPELLED_OUT:
        return picture_tower.stages(kind, gathered=gathered, **shared)
    if kind == config.appearance:
        shared["channels"] = config.channels
    if kind == "resnet50":
        tower = resnet50.ResNet50Config(**shared)
        return resnet50.stages(tower, gathered=gathered, step=2)
    shared["hidden"] = config.hidden
    if kind == "vgg16":
        return vgg16.stages(vgg16.VGG16Config(**shared), gathered=gathered)
    return cnn_m.stages(cnn_m.CNNMConfig(**shared), gathered=gathered)


def _gathered(config: TwoStreamConfig) -> int:
    """How many chunks the last pool makes one of."""
    return 1 if config.pool == "2d" or config.fusion in AT_THE_END else config.chunks


def _fusion(config: TwoStreamConfig, point: Point) -> nn.Module:
    return fusion_module(
        config.fusion,
        point.channels,
        kernel=config.fusion_kernel,
        relu=point.appearance != "label",
        over_time=config.pool == "3d",
    )


def _pairs(
    config: TwoStreamConfig, appearance: Sequence[Stage], motion: Sequence[Stage]
) -> list[tuple[str, str]]:
    """The layers after which the towers meet, of appearance and of motion."""
    pairs = []
    for text in config.fuse_after.split("+"):
        one, slash, other = (part.strip() for part in text.partition("/"))
        pairs.append((one, other if slash else one))
    ends = [(cut(appearance, one), cut(motion, other)) for one, other in pairs]
    for before, after in pairwise(ends):
        if not (before[0] < after[0] and before[1] < after[1]):
            raise RecipeError(
                "the streams can't meet in this order",
                got=f'fuse_after = "{config.fuse_after}"',
                expected="layers in the order of computation",
            )
    if config.fusion == "bilinear" and len(pairs) > 1:
        raise RecipeError(
            "after bilinear fusion there are no places left to meet at",
            got=f'fuse_after = "{config.fuse_after}"',
            expected="one layer",
        )
    return pairs


def _check_maps(config: TwoStreamConfig, points: Sequence[Point]) -> None:
    """Refuse maps that do not fit, before any weights are made."""
    if not points:
        return
    clip = (config.chunks * config.chunk, config.size, config.size)
    with torch.device("meta"):
        appearance, motion = (
            answers_of(_stages(config, stream), stream=stream, chunk=config.chunk, clip=clip)
            for stream in get_args(Stream)
        )
    for point in points:
        where = f"{point.appearance} and {point.motion}"
        _check_pair(config, where, appearance[point.appearance], motion[point.motion])


def _check_pair(
    config: TwoStreamConfig, where: str, one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    if one[0] != other[0] and config.fusion != "bilinear":
        raise RecipeError(
            f"the towers' maps differ in channels after {where}",
            got=f"{one[0]} of appearance, {other[0]} of motion",
            expected="as many",
            hint="fuse after other layers; bilinear fusion takes any two",
        )
    if one[1:] != other[1:] and not (config.pad and one[1] == other[1]):
        raise RecipeError(
            f"the towers' maps differ in size after {where}",
            got="{} x {} x {} of appearance, {} x {} x {} of motion".format(*one[1:], *other[1:]),
            expected="maps of one size",
            hint="pad = true lays zeros beside the smaller ones; or fuse after other layers",
        )
