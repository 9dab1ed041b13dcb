"""DSTS: which of several specialists should look at this clip, and in space or in time?

Between a backbone's last maps and their average stand a few layers of specialized neurons. In each
layer one neuron is active for a clip; each of the clip's channels goes either through the active
neuron's spatial operator or through its temporal one. So clips that differ finely can be seen by
different neurons, each of which learned what matters among those that it sees. How neurons and
gates are chosen is in `dsts_routing.py`, what neurons do in `dsts_operators.py`. Only what was
chosen is computed: one neuron a clip, and in eval mode only those channels of an operator that its
gates send there.

Source: Li et al., "Dynamic Spatio-Temporal Specialization Learning for Fine-Grained Action
Recognition", ECCV 2022, sections 3 and 4. Where this differs: the operators answer `width` channels
and the 1x1x1 convolution behind them as many as the backbone has, because ten neurons of as many
channels as a ResNet-50 ends with would have 545 million weights a layer; see `dsts_routing.py` for
the pulses and the temperature, and `dsts_operators.py` for batch norm.

    layers              channels   output (time x height x width)
    appearance.conv3    48         8 x 8 x 8
    motion.conv3        48         8 x 8 x 8
    conv4               96         4 x 4 x 4     the backbone here is two_stream_small
    layer1.spatial      48         4 x 4 x 4     of the active neuron; within average.dsts
    layer1.temporal     48         4 x 4 x 4     of the active neuron
    layer1.mix          96         4 x 4 x 4
    layer2.mix          96         4 x 4 x 4
    layer3.mix          96         4 x 4 x 4
    skip                96         4 x 4 x 4     the backbone's maps are added
    label               one score per label
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import RecipeError
from kinetoscope.networks.blocks import Conv
from kinetoscope.networks.dsts_operators import SPACE, TIME, NeuronNorm, Operator
from kinetoscope.networks.dsts_routing import (
    HOTTEST,
    PULSE_STD,
    ActiveNeuron,
    Gates,
    LiteralPulse,
    Pulse,
    PulseKind,
    Pulses,
    RoutingEntropy,
    check_temperature,
)
from kinetoscope.networks.network import Network
from kinetoscope.networks.trial import run
from kinetoscope.networks.zoo import build_network
from kinetoscope.tensors import Features, Maps, Volume


@dataclass(frozen=True, kw_only=True)
class DSTSConfig:
    """What may differ between two networks with DSTS.

    Args:
        labels: how many scores.
        backbone: its name in the zoo.
        backbone_options: what else it is built with.
        before: the backbone's layer in front of which DSTS stands: the average of its last maps.
        neurons: how many each layer has.
        layers: how many there are.
        width: channels that operators answer; 0 for half of the backbone's.
        pulse: what is made of the scoring convolutions' answer: `mean`, `sum` or `standard`.
        literal: compute pulses by those convolutions instead of by vectors that answer alike.
        temperature: of routing, before training.
        plain: layers that choose nothing in place of DSTS, at its cost: to see what choosing is
            good for.
    """

    labels: int = 16
    backbone: str = "two_stream_small"
    backbone_options: Mapping[str, Any] = field(default_factory=dict)
    before: str = "average"
    neurons: int = 10
    layers: int = 3
    width: int = 0
    pulse: PulseKind = "standard"
    literal: bool = False
    temperature: float = HOTTEST
    plain: bool = False


VARIANTS = {
    "dsts_two_stream_small": DSTSConfig(),
    "dsts_r3d_18": DSTSConfig(labels=400, backbone="r3d_18", before="avgpool", width=128),
    "dsts_slow_r50_8x8": DSTSConfig(labels=400, backbone="slow_r50_8x8", width=128),
    "dsts_two_stream_small_toy": DSTSConfig(
        labels=3,
        backbone="two_stream_small_toy",
        backbone_options={"keep_motion": False},
        neurons=3,
        layers=2,
        width=4,
    ),
}


class DSTS(nn.Module):
    """Layers of specialized neurons over a backbone's maps, which are added to their answer.

    The last convolution starts at zero: in front of a trained network's average nothing changes at
    first, and a backbone that is trained along does not begin with the noise of random routing.

    Args:
        channels: of the maps.
        neurons: how many each layer has.
        layers: how many there are.
        width: channels that operators answer; 0 for half of the maps'.
        pulse: what is made of the scoring convolutions' answer: `mean`, `sum` or `standard`.
        literal: compute pulses by those convolutions instead of by vectors that answer alike.
        temperature: of routing, before training.
        plain: layers that choose nothing, at the same cost.

    Raises:
        RecipeError: there are no neurons or no layers, or the temperature is not above 0.
    """

    def __init__(  # noqa: PLR0913 - the settings of a DSTSConfig, a word each
        self,
        channels: int,
        *,
        neurons: int = 10,
        layers: int = 3,
        width: int = 0,
        pulse: PulseKind = "standard",
        literal: bool = False,
        temperature: float = HOTTEST,
        plain: bool = False,
    ):
        super().__init__()
        _check_counts(neurons=neurons, layers=layers, width=width)
        check_temperature(temperature)
        width = width or max(1, channels // 2)

        def layer() -> nn.Module:
            if plain:
                return PlainLayer(channels, width)
            kind = "sum" if pulse == "sum" else "mean"
            if literal:
                scored = LiteralPulse(channels, neurons, width=width, kind=kind)
            else:
                scored = Pulse(channels, neurons, kind=kind)
            made = DSTSLayer(channels, neurons, width, pulse=scored, temperature=temperature)
            if pulse == "standard":
                made.standard = Standard(neurons)
            return made

        self.names = [f"layer{number}" for number in range(1, layers + 1)]
        for name in self.names:
            self.add_module(name, layer())
        self.skip = Skip()
        nn.init.zeros_(self.get_parameter(f"{self.names[-1]}.mix.weight"))
        nn.init.zeros_(self.get_parameter(f"{self.names[-1]}.mix.bias"))

    def forward(self, x: Volume) -> Maps:
        answer = x
        for name in self.names:
            answer = getattr(self, name)(answer)
        return self.skip(x, answer)


class DSTSLayer(nn.Module):
    """One layer: pulses, the active neuron, its gates, its two operators, and a mixing convolution.

    Args:
        channels: that it takes and answers.
        neurons: how many it has.
        width: channels that an operator answers.
        pulse: scores the neurons.
        temperature: of routing, before training.
    """

    def __init__(
        self,
        channels: int,
        neurons: int,
        width: int,
        *,
        pulse: Pulse | LiteralPulse,
        temperature: float = HOTTEST,
    ):
        super().__init__()
        self.pulse = pulse
        self.standard: nn.Module = nn.Identity()
        self.neuron = ActiveNeuron(temperature)
        self.entropy = RoutingEntropy()
        self.gates = Gates(channels, neurons)
        self.space_gates = Complement()
        self.spatial = Operator(channels, width, neurons=neurons, kernel=SPACE)
        self.temporal = Operator(channels, width, neurons=neurons, kernel=TIME)
        self.sum = Skip()
        self.mix = nn.Conv3d(width, channels, 1)

    def forward(self, x: Volume) -> Maps:
        pulses = self.standard(self.pulse(x))
        choice = self.neuron(pulses)
        self.entropy(pulses, self.neuron.temperature)  # only to be read
        in_time = self.gates(choice)
        in_space = self.space_gates(in_time)
        seen = self.sum(self.spatial(x, in_space, choice), self.temporal(x, in_time, choice))
        return self.mix(seen)

    def upstream(self) -> list[str]:
        """The weights that decide what is computed, rather than what comes of it."""
        norm = [f"standard.{name}" for name, _ in self.standard.named_parameters()]
        return ["pulse.weight", *norm, "gates.weight"]


class Standard(nn.Module):
    """Pulses, neuron by neuron less their mean over clips, and by their spread."""

    def __init__(self, neurons: int):
        super().__init__()
        self.norm = NeuronNorm(neurons, 1)
        nn.init.constant_(self.norm.scale, PULSE_STD)

    def forward(self, pulses: Pulses) -> Pulses:
        maps = rearrange(pulses, "clip neuron -> clip neuron 1 1 1")
        return rearrange(self.norm(maps, 0), "clip neuron 1 1 1 -> clip neuron")


class PlainLayer(nn.Module):
    """A layer without choices: every channel goes through a spatial and a temporal operator.

    It has fewer of them, so that it costs a clip what a `DSTSLayer` costs whose gates send half of
    the channels either way.

    Args:
        channels: that it takes and answers.
        width: channels that an operator of the `DSTSLayer` answers.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        # per place: 12 * channels / 2 taps a channel of an operator there, 12 * channels here, and
        # one each for mixing
        width = max(1, round(width * 7 / 13))
        self.spatial = Conv(channels, width, kernel=SPACE, norm=True)
        self.temporal = Conv(channels, width, kernel=TIME, norm=True)
        self.sum = Skip()
        self.mix = nn.Conv3d(width, channels, 1)

    def forward(self, x: Volume) -> Maps:
        return self.mix(self.sum(self.spatial(x), self.temporal(x)))


class Complement(nn.Module):
    """What is missing to one."""

    def forward(self, gates: Features) -> Features:
        return 1 - gates


class Skip(nn.Module):
    """The sum of two answers."""

    def forward(self, first: Volume, second: Volume) -> Maps:
        return first + second


def add_dsts(network: Network, *, before: str = "average", **settings: Any) -> Network:
    """The network with DSTS in front of one of its layers; the layer's weights keep their names.

    Args:
        network: changed in place.
        before: the layer, which takes maps; the average of the last ones as a rule.
        settings: of the `DSTS`.

    Returns:
        The same network.

    Raises:
        UnknownNameError: there is no such layer.
        RecipeError: the layer takes no maps, or a setting can't be used.
    """
    _, maps = _seen_before(network, before)
    if len(maps) != 5:
        raise RecipeError(
            f"DSTS can't stand in front of {before}",
            got=f"what the layer takes has {len(maps)} axes",
            expected="maps of clip x channel x time x height x width",
        )
    dsts = DSTS(maps[1], **settings).to(network.device)
    parent, _, name = before.rpartition(".")
    old = network.layer(before)
    new = nn.Sequential(OrderedDict(dsts=dsts, layer=old))
    network.model.get_submodule(parent).register_module(name, new)
    return network


def build(config: DSTSConfig) -> nn.Module:
    """The model of a configuration, untrained."""
    network = _backbone(config)
    return add_dsts(
        network,
        before=config.before,
        neurons=config.neurons,
        layers=config.layers,
        width=config.width,
        pulse=config.pulse,
        literal=config.literal,
        temperature=config.temperature,
        plain=config.plain,
    ).model


def expects(config: DSTSConfig) -> ClipSpec:
    """The clips its backbone is made for."""
    with torch.device("meta"):
        return _backbone(config).expects


def published_layers(config: DSTSConfig) -> tuple[str, ...]:
    """The layers to look at, in the order of computation: the backbone's, with DSTS between."""
    with torch.device("meta"):
        network = _backbone(config)
    earlier, _ = _seen_before(network, config.before)
    parts = ("pulse", "standard", "neuron", "entropy", "gates", "spatial", "temporal", "mix")
    inner = [
        f"{config.before}.dsts.layer{number}.{part}"
        for number in range(1, config.layers + 1)
        for part in parts[5 * config.plain :]
    ]
    # a layer that is replaced answers the same as before, at the end of what it became
    later = [name for name in network.layers if name not in earlier]
    return (*earlier, *inner, f"{config.before}.dsts.skip", *later)


def _backbone(config: DSTSConfig) -> Network:
    if config.backbone in VARIANTS:
        raise RecipeError(
            "DSTS stands behind another network",
            got=f"backbone = {config.backbone!r}",
            expected="a network without DSTS",
        )
    return build_network(config.backbone, labels=config.labels, **config.backbone_options)


def _seen_before(network: Network, before: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Which published layers are computed before a layer, and the shape of what it takes.

    Raises:
        UnknownNameError: there is no such layer.
        RecipeError: it is never computed.
    """
    seen: list[str] = []
    found: dict[str, tuple[Any, ...]] = {}

    def reached(_: nn.Module, taken: tuple[Tensor, ...]) -> None:
        found.update(layers=tuple(dict.fromkeys(seen)), shape=tuple(taken[0].shape))

    def noted(name: str) -> Any:
        return lambda *_: seen.append(name)

    handles = [network.layer(before).register_forward_pre_hook(reached)]
    handles += [network.layer(name).register_forward_hook(noted(name)) for name in network.layers]
    try:
        run(network.model, network.expects)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise RecipeError(
            f"DSTS can't stand in front of {before}",
            got="a layer that is not computed",
            expected="one that takes maps",
        )
    return found["layers"], found["shape"]


def _check_counts(*, neurons: int, layers: int, width: int) -> None:
    for name, count, least in (("neurons", neurons, 1), ("layers", layers, 1), ("width", width, 0)):
        if count < least:
            raise RecipeError(
                f"DSTS can't have so few {name}",
                got=f"{name} = {count}",
                expected=f"{least} or more",
            )
