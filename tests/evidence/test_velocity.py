import math

import pytest
import torch

from kinetoscope.evidence.velocity import velocity_of_flow, velocity_of_frames


def drifting(texture, right, down, frames=12):
    """A periodic texture moved by exact shifts of phase."""
    fy = torch.fft.fftfreq(texture.shape[0])[:, None]
    fx = torch.fft.fftfreq(texture.shape[1])
    spectrum = torch.fft.fft2(texture)
    moved = [
        torch.fft.ifft2(spectrum * torch.exp(-2j * math.pi * time * (fx * right + fy * down))).real
        for time in range(frames)
    ]
    return torch.stack(moved)[None].expand(3, -1, -1, -1)


def smooth_texture(seed=0, side=48):
    noise = torch.randn(side, side, generator=torch.Generator().manual_seed(seed))
    f2 = torch.fft.fftfreq(side)[:, None] ** 2 + torch.fft.fftfreq(side) ** 2
    return torch.fft.ifft2(torch.fft.fft2(noise) * torch.exp(-f2 * 400)).real


@pytest.mark.parametrize(("right", "down"), [(1.0, 0.0), (0.0, -1.5), (-0.6, 0.8), (2.0, 2.0)])
def test_a_moving_texture_has_its_velocity(right, down):
    found = velocity_of_frames(drifting(smooth_texture(), right, down))
    assert math.hypot(found.right - right, found.down - down) < 0.1 * math.hypot(right, down)


def test_a_grating_moves_across_its_stripes():
    x = torch.arange(48.0)
    grating = torch.sin(2 * math.pi * x / 12).expand(48, 48)
    found = velocity_of_frames(drifting(grating, 1.5, 1.5))
    assert found.speed == pytest.approx(1.5, rel=0.05)
    assert min(found.direction, 360 - found.direction) < 3


def test_playing_backward_turns_the_velocity_round():
    clip = drifting(smooth_texture(), 1.0, 0.5)
    there, back = velocity_of_frames(clip), velocity_of_frames(clip.flip(1))
    assert there.right == pytest.approx(-back.right, abs=0.05)
    assert there.down == pytest.approx(-back.down, abs=0.05)


@pytest.mark.parametrize("frames", [1, 6])
def test_what_does_not_change_does_not_move(frames):
    still = smooth_texture().expand(3, frames, 48, 48)
    assert velocity_of_frames(still).speed < 1e-6


def test_flow_counts_what_moves():
    flow = torch.zeros(2, 3, 8, 8)
    flow[0, :, 2:4, 2:4] = 3.0
    found = velocity_of_flow(flow)
    assert (found.right, found.down) == (3.0, 0.0)
    assert velocity_of_flow(torch.zeros(2, 3, 8, 8)).speed == 0
