"""Smooth textures whose motion is known, with their flow."""

import math

import torch


def texture(right, down, seed=0):
    """Brightness at any place [pixels], between pixels too: a sum of waves of 9 to 30 pixels."""
    chance = torch.Generator().manual_seed(seed)
    found = torch.zeros(torch.broadcast_shapes(right.shape, down.shape))
    for _ in range(12):
        wavelength, heading, phase = torch.rand(3, generator=chance).tolist()
        pace = 2 * math.pi / (9 + 21 * wavelength)
        heading *= 2 * math.pi
        along = right * math.cos(heading) + down * math.sin(heading)
        found = found + (pace * along + 2 * math.pi * phase).cos() / math.sqrt(12)
    return found


def grid(size):
    """Time, down and right of every pixel, counted from the middle."""
    lines = [torch.arange(length) - (length - 1) / 2 for length in size]
    return torch.meshgrid(*lines, indexing="ij")


def moved_texture(velocity, size=(8, 24, 28), seed=0):
    """A texture that moves as a whole [right, down; pixels per frame], and its flow."""
    time, down, right = grid(size)
    grey = texture(right - velocity[0] * time, down - velocity[1] * time, seed)
    flow = torch.tensor(velocity).reshape(1, 2, 1, 1, 1).expand(1, 2, *size).clone()
    return grey.expand(1, 3, *size).clone(), flow


def turning_texture(pace, size=(8, 24, 28), seed=0):
    """A texture that turns about the middle, clockwise on the screen [radians per frame]."""
    time, down, right = grid(size)
    angle = pace * time
    cos, sin = angle.cos(), angle.sin()
    grey = texture(cos * right + sin * down, cos * down - sin * right, seed)
    ahead, aside = math.cos(pace) - 1, math.sin(pace)
    flow = torch.stack([ahead * right - aside * down, aside * right + ahead * down])
    return grey.expand(1, 3, *size).clone(), flow[None]
