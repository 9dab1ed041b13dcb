"""Clips whose motion and appearance are known, and networks that look for one or the other."""

import math

import torch
from torch import nn

from kinetoscope.clips.clip import Clip

TIME, SIDE, PATCH = 8, 16, 4


def clip_of(colour, right, seed):
    """A pattern that moves to the right [pixels per frame], and a patch of red that stays."""
    across = torch.arange(SIDE)[None, None, :] - right * torch.arange(TIME)[:, None, None]
    phase = torch.rand(1, generator=torch.Generator().manual_seed(seed)).item()
    wave = torch.sin(2 * math.pi * (across / 8 + phase)).expand(TIME, SIDE, SIDE)
    frames = (0.5 + 0.25 * wave).repeat(3, 1, 1, 1)
    flow = torch.zeros(2, TIME, SIDE, SIDE)
    flow[0] = right
    patch = torch.tensor([colour, 0.5, 0.5]).reshape(3, 1, 1, 1)
    frames[:, :, :PATCH, :PATCH] = patch
    # the pattern goes by beside the patch; rows of the patch do not move at all
    frames[:, :, :PATCH, PATCH:] = 0.5
    flow[:, :, :PATCH] = 0
    return Clip(frames=frames.float(), flow=flow, source=f"made {seed}")


def moving_clips(count=12):
    """Clips of every redness, moving right and left in turn; labels by direction."""
    clips = [clip_of(0.2 + 0.6 * n / count, 1.0 if n % 2 else -1.0, n) for n in range(count)]
    return clips, ["right" if n % 2 else "left" for n in range(count)]


class Looks(nn.Module):
    """Units that see redness of the patch, motion to the right, their product, and nothing."""

    def forward(self, frames):
        red = frames[:, 0, :, :PATCH, :PATCH].mean(dim=(1, 2, 3)) + 2
        rows = frames[:, 1, :, PATCH:]
        here, after = rows[:, :-1], rows[:, 1:]
        right = (here * after.roll(-1, dims=3) - here * after.roll(1, dims=3)).mean(dim=(1, 2, 3))
        right = right.clamp(min=0)
        right = torch.where(right < 1e-5, 0.0, right)
        return torch.stack([red, right, (red - 1) * right, torch.zeros_like(red)], dim=1)


class Streams(nn.Module):
    """Units that answer redness and motion to the right, weighed.

    Args:
        weights: of redness and of motion, a row a unit.
    """

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, frames, flow):
        red = frames[:, 0, :, :PATCH, :PATCH].mean(dim=(1, 2, 3)) + 2
        right = flow[:, 0, :, PATCH:].mean(dim=(1, 2, 3)).clamp(min=0)
        return torch.stack([red, right], dim=1) @ self.weights.T
