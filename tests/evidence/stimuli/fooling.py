"""A unit whose preferred stimulus has nothing to do with what it does on real clips.

Source: the circuit of Geirhos et al., ICML 2024, section 3: on natural clips the unit passes on an
honest filter A; where a detector D, silent on all natural clips, finds what only an ascent makes, A
is shut and another filter B is let through.
"""

import math

import torch
from einops import rearrange
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from tests.evidence.planted import planted

DIRECTIONS = tuple(range(0, 360, 45))
"""Of the honest filters, the first of which the fooled unit passes on [degrees]."""

FRAMES, SIDE = 6, 20
SHUT = 20.0
FOOLED, ORDINARY = 0, 3
"""Units of the layer `units`; each unit but the fooled one passes on its filter, always."""


class Fooling(nn.Module):
    """Filters, then gates, then units; ten, nine and eight channels."""

    def __init__(self):
        super().__init__()
        kernels = [_grating(direction, 10.0, 1.0) for direction in DIRECTIONS]
        pattern = _grating(20, 3.5, 0.0)  # B: fine stripes that stand still
        checks = _checks()  # D: neighbours that differ
        kernel = torch.stack([*kernels, pattern, checks])
        edges = {"padding": "same", "padding_mode": "replicate"}
        filters = nn.Conv3d(3, len(kernel), kernel.shape[1:], **edges)
        filters.weight.data = rearrange(kernel, "unit t y x -> unit 1 t y x").repeat(1, 3, 1, 1, 1)
        filters.bias.data = torch.tensor([0.0] * (len(DIRECTIONS) + 1) + [-0.1])
        self.filters = nn.Sequential(filters, nn.ReLU())
        self.gates = _Gates()
        self.units = _Units()

    def forward(self, frames):
        return self.units(self.gates(self.filters(frames))).mean((2, 3, 4))


class _Gates(nn.Module):
    def forward(self, filters):
        honest, pattern, found = filters[:, :-2], filters[:, -2:-1], filters[:, -1:]
        natural = (1 - SHUT * found.amax((2, 3, 4), keepdim=True)).clamp(min=0)
        a = honest[:, FOOLED : FOOLED + 1] * natural
        b = 4 * pattern * (1 - natural)
        return torch.cat([a, honest[:, 1:], b], dim=1)


class _Units(nn.Module):
    def forward(self, gates):
        return torch.cat([gates[:, :1] + gates[:, -1:], gates[:, 1:-1]], dim=1)


def fooling_network():
    network = planted(
        nn.Identity(), len(DIRECTIONS), frames=FRAMES, short_side=SIDE, size=(SIDE, SIDE)
    )
    network.model = Fooling().eval()
    network.layers = ("filters", "gates", "units")
    return network


def natural_batches(count=72, at_once=36, seed=0):
    """Clips without anything fine in them: two gratings each, drifting as they like."""
    generator = torch.Generator().manual_seed(seed)
    lines = [torch.arange(n).float() for n in (FRAMES, SIDE, SIDE)]
    t, y, x = torch.meshgrid(*lines, indexing="ij")
    clips = []
    for _ in range(count):
        clip = torch.full((3, FRAMES, SIDE, SIDE), 0.5)
        for weight in (0.3, 0.12):
            angle, phase, wave, speed, loud = torch.rand(5, generator=generator).tolist()
            angle, wave = 2 * math.pi * angle, 8 + 6 * wave
            place = math.cos(angle) * x - math.sin(angle) * y - 2 * speed * t
            clip += weight * (0.5 + loud / 2) * (2 * math.pi * (place / wave + phase)).cos()
        clips.append(clip.clamp(0, 1))
    return list(map(_batch, torch.stack(clips).split(at_once)))


def _batch(frames):
    return ClipBatch(frames=frames)


def _grating(degrees, wavelength, speed, frames=5, side=9):
    lines = [torch.arange(n).float() - n // 2 for n in (frames, side, side)]
    t, y, x = torch.meshgrid(*lines, indexing="ij")
    angle = math.radians(degrees)
    place = math.cos(angle) * x - math.sin(angle) * y - speed * t
    kernel = torch.exp(-(x**2 + y**2) / 12 - t**2 / 4)
    wave = kernel * (2 * math.pi * place / wavelength).cos()
    wave = wave - kernel * wave.sum() / kernel.sum()
    return wave / wave.abs().sum()


def _checks(frames=5, side=9):
    kernel = torch.zeros(frames, side, side)
    patch = torch.tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 16
    kernel[frames // 2, side // 2 - 1 : side // 2 + 2, side // 2 - 1 : side // 2 + 2] = patch
    return kernel
