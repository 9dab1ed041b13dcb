"""Clips whose waves and motion are known."""

import math

import torch


def drifting_wave(  # noqa: PLR0913 - what a wave can be
    *, wavelength, speed, degrees, frames=12, side=24, phase=1.0, soft=True, noise=0.01
):
    """A coloured grating that drifts one way, through a soft window or all over the clip."""
    t, y, x = torch.meshgrid(
        *(torch.arange(length, dtype=torch.float64) - (length - 1) / 2
          for length in (frames, side, side)),
        indexing="ij",
    )  # fmt: skip
    angle = math.radians(degrees)
    along = x * math.cos(angle) - y * math.sin(angle) - speed * t
    wave = (2 * math.pi * along / wavelength + phase).cos()
    if soft:
        wave = wave * torch.exp(-(x**2 + y**2) / (2 * (side / 5) ** 2))
        wave = wave * torch.exp(-(t**2) / (2 * (frames / 4) ** 2))
    colour = torch.tensor([0.3, 0.1, -0.2], dtype=torch.float64)[:, None, None, None]
    seed = torch.Generator().manual_seed(0)
    return (0.5 + colour * wave + noise * torch.randn(wave.shape, generator=seed)).float()


def apart(degrees, others):
    """How far two directions are apart [degrees]."""
    return abs((degrees - others + 180) % 360 - 180)
