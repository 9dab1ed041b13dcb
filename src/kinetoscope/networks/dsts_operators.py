"""What does the active neuron of a DSTS layer do with the channels it is given?

An operator is one convolution for each neuron, with its batch norm and a ReLU. Of each clip only
the active neuron's is computed: clips with the same neuron go through its convolution together.

A neuron sees few clips of a batch, sometimes a single one, whose mean and variance say little. So
while training it normalizes by its running statistics, as in eval mode, but lets gradients pass as
batch norm does (batch renormalization). The first ten batches that a neuron sees count alike in its
statistics: one that is rarely active would otherwise keep their start for long. A batch of one
value a channel has no variance; it leaves the statistics as they are.

Source: Li et al., "Dynamic Spatio-Temporal Specialization Learning for Fine-Grained Action
Recognition", ECCV 2022, section 3.2; Ioffe, "Batch Renormalization", NIPS 2017, equations 2 to 4,
for the norm. Where this differs: running statistics are brought up to date before they are used, so
that a neuron's first batch is normalized by itself.
"""

from itertools import product

import torch
from einops import einsum
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor
from torch.nn import functional

from kinetoscope.networks.dsts_routing import Choice
from kinetoscope.tensors import Features, Maps, Size, Volume

SPACE: Size = (1, 3, 3)
TIME: Size = (3, 1, 1)

EPSILON = 1e-5  # of the variance
LEAST_SHARE = 0.1  # of a batch in the running statistics
MOST_RATIO, MOST_OFFSET = 3.0, 5.0  # by how much those of a batch are corrected, as published

Active = Int[Tensor, " clip"]
Own = Int[Tensor, " own"]
"""Which clips are a neuron's."""

OwnMaps = Float[Tensor, "own _channel _time _height _width"]


class Operator(nn.Module):
    """One convolution a neuron, with its batch norm and ReLU; the active neuron's is computed.

    In eval mode only those channels are computed that its gates send here. Where values can't be
    looked at (on the meta device, in a rehearsal, and in an export), each clip gets its neuron's
    weights, and all channels are computed.

    Args:
        before: channels it takes.
        after: channels it answers.
        neurons: how many there are.
        kernel: extent [frames, pixels, pixels].
    """

    def __init__(self, before: int, after: int, *, neurons: int, kernel: Size):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(neurons, after, before, *kernel))
        self.norm = NeuronNorm(after, neurons)
        self.relu = nn.ReLU()
        self.padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
        for weight in self.weight:
            nn.init.kaiming_normal_(weight, nonlinearity="relu")

    def forward(self, x: Volume, gates: Features, choice: Choice) -> Maps:
        active = choice.argmax(dim=1)
        if _has_no_values(x):
            answer = self.relu(self.gathered(x, gates, active))
        else:
            answer = self.relu(self.grouped(x, gates, active))
        if not self.training:
            return answer
        # one, with the gradient that makes the active neuron more or less likely
        return answer * _as_maps(choice.gather(1, active[:, None]))

    def grouped(self, x: Volume, gates: Features, active: Active) -> Maps:
        """Clips of the same neuron together, put back in their order."""
        order, answers = [], []
        for neuron in active.unique().tolist():
            mine = (active == neuron).nonzero()[:, 0]
            order.append(mine)
            convolve = self._convolved if self.training else self._convolved_chosen
            answers.append(self.norm(convolve(x, gates, mine, neuron), neuron))
        return torch.cat(answers)[torch.cat(order).argsort()]

    def gathered(self, x: Volume, gates: Features, active: Active) -> Maps:
        """Each clip by its neuron's weights, tap by tap; normalized by running statistics."""
        weight = self.weight[active]
        back, down, right = self.padding
        padded = functional.pad(x * _as_maps(gates), (right, right, down, down, back, back))
        time, height, width = x.shape[2:]
        taps = product(*(range(extent) for extent in self.weight.shape[3:]))
        answer = sum(
            einsum(
                weight[..., t, h, w],
                padded[:, :, t : t + time, h : h + height, w : w + width],
                "clip after channel, clip channel ... -> clip after ...",
            )
            for t, h, w in taps
        )
        scale, shift = self.norm.lines()
        return answer * _as_maps(scale[active]) + _as_maps(shift[active])

    def _convolved(self, x: Volume, gates: Features, mine: Own, neuron: int) -> OwnMaps:
        masked = x[mine] * _as_maps(gates[mine])
        return functional.conv3d(masked, self.weight[neuron], padding=self.padding)

    def _convolved_chosen(self, x: Volume, gates: Features, mine: Own, neuron: int) -> OwnMaps:
        """Only the channels that gates send here; a neuron's clips have the same in eval mode."""
        chosen = gates[mine[0]].nonzero()[:, 0]
        if not len(chosen):
            return x.new_zeros(len(mine), self.weight.shape[1], *x.shape[2:])
        # of weights this is three times as fast as brackets, of maps not
        weight = self.weight[neuron].index_select(1, chosen)
        return functional.conv3d(x[mine[:, None], chosen], weight, padding=self.padding)


class NeuronNorm(nn.Module):
    """A batch norm for each neuron, over the clips that it sees.

    Of pulses it is one norm, whose channels are the neurons.

    Args:
        channels: of a neuron's answer.
        neurons: how many there are.
    """

    mean: Tensor
    variance: Tensor
    batches: Tensor

    def __init__(self, channels: int, neurons: int):
        super().__init__()
        # one axis, as norms have, so that they are not decayed
        self.scale = nn.Parameter(torch.ones(neurons * channels))
        self.shift = nn.Parameter(torch.zeros(neurons * channels))
        self.register_buffer("mean", torch.zeros(neurons, channels))
        self.register_buffer("variance", torch.ones(neurons, channels))
        self.register_buffer("batches", torch.zeros(neurons, dtype=torch.long))

    def forward(self, x: Volume, neuron: int) -> Maps:
        if self.training and x[:, 0].numel() > 1:
            x = self._renormalized(x, neuron)
        else:
            x = (x - _of(self.mean, neuron)) / (_of(self.variance, neuron) + EPSILON).sqrt()
        scale, shift = (each.view_as(self.mean) for each in (self.scale, self.shift))
        return x * _of(scale, neuron) + _of(shift, neuron)

    def lines(self) -> tuple[Float[Tensor, "neuron after"], Float[Tensor, "neuron after"]]:
        """By how much each neuron's channels are stretched and shifted in eval mode."""
        scale = self.scale.view_as(self.mean) / (self.variance + EPSILON).sqrt()
        return scale, self.shift.view_as(self.mean) - self.mean * scale

    def _renormalized(self, x: Volume, neuron: int) -> Maps:
        variance, mean = torch.var_mean(x, dim=(0, 2, 3, 4), correction=0, keepdim=True)
        spread = (variance + EPSILON).sqrt()
        with torch.no_grad():
            self._remember(mean.flatten(), variance.flatten(), neuron)
            whole = (_of(self.variance, neuron) + EPSILON).sqrt()
            ratio = (spread / whole).clamp(1 / MOST_RATIO, MOST_RATIO)
            offset = (mean - _of(self.mean, neuron)) / whole
            offset = offset.clamp(-MOST_OFFSET, MOST_OFFSET)
        return (x - mean) / spread * ratio + offset

    def _remember(self, mean: Tensor, variance: Tensor, neuron: int) -> None:
        self.batches[neuron] += 1
        share = max(LEAST_SHARE, 1 / int(self.batches[neuron]))
        self.mean[neuron].lerp_(mean, share)
        self.variance[neuron].lerp_(variance, share)


def _of(values: Float[Tensor, "neuron after"], neuron: int) -> Maps:
    return values[neuron][None, :, None, None, None]


def _has_no_values(x: Tensor) -> bool:
    traced = torch.compiler.is_compiling() or torch.compiler.is_exporting()
    return traced or x.is_meta or isinstance(x, FakeTensor)


def _as_maps(values: Features) -> Maps:
    return values[:, :, None, None, None]
