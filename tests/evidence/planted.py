"""Networks whose right answers are known."""

import math

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
