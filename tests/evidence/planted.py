"""Networks whose right answers are known."""

import math
from typing import Literal

import torch
from einops import rearrange
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network

GREY = {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


class Weigh(nn.Module):
    """Linear units: each answers the product of its weights with the whole clip."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        return torch.einsum(
            "ncthw,uncthw->nu", x, self.weights[:, None].expand(-1, len(x), *x.shape[1:])
        )


class Planted(nn.Module):
    """One layer, called `layer`, whose units are the scores."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, *streams):
        answer = self.layer(*streams)
        return answer.flatten(2).amax(2) if answer.ndim == 5 else answer


def planted(layer, units, **expects):
    """A network of one planted layer."""
    spec = ClipSpec(**{"frames": 8, "short_side": 16, "size": (16, 16), **GREY, **expects})
    labels = [f"unit {unit}" for unit in range(units)]
    return Network(
        Planted(layer), labels=labels, expects=spec, name="planted", layers=["layer"]
    ).eval()


def drifting_gratings(directions, speed=1.0, wavelength=8.0, frames=7, side=15):
    """A layer of filters that each like a grating drifting one way [degrees, pixels per frame]."""
    time = torch.arange(frames) - frames // 2
    place = torch.arange(side) - side // 2
    t, y, x = torch.meshgrid(time, place, place, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * (side / 5) ** 2) - t**2 / (2 * (frames / 4) ** 2))
    kernels = []
    for degrees in directions:
        right, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        phase = 2 * math.pi / wavelength * (right * x - up * y - speed * t)
        kernel = envelope * phase.cos()
        kernels.append(kernel - envelope * kernel.sum() / envelope.sum())
    filters = nn.Conv3d(3, len(kernels), (frames, side, side), padding="same", bias=False)
    grey = torch.stack(kernels)
    filters.weight.data = rearrange(grey, "unit t y x -> unit 1 t y x").repeat(1, 3, 1, 1, 1) / 30
    return nn.Sequential(filters, nn.ReLU())


class Filters(nn.Module):
    """Units of one to four filters each, as large as what a neuron sees.

    Args:
        weights: `unit filter channel time height width`.
        kind: `linear` units answer their one filter's product with the clip; `energy` units the
            length of the vector of their filters' products; `opponent` units the length of the
            first two less that of the last two.
    """

    def __init__(self, weights, kind: Literal["linear", "energy", "opponent"]):
        super().__init__()
        self.each, self.kind = weights.shape[1], kind
        self.filters = nn.Conv3d(weights.shape[2], 1, weights.shape[3:], bias=False)
        self.filters.weight = nn.Parameter(weights.flatten(0, 1).contiguous())

    def forward(self, x):
        answers = self.filters(x).unflatten(1, (-1, self.each))
        if self.kind == "linear":
            return answers[:, :, 0]
        if self.kind == "energy":
            return length(answers)
        return length(answers[:, :, :2]) - length(answers[:, :, 2:])


def length(x):
    """Over the filters of a unit; with a slope at zero as well."""
    return (x.square().sum(2) + 1e-14).sqrt()


class Velocities(nn.Module):
    """Units that answer how near flow is to one velocity, on average over a window.

    Args:
        velocities: `unit 2`, in units of the network's input.
        window: `time height width`; its sum is 1.
        width: how far flow may be off, as a share of the speed.
    """

    def __init__(self, velocities, window, width=0.5):
        super().__init__()
        units = len(velocities)
        self.velocities = nn.Parameter(velocities)
        self.widths = nn.Parameter(width * velocities.norm(dim=1))
        self.mean = nn.Conv3d(units, units, window.shape, bias=False, groups=units)
        self.mean.weight = nn.Parameter(window.repeat(units, 1, 1, 1, 1))

    def forward(self, flow):
        missed = (flow[:, None] - self.velocities[:, :, None, None, None]).square().sum(2)
        return self.mean((-missed / (2 * self.widths[:, None, None, None] ** 2)).exp())


class Both(nn.Module):
    """Units that need something in frames and something in flow.

    Args:
        frames, flow: a layer each, of as many units.
        joined: whether a unit answers the smaller of the two, or their geometric mean.
    """

    def __init__(self, frames, flow, joined: Literal["smaller", "product"]):
        super().__init__()
        self.frames, self.flow, self.joined = frames, flow, joined

    def forward(self, frames, flow):
        one, other = self.frames(frames), self.flow(flow)
        if self.joined == "smaller":
            return torch.minimum(one, other)
        return (one.clamp(min=1e-7) * other.clamp(min=1e-7)).sqrt()
