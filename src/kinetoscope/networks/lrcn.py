"""LRCN: what does a picture network that remembers make of one frame after the other?

A picture network sees every frame alone; what it finds there goes, in the order of time, through
one layer of long short-term memory, which may keep what it has seen as long as it needs to. A
prediction is made at every frame, of all that was shown until then, and each is trained with a loss
of its own. The probabilities of all frames are averaged, so that the score of a label is the
logarithm of its mean probability.

Source: Donahue et al., "Long-term Recurrent Convolutional Networks for Visual Recognition and
Description", CVPR 2015, section 4 (LRCN on fc6); hidden units and dropout after the authors' code
(train_test_lstm_RGB.prototxt). Their picture network is a hybrid of CaffeNet and that of Zeiler and
Fergus; here it is torchvision's AlexNet to fc6, or any other by name. Torch's layer has two biases
for each of the four gates where Caffe's has one.

    layers                channels   output (time x height x width)
    frames                3          16 x 224 x 224
    picture.features.0    64         16 x  55 x  55   conv1
    picture.features.2               16 x  27 x  27   pool1
    picture.features.3    192        16 x  27 x  27   conv2
    picture.features.5               16 x  13 x  13   pool2
    picture.features.6    384        16 x  13 x  13   conv3
    picture.features.8    256        16 x  13 x  13   conv4
    picture.features.10   256        16 x  13 x  13   conv5
    picture.features.12              16 x   6 x   6   pool5
    picture.avgpool                  16 x   6 x   6
    picture.classifier    4096       16 x   1 x   1   fc6
    recurrent             256        16 x   1 x   1   the state at each frame
    label                 one score per label and frame
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import torch
from einops import rearrange
from torch import nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.errors import unknown_name
from kinetoscope.networks.blocks import Label, check_least
from kinetoscope.networks.pictures.picture_zoo import (
    head_names,
    picture_network,
    preparation,
    without_head,
)
from kinetoscope.networks.streams.fusion import MeanPrediction
from kinetoscope.networks.streams.towers import FLOW_SCALE
from kinetoscope.networks.trial import layers_worth_looking_at
from kinetoscope.tensors import FlowBatch, FrameBatch, Maps, Scores, Volume

Cell = Literal["lstm", "gru"]


@dataclass(frozen=True, kw_only=True)
class LRCNConfig:
    """What may differ between two LRCNs.

    Args:
        labels: how many scores.
        stream: what it is shown; flow as a picture of three channels, the third of which is how
            far a pixel goes, scaled as two-stream networks do (the paper does not say how).
        picture: the picture network that sees each frame, by name.
        features: the layer whose answer is remembered, one of the nn.Sequential that ends in the
            network's scores; an empty word takes what the scores are made from.
        cell: how it is remembered: by long short-term memory or by a gated recurrent unit.
        hidden: units of the memory.
        frames: how many a clip has.
        features_dropout: share of the features left out in training.
        dropout: share of the memory's answers left out in training.
    """

    labels: int = 101  # UCF-101
    stream: Stream = "frames"
    picture: str = "alexnet"
    features: str = "classifier.2"
    cell: Cell = "lstm"
    hidden: int = 256
    frames: int = 16
    features_dropout: float = 0.9
    dropout: float = 0.5


PUBLISHED = LRCNConfig()

VARIANTS = {
    "lrcn_alexnet": PUBLISHED,
    "lrcn_alexnet_toy": replace(
        PUBLISHED, labels=3, picture="zfnet_toy", features="", hidden=4, frames=4
    ),
}


class LRCN(nn.Module):
    """A picture network at every frame, a memory over them, one score per label and frame."""

    def __init__(self, config: LRCNConfig):
        super().__init__()
        size = preparation(config.picture).size
        self.least = (1, size, size)
        self.prepare = FlowPicture() if config.stream == "flow" else nn.Identity()
        self.picture, features = _features(config)
        self.features_dropout = nn.Dropout(config.features_dropout)
        self.recurrent = Recurrent(features, config.hidden, cell=config.cell)
        self.dropout = nn.Dropout(config.dropout)
        self.label = Label(config.hidden, config.labels)
        self.mean = MeanPrediction()

    def forward(self, stream: Volume) -> Scores:
        return self.mean(self.branches(stream))

    def branches(self, stream: Volume) -> tuple[Scores, ...]:
        """The raw scores at each frame."""
        check_least(stream, self.least)
        pictures = rearrange(
            self.prepare(stream),
            "clip channel time height width -> (clip time) channel height width",
        )
        features = rearrange(
            self.picture(pictures),
            "(clip time) channel -> clip channel time 1 1",
            clip=stream.shape[0],  # len() would fix how many clips an exported network takes
        )
        memory = self.recurrent(self.features_dropout(features))
        scores = self.label(self.dropout(memory))
        return rearrange(scores, "clip label time 1 1 -> clip label time").unbind(dim=2)


class FlowPicture(nn.Module):
    """Flow as a picture: how far a pixel goes right, how far down, and how far at all."""

    def forward(self, flow: FlowBatch) -> FrameBatch:
        return torch.cat([flow, flow.norm(dim=1, keepdim=True)], dim=1)


class Recurrent(nn.Module):
    """One recurrent layer along time, which answers its state at each time.

    Args:
        before: channels it takes.
        hidden: channels of its state.
        cell: of which kind it is.
    """

    def __init__(self, before: int, hidden: int, *, cell: Cell):
        super().__init__()
        kind = {"lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.cell = kind(before, hidden, batch_first=True)

    def forward(self, x: Volume) -> Maps:
        states, _ = self.cell(rearrange(x, "clip channel time 1 1 -> clip time channel"))
        return rearrange(states, "clip time channel -> clip channel time 1 1")


def build(config: LRCNConfig) -> LRCN:
    """The model of a configuration, untrained."""
    return LRCN(config)


def expects(config: LRCNConfig) -> ClipSpec:
    """The clips it is made for, prepared as pictures are for its picture network."""
    prepared = preparation(config.picture)
    return ClipSpec(
        streams=(config.stream,),
        frames=config.frames,
        short_side=prepared.short_side,
        size=(prepared.size, prepared.size),
        mean=prepared.mean,
        std=prepared.std,
        flow_scale=FLOW_SCALE,
    )


@lru_cache(maxsize=16)
def published_layers(config: LRCNConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    with torch.device("meta"):
        return layers_worth_looking_at(build(config), expects(config))


def _features(config: LRCNConfig) -> tuple[nn.Module, int]:
    """The picture network to its features, and how many there are.

    Raises:
        UnknownNameError: it has no such layer of features; says which it has.
    """
    picture = picture_network(config.picture)
    if not config.features:
        return without_head(picture)
    path = head_names(picture)[-1].rpartition(".")[0]
    last = picture.get_submodule(path)
    names = [f"{path}.{name}" for name, _ in last.named_children()][:-1]
    if not isinstance(last, nn.Sequential) or config.features not in names:
        known = names if isinstance(last, nn.Sequential) else []
        raise unknown_name(f"layer of features of {config.picture}", config.features, known)
    kept = names.index(config.features) + 1
    following = next(each for each in last[kept:] if isinstance(each, nn.Linear))
    picture.set_submodule(path, last[:kept])
    return picture, following.in_features
