"""GRU-RCN: what is remembered of a clip at every level of a picture network, place by place?

A recurrent layer behind a picture network sees what the last layer has left of each frame, and
fine motion is gone by then. Here five levels of VGG-16 have a recurrent layer each, whose products
are convolutions, so that every place remembers what it and its neighbours have seen:

    z(t) = sigmoid(W_z * x(t) + U_z * h(t-1))      update: how much of the state is new
    r(t) = sigmoid(W_r * x(t) + U_r * h(t-1))      reset: how much of the old state is asked
    c(t) = tanh(W * x(t) + U * (r(t) . h(t-1)))    candidate
    h(t) = (1 - z(t)) . h(t-1) + z(t) . c(t)       state, from h(0) = 0

The mean over places of each level's last state is scored, and the five probabilities are averaged.
Stacked, the gates of a level also see the state of the level below, max-pooled to its size:
W_zl * h_below(t) and W_rl * h_below(t) are added. Bidirectional, five more layers read the clip
from its end, and each level is scored by the last states of both.

Source: Ballas, Yao, Pal, Courville, "Delving Deeper into Convolutional Networks for Learning Video
Representations", ICLR 2016, sections 3.1, 3.2 and 5.1. Each W has a bias, which the paper's
formulas leave out. fc7 has one place, so its kernels are 1x1: of 3x3 the middle alone would count.

    layers                 channels   output (time x height x width)
    frames                 3          10 x 224 x 224
    conv1_1 conv1_2        64         10 x 224 x 224   tower.conv1_1, ...
    pool1                             10 x 112 x 112
    conv2_1 conv2_2        128        10 x 112 x 112
    pool2                             10 x  56 x  56
    conv3_1 ... conv3_3    256        10 x  56 x  56
    pool3                             10 x  28 x  28
    conv4_1 ... conv4_3    512        10 x  28 x  28
    pool4                             10 x  14 x  14
    conv5_1 ... conv5_3    512        10 x  14 x  14
    pool5                             10 x   7 x   7
    fc6 fc7                4096       10 x   1 x   1
    gru.pool2              64         10 x  56 x  56   states; with two directions also back.pool2
    gru.pool3              128        10 x  28 x  28
    gru.pool4              256        10 x  14 x  14
    gru.pool5              256        10 x   7 x   7
    gru.fc7                512        10 x   1 x   1
    label.pool2 ...        one score per label
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.networks.blocks import Label
from kinetoscope.networks.streams.fusion import MeanPrediction
from kinetoscope.networks.streams.towers import Stage, Tower, clips_for_towers, layers_of
from kinetoscope.networks.streams.vgg16 import SHRINKING, VGG16Config, stages
from kinetoscope.tensors import Maps, Scores, Volume

LEVELS = ("pool2", "pool3", "pool4", "pool5", "fc7")


@dataclass(frozen=True, kw_only=True)
class GRURCNConfig:
    """What may differ between two GRU-RCNs.

    Args:
        labels: how many scores.
        stream: what it is shown.
        steps: how many times a state is renewed in a clip.
        chunk: length of a step: one frame of it is shown, or all of its flow [frames].
        states: channels of the five states.
        stacked: whether the gates of a level also see the state of the level below.
        bidirectional: whether a second set of recurrent layers reads the clip from its end.
        dropout: share of each level's summary left out in training.
        channels: of the five stages of VGG-16.
        hidden: units of fc6 and of fc7.
        tower_dropout: share of these left out in training.
        size: height and width of its clips [pixels], a multiple of 32.
    """

    labels: int = 101  # UCF-101
    stream: Stream = "frames"
    steps: int = 10
    chunk: int = 1
    states: tuple[int, int, int, int, int] = (64, 128, 256, 256, 512)
    stacked: bool = False
    bidirectional: bool = False
    dropout: float = 0.7
    channels: tuple[int, int, int, int, int] = (64, 128, 256, 512, 512)
    hidden: int = 4096
    tower_dropout: float = 0.5
    size: int = 224


PUBLISHED = GRURCNConfig()

VARIANTS = {
    "gru_rcn_vgg16": PUBLISHED,
    "gru_rcn_vgg16_toy": replace(
        PUBLISHED,
        labels=3,
        steps=4,
        states=(2, 3, 4, 4, 5),
        channels=(2, 3, 4, 5, 6),
        hidden=8,
        size=64,
    ),
}


class GRURCN(nn.Module):
    """VGG-16, a recurrent layer on five of its levels, and a prediction from each."""

    def __init__(self, config: GRURCNConfig):
        super().__init__()
        self.tower = Tower(
            _tower_stages(config),
            stream=config.stream,
            chunk=config.chunk,
            least=(config.chunk, config.size, config.size),
        )
        self.gru = Levels(config)
        self.back = Levels(config, backward=True) if config.bidirectional else None
        directions = 2 if config.bidirectional else 1
        self.summary = nn.ModuleDict({level: Summary(config.dropout) for level in LEVELS})
        self.label = nn.ModuleDict(
            {
                level: Label(directions * states, config.labels)
                for level, states in zip(LEVELS, config.states, strict=True)
            }
        )
        self.mean = MeanPrediction()

    def forward(self, stream: Volume) -> Scores:
        return self.mean(self.branches(stream))

    def branches(self, stream: Volume) -> tuple[Scores, ...]:
        """The raw scores of each level."""
        seen = self._percepts(stream)
        onward = self.gru(seen)
        backward = self.back(seen) if self.back is not None else {}
        return tuple(
            label(summary(onward[level], backward.get(level))).flatten(1)
            for (level, summary), label in zip(
                self.summary.items(), self.label.values(), strict=True
            )
        )

    def _percepts(self, stream: Volume) -> dict[str, Tensor]:
        """What the tower answers at each level."""
        x, after = stream, ""
        found: dict[str, Tensor] = {}
        for level in LEVELS:
            found[level] = x = self.tower.run(x, after=after, until=level)
            after = level
        return found


class Levels(nn.ModuleDict):
    """The recurrent layers of all levels, in one direction of time.

    Args:
        config: of the network.
        backward: whether they read the clip from its end.
    """

    def __init__(self, config: GRURCNConfig, *, backward: bool = False):
        super().__init__()
        _, *stages_seen = config.channels
        below, side = None, config.size // SHRINKING
        for level, before, states in zip(
            LEVELS, (*stages_seen, config.hidden), config.states, strict=True
        ):
            last = level == "fc7"
            shrink = nn.MaxPool3d((1, side, side), stride=1) if last else _pool()
            kernel = 1 if last else 3
            self[level] = ConvGRU(
                before,
                states,
                kernel=kernel,
                below=None if below is None else Below(below, states, kernel=kernel, shrink=shrink),
                backward=backward,
            )
            below = states if config.stacked else None

    def forward(self, seen: dict[str, Tensor]) -> dict[str, Tensor]:
        states: dict[str, Tensor] = {}
        below = None
        for level, layer in self.items():
            states[level] = below = layer(seen[level], below)
        return states


class ConvGRU(nn.Module):
    """A gated recurrent unit at every place, whose products are convolutions.

    Its answer is the state at every time, in the clip's order also where it reads the clip from
    its end: there the last state is that of the first frame. `gates` answers how far update and
    reset are open, all channels of the one and then of the other.

    Args:
        before: channels it takes.
        states: channels of its state.
        kernel: height and width of what each product sees [places], odd.
        below: what the gates are told of the state of the level below, if they are.
        backward: whether it reads the clip from its end.
    """

    def __init__(
        self,
        before: int,
        states: int,
        *,
        kernel: int = 3,
        below: nn.Module | None = None,
        backward: bool = False,
    ):
        super().__init__()
        self.from_the_end = backward
        self.w = _product(before, 3 * states, kernel, bias=True)  # W_z, W_r and W
        self.below = below  # W_zl and W_rl
        self.u_gates = _product(states, 2 * states, kernel)  # U_z and U_r
        self.u = _product(states, states, kernel)
        self.gates = nn.Identity()  # the place to read them at, all times together

    def forward(self, x: Volume, below: Tensor | None = None) -> Maps:
        states = self.u.in_channels
        for_gates, for_candidate = self.w(x).split([2 * states, states], dim=1)
        if self.below is not None:
            for_gates = for_gates + self.below(below)
        steps = list(zip(for_gates.split(1, dim=2), for_candidate.split(1, dim=2), strict=True))
        state = torch.zeros_like(steps[0][1])
        found = []
        for for_gate, for_change in reversed(steps) if self.from_the_end else steps:
            gate = torch.sigmoid(for_gate + self.u_gates(state))
            update, reset = gate.chunk(2, dim=1)
            candidate = torch.tanh(for_change + self.u(reset * state))
            state = (1 - update) * state + update * candidate
            found.append((state, gate))
        in_order = found[::-1] if self.from_the_end else found
        self.gates(torch.cat([gate for _, gate in in_order], dim=2))
        return torch.cat([state for state, _ in in_order], dim=2)


class Below(nn.Module):
    """What is added to both gates of a level for the state of the level below.

    Args:
        before: channels of that state.
        states: channels of this level's state.
        kernel: height and width of what the product sees [places], odd.
        shrink: brings the state to this level's size.
    """

    def __init__(self, before: int, states: int, *, kernel: int, shrink: nn.Module):
        super().__init__()
        self.shrink = shrink
        self.w = _product(before, 2 * states, kernel)

    def forward(self, state: Volume) -> Maps:
        return self.w(self.shrink(state))


class Summary(nn.Module):
    """The last state of each direction, its mean over all places, and dropout."""

    def __init__(self, dropout: float):
        super().__init__()
        self.average = nn.AdaptiveAvgPool3d(1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, onward: Volume, backward: Tensor | None = None) -> Maps:
        last = onward[:, :, -1:]
        if backward is not None:
            last = torch.cat([last, backward[:, :, :1]], dim=1)
        return self.dropout(self.average(last))


def build(config: GRURCNConfig) -> GRURCN:
    """The model of a configuration, untrained."""
    return GRURCN(config)


def expects(config: GRURCNConfig) -> ClipSpec:
    """The clips it is made for."""
    return clips_for_towers((config.stream,), frames=config.steps * config.chunk, size=config.size)


def published_layers(config: GRURCNConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation."""
    return (
        *(f"tower.{layer}" for layer in layers_of(_tower_stages(config))),
        *(f"gru.{level}" for level in LEVELS),
        *(f"back.{level}" for level in LEVELS if config.bidirectional),
        *(f"label.{level}" for level in LEVELS),
    )


def _tower_stages(config: GRURCNConfig) -> tuple[Stage, ...]:
    """VGG-16 to fc7."""
    whole = stages(
        VGG16Config(
            stream=config.stream,
            chunk=config.chunk,
            channels=config.channels,
            hidden=config.hidden,
            dropout=config.tower_dropout,
            size=config.size,
        )
    )
    return whole[: layers_of(whole).index("fc7") + 1]


def _product(before: int, after: int, kernel: int, *, bias: bool = False) -> nn.Conv3d:
    """A convolution in the plane that keeps its size."""
    padding = (0, kernel // 2, kernel // 2)
    return nn.Conv3d(before, after, (1, kernel, kernel), padding=padding, bias=bias)


def _pool() -> nn.MaxPool3d:
    return nn.MaxPool3d((1, 2, 2))
