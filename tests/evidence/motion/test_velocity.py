import math

import pytest
import torch

from kinetoscope.evidence.motion.velocity import peak_of, velocity_of_flow, velocity_of_frames
from tests.evidence.waves import apart, drifting_wave


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


# Waves: speed up to half a period a frame, in windows that hold one period or many


@pytest.mark.parametrize("soft", [True, False], ids=["soft", "all over"])
@pytest.mark.parametrize(
    ("wavelength", "speed", "degrees", "frames", "side"),
    [
        (5.0, 0.5, 10.0, 9, 15),
        (5.0, 2.0, 100.0, 16, 24),
        (8.0, 0.25, 190.0, 9, 24),
        (8.0, 3.0, 280.0, 16, 15),
        (12.0, 1.0, 45.0, 12, 15),
        (12.0, 3.0, 335.0, 9, 48),
        (16.0, 0.5, 225.0, 16, 24),
        (16.0, 2.0, 150.0, 9, 15),
    ],
)
def test_a_wave_is_measured_in_any_window(wavelength, speed, degrees, frames, side, soft):
    clip = drifting_wave(
        wavelength=wavelength, speed=speed, degrees=degrees, frames=frames, side=side, soft=soft
    )
    peak, moved = peak_of(clip), velocity_of_frames(clip)
    assert peak.frequency * wavelength == pytest.approx(1, rel=0.1)
    for found in (peak.velocity, moved):
        assert found.speed == pytest.approx(speed, rel=0.1)
        assert apart(found.direction, degrees) < 5


CLIP = drifting_wave(wavelength=7.0, speed=1.1, degrees=25.0, side=20)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda clip: clip.flip(3), lambda right, down: (-right, down)),
        (lambda clip: clip.flip(2), lambda right, down: (right, -down)),
        (lambda clip: clip.flip(1), lambda right, down: (-right, -down)),
        (lambda clip: clip.rot90(1, dims=(2, 3)), lambda right, down: (down, -right)),
        (lambda clip: 1 - clip, lambda right, down: (right, down)),
    ],
    ids=["mirrored", "upside down", "backward", "turned", "negative"],
)
def test_velocity_follows_what_is_done_to_the_clip(change, expected):
    for measure in (velocity_of_frames, lambda clip: peak_of(clip).velocity):
        before, after = measure(CLIP), measure(change(CLIP))
        goal = expected(before.right, before.down)
        assert (after.right, after.down) == pytest.approx(goal, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("speed", [0.3, 1.0, 2.5, 4.0])
def test_broad_textures_have_their_velocity_also_where_each_wave_repeats_itself(speed):
    seed = torch.Generator().manual_seed(1)
    noise = torch.randn(96, 96, generator=seed)
    fine = torch.nn.functional.avg_pool2d(noise[None], 3, 1, 1)[0]
    right, down = speed * math.cos(0.5), speed * math.sin(0.5)
    found = velocity_of_frames(drifting(fine, right, down)[:, :, 20:60, 20:60])
    assert math.hypot(found.right - right, found.down - down) < 0.1 * speed


def test_flicker_goes_nowhere():
    time = torch.arange(12.0)[None, :, None, None]
    stripes = torch.sin(torch.arange(24.0) / 2).expand(3, 12, 24, 24)
    assert velocity_of_frames(0.5 + 0.3 * torch.cos(time) * stripes).speed < 0.02


def test_a_plain_clip_has_no_peak_and_a_picture_has_one_that_stands():
    assert peak_of(torch.full((3, 4, 8, 8), 0.5)) is None
    still = peak_of(CLIP[:, :1])
    assert still.over_time == 0
    assert still.velocity.speed == 0
    assert still.frequency == pytest.approx(1 / 7, rel=0.1)


def test_a_plain_light_that_pulses_has_a_peak_in_time_alone():
    light = 0.5 + 0.3 * torch.cos(2 * math.pi * torch.arange(16.0) / 5)
    peak = peak_of(light[None, :, None, None].expand(3, 16, 8, 8))
    assert peak.over_time == pytest.approx(-0.2, abs=0.01)
    assert peak.velocity.speed == 0


def test_flow_has_a_peak_too():
    peak = peak_of(drifting_wave(wavelength=6.0, speed=1.0, degrees=90.0)[:2])
    assert peak.velocity.down == pytest.approx(-1, rel=0.1)


@pytest.mark.parametrize("size", [(3, 3, 3), (9, 3, 7), (9, 12, 5), (4, 16, 16)], ids=str)
def test_a_dot_that_flashes_does_not_race(size):
    clip = torch.zeros(1, *size)
    clip[:, size[0] // 2, size[1] // 2, size[2] // 2] = 1
    assert velocity_of_frames(clip).speed < 3  # pixels per frame; there is nothing to follow
