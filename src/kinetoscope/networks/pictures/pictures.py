"""What does a network for pictures see in a clip?

Any network for pictures becomes one for clips, in one of three ways. Shown frames, it scores one
frame of every segment of a clip, and the segments agree on their mean, their maximum, or a learned
weighting; or their features are compared before they are scored (late fusion). Shown flow, its
first filters become the mean of the colours' filters, and a segment is the stack of all its flow.
Inflated, its filters see time as well, and it is shown all frames. What it learned of pictures goes
into all three (`load_pictures`).

    frames_resnet50                               one frame
    frames_resnet50, segments=3, chunk=10         temporal segments: a frame of every ten
    frames_resnet50, segments=2, chunk=15, consensus="late"     two frames half a second apart
    frames_resnet50, stream="flow", chunk=10      twenty channels of flow
    frames_resnet50, inflated=True, chunk=16      a clip of sixteen frames

Source: Wang et al., "Temporal Segment Networks", ECCV 2016, section 3 (segments, consensus, flow);
Karpathy et al., "Large-scale Video Classification with Convolutional Neural Networks", CVPR 2014,
section 3.1 (late fusion: here features meet at the layer that scores them); Carreira and Zisserman,
"Quo Vadis, Action Recognition?", CVPR 2017, section 2.3 (inflation).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.errors import ClipError, RecipeError
from kinetoscope.networks.blocks import Sample, check_least
from kinetoscope.networks.pictures.inflate import TimePadding, inflate, with_channels
from kinetoscope.networks.pictures.picture_zoo import (
    CLASSICS,
    Colour,
    course_layers,
    head_names,
    picture_names,
    picture_network,
    preparation,
    without_head,
)
from kinetoscope.networks.pictures.shift import add_shift
from kinetoscope.networks.streams.fusion import StackFlow
from kinetoscope.networks.trial import layers_worth_looking_at
from kinetoscope.tensors import Scores, Volume

__all__ = ["head_names", "picture_names", "picture_network", "without_head"]

Agreement = Literal["average", "max", "weighted", "late"]

FLOW_SCALE = 40.0
"""The motion shown as one standard deviation of colours. The papers show 20 pixels as 127.5 grey
levels of 255 to filters made for pictures: 20 * 255 / 127.5 [pixels per frame]."""


@dataclass(frozen=True, kw_only=True)
class PictureConfig:
    """What may differ between two ways to show clips to a network for pictures.

    Args:
        network: the name of the network for pictures.
        labels: how many scores.
        stream: what it is shown.
        segments: how many pieces a clip is cut into, one after the other.
        chunk: length of a segment [frames]: its middle frame is shown, or all its flow, stacked; or
            all of it, where the network is inflated.
        consensus: how segments become one answer; "late" scores the features of all together.
        shift: whether its residual blocks see the frames before and after (temporal shift).
        inflated: whether its convolutions see time.
        extent: how much of it those that see more than a pixel do then [frames].
        time_padding: what lies before and after a clip then.
        size: height and width of its clips [pixels].
        short_side: of the frames they are cut from [pixels].
        mean, std: of RGB in [0, 1].
    """

    network: str
    labels: int = 1000
    stream: Stream = "frames"
    segments: int = 1
    chunk: int = 1
    consensus: Agreement = "average"
    shift: bool = False
    inflated: bool = False
    extent: int = 3
    time_padding: TimePadding = "zeros"
    size: int = 224
    short_side: int = 256
    mean: Colour = (0.485, 0.456, 0.406)
    std: Colour = (0.229, 0.224, 0.225)


class SegmentedPictures(nn.Module):
    """A network for pictures over one frame, or the stacked flow, of every segment of a clip."""

    def __init__(self, config: PictureConfig):
        super().__init__()
        self.segments, self.chunk = config.segments, config.chunk
        self.any_length = config.consensus in ("average", "max") and not config.shift
        flow = config.stream == "flow"
        self.prepare = (
            StackFlow(config.chunk) if flow else Sample(config.chunk, start=config.chunk // 2)
        )
        model = picture_network(config.network, labels=config.labels)
        self.model = with_channels(model, 2 * config.chunk) if flow else model
        if config.shift:
            add_shift(self.model, config.segments)
        features = without_head(self.model)[1] if config.consensus == "late" else 0
        self.consensus = _consensus(config, features)

    def forward(self, stream: Volume) -> Scores:
        self._check(stream)
        pictures = rearrange(
            self.prepare(stream),
            "clip channel time height width -> (clip time) channel height width",
        )
        answers = self.model(pictures)
        return self.consensus(
            rearrange(answers, "(clip segment) answer -> clip answer segment", clip=stream.shape[0])
        )

    def _check(self, stream: Volume) -> None:
        check_least(stream, (self.segments * self.chunk, 1, 1))
        segments = stream.shape[2] // self.chunk
        if not self.any_length and segments != self.segments:
            raise ClipError(
                "the network weighs as many segments as it was built with",
                got=f"{stream.shape[2]} frames, which are {segments} segments",
                expected=f"{self.segments} segments of {self.chunk} frames",
            )


class InflatedPictures(nn.Module):
    """A network for pictures whose convolutions see time."""

    def __init__(self, config: PictureConfig):
        super().__init__()
        model = picture_network(config.network, labels=config.labels)
        if config.stream == "flow":
            model = with_channels(model, 2)
        self.model = inflate(model, time=config.extent, padding=config.time_padding)

    def forward(self, stream: Volume) -> Scores:
        return self.model(stream)


class AverageConsensus(nn.Module):
    """The mean of the segments' scores."""

    def forward(self, scores: Tensor) -> Scores:
        return scores.mean(dim=2)


class MaxConsensus(nn.Module):
    """Of each label, the highest score of all segments."""

    def forward(self, scores: Tensor) -> Scores:
        return scores.amax(dim=2)


class WeightedConsensus(nn.Module):
    """A weighted mean of the segments' scores, whose weights are learned; it starts as the mean."""

    def __init__(self, segments: int):
        super().__init__()
        self.weights = nn.Parameter(torch.full((segments,), 1 / segments))

    def forward(self, scores: Tensor) -> Scores:
        return scores @ self.weights


class LateFusion(nn.Module):
    """Scores from the features of all segments together."""

    def __init__(self, features: int, segments: int, labels: int):
        super().__init__()
        self.label = nn.Linear(features * segments, labels)

    def forward(self, features: Tensor) -> Scores:
        return self.label(rearrange(features, "clip feature segment -> clip (segment feature)"))


def variant(name: str) -> PictureConfig:
    """The configuration of `frames_` and the name of a network for pictures.

    Raises:
        UnknownNameError: there is no such network; says which are near.
        MissingPackageError: only timm could have it, and timm is not installed.
    """
    prepared = preparation(name)
    return PictureConfig(
        network=name,
        labels=prepared.labels,
        size=prepared.size,
        short_side=prepared.short_side,
        mean=prepared.mean,
        std=prepared.std,
    )


def build(config: PictureConfig) -> nn.Module:
    """The model of a configuration, untrained.

    Raises:
        RecipeError: an inflated network is to have segments, which it sees in one.
    """
    if not config.inflated:
        return SegmentedPictures(config)
    if config.segments != 1 or config.consensus != "average":
        raise RecipeError(
            f"an inflated {config.network} sees a clip in one",
            got=f"segments={config.segments}, consensus={config.consensus!r}",
            expected="segments=1, and a chunk as long as the clip",
        )
    return InflatedPictures(config)


def expects(config: PictureConfig) -> ClipSpec:
    """The clips it is made for; pictures as its library prepares them."""
    return ClipSpec(
        streams=(config.stream,),
        frames=config.segments * config.chunk,
        short_side=config.short_side,
        size=(config.size, config.size),
        mean=config.mean,
        std=config.std,
        flow_scale=round(FLOW_SCALE * sum(config.std) / len(config.std), 3),
    )


@lru_cache(maxsize=64)
def published_layers(config: PictureConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation.

    The published ones of a network of the course; of others all blocks, convolutions and pools.
    """
    if config.network in CLASSICS:
        named = [f"model.{layer}" for layer in course_layers(config.network)]
        return tuple([*named[:-1], "consensus"] if config.consensus == "late" else named)
    with torch.device("meta"):
        model = build(config)
    return layers_worth_looking_at(model, expects(config))


def label_names(config: PictureConfig) -> tuple[str, ...]:
    """ImageNet's classes in the order of torchvision's weights; numbers for other networks."""
    from torchvision import models

    if config.labels == 1000 and config.network in models.list_models(module=models):
        return tuple(models.ResNet50_Weights.IMAGENET1K_V2.meta["categories"])
    return tuple(f"label {place}" for place in range(config.labels))


def _consensus(config: PictureConfig, features: int) -> nn.Module:
    match config.consensus:
        case "average":
            return AverageConsensus()
        case "max":
            return MaxConsensus()
        case "weighted":
            return WeightedConsensus(config.segments)
        case "late":
            return LateFusion(features, config.segments, config.labels)
