"""Which neuron of a DSTS layer sees a clip, and does it look in space or in time?

Each neuron scores the clip ("synaptic pulse"), and only the one with the highest pulse is active.
The active neuron's gates then send each channel either to its spatial or to its temporal operator.
Both choices are hard and are made with noise while training, so that all of them are tried; their
gradients are those of soft choices. In eval mode there is no noise.

Source: Li et al., "Dynamic Spatio-Temporal Specialization Learning for Fine-Grained Action
Recognition", ECCV 2022, section 3; Jang et al., "Categorical Reparameterization with
Gumbel-Softmax", ICLR 2017, for the choice of a neuron; Kaiser and Bengio, "Discrete Autoencoders
for Sequence Models", 2018, for improved semantic hashing. Where this differs: a pulse is the mean
of the scoring convolution's answer, standardized over clips neuron by neuron, unless the mean alone
or the paper's sum is asked for. A sum is so large that noise changes nothing; and because maps
behind a ReLU have most of their mean in common, one neuron's mean or sum is the largest for nearly
all clips, and the others never learn. And the temperature falls while training, from 5 to 0.5.
"""

import math
from typing import Literal

import torch
from einops import einsum, reduce
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from kinetoscope.errors import RecipeError
from kinetoscope.tensors import Features, Volume

PulseKind = Literal["mean", "sum", "standard"]
"""What is made of a scoring convolution's answer: its mean or its sum; or its mean, less what it is
for other clips and divided by how much it differs among them (`NeuronNorm`), so that no neuron is
the strongest for all clips."""

Whole = Literal["mean", "sum"]

Pulses = Float[Tensor, "clip neuron"]
Choice = Float[Tensor, "clip neuron"]
"""1 for the active neuron of each clip, 0 for the others."""

PULSE_STD = 2.0
"""Of scoring vectors, times the root of their length: behind a ReLU, where means are about a half,
pulses then differ about as much as noise does, so routing begins neither at random nor decided."""

HOTTEST, COLDEST = 5.0, 0.5
"""The temperature at the first and at the last step of a training."""


class Pulse(nn.Module):
    """How strongly each neuron answers a clip.

    The answer of the 1x1x1 scoring convolution, brought to one number, is linear in the clip's
    mean, so a vector of channels stands for the whole convolution.

    Args:
        channels: that it sees.
        neurons: how many answer.
        kind: `mean` of the convolution's answer over its channels and places, or their `sum`.
    """

    def __init__(self, channels: int, neurons: int, *, kind: Whole = "mean"):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(neurons, channels))
        self.kind: Whole = kind
        nn.init.normal_(self.weight, std=PULSE_STD / math.sqrt(channels))

    def forward(self, x: Volume) -> Pulses:
        seen = reduce(x, "clip channel time height width -> clip channel", self.kind)
        return functional.linear(seen, self.weight)


class LiteralPulse(nn.Module):
    """The same with the scoring convolutions themselves, as they are published."""

    def __init__(self, channels: int, neurons: int, *, width: int, kind: Whole = "mean"):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(neurons * width, channels, 1, 1, 1))
        self.neurons = neurons
        self.kind: Whole = kind
        spread = PULSE_STD * math.sqrt(width) if kind == "mean" else PULSE_STD / math.sqrt(width)
        nn.init.normal_(self.weight, std=spread / math.sqrt(channels))

    def forward(self, x: Volume) -> Pulses:
        scores = functional.conv3d(x, self.weight)
        pattern = "clip (neuron channel) time height width -> clip neuron"
        return reduce(scores, pattern, self.kind, neuron=self.neurons)

    def collapsed(self) -> Pulse:
        """The vectors that answer alike."""
        pattern = "(neuron width) channel 1 1 1 -> neuron channel"
        weight = reduce(self.weight.detach(), pattern, self.kind, neuron=self.neurons)
        pulse = Pulse(weight.shape[1], self.neurons, kind=self.kind).to(weight)
        pulse.weight.data.copy_(weight)
        return pulse


class ActiveNeuron(nn.Module):
    """Which neuron sees each clip: the one of the highest pulse; in training, with Gumbel noise.

    The gradient is that of the softmax at the temperature.
    """

    temperature: Tensor

    def __init__(self, temperature: float = HOTTEST):
        super().__init__()
        check_temperature(temperature)
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self, pulses: Pulses) -> Choice:
        if not self.training:
            return _one_hot(pulses)
        noisy = pulses + _gumbel(pulses)
        soft = (noisy / self.temperature).softmax(dim=1)
        return _one_hot(noisy) + (soft - soft.detach())

    def anneal(self, share: float) -> None:
        """Cool down, evenly in powers, to where a share of the training is over."""
        self.temperature.fill_(HOTTEST * (COLDEST / HOTTEST) ** share)


class RoutingEntropy(nn.Module):
    """How undecided the choice of a neuron is [nats]; the most is the logarithm of their number."""

    def forward(self, pulses: Pulses, temperature: Tensor) -> Float[Tensor, "clip 1"]:
        logs = (pulses / temperature).log_softmax(dim=1)
        return -(logs.exp() * logs).sum(dim=1, keepdim=True)


class Gates(nn.Module):
    """Where the active neuron of each clip looks: a channel in time where 1, in space where 0.

    Improved semantic hashing: while training, half of the clips at random see soft gates, the
    others hard ones; the gradient is that of the soft gates for all.
    """

    def __init__(self, channels: int, neurons: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(neurons, channels))
        nn.init.normal_(self.weight, std=0.1)

    def forward(self, choice: Choice) -> Features:
        logits = einsum(choice, self.weight, "clip neuron, neuron channel -> clip channel")
        if not self.training:
            return (logits > 0).to(logits.dtype)
        noisy = logits + torch.randn_like(logits)
        soft = (1.2 * noisy.sigmoid() - 0.1).clamp(0, 1)
        hard = (noisy > 0).to(soft.dtype) + (soft - soft.detach())
        return torch.where(torch.rand_like(soft[:, :1]) < 0.5, soft, hard)


def _one_hot(pulses: Pulses) -> Choice:
    active = pulses.argmax(dim=1, keepdim=True)
    return torch.zeros_like(pulses).scatter(1, active, 1.0)


def _gumbel(like: Tensor) -> Tensor:
    return -torch.empty_like(like).exponential_().clamp_min(1e-20).log()


def check_temperature(temperature: float) -> None:
    """Refuse a temperature that no choice can be made at.

    Raises:
        RecipeError: it is not above 0.
    """
    if not 0 < temperature < math.inf:
        raise RecipeError(
            "the temperature of routing is out of its range",
            got=temperature,
            expected="a number above 0",
        )
