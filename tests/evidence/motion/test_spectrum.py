import math

import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.evidence.motion.spectrum import (
    Spectrum,
    frequencies,
    resampled,
    spectrum_distance,
    spectrum_of,
    window,
)


def noise(size, *, power=0.0, clips=6, seed=0):
    """Clips whose waves fall by a power of their spatial frequency."""
    seed = torch.Generator().manual_seed(seed)
    white = torch.randn(clips, 3, *size, generator=seed, dtype=torch.float64)
    _, over_space = frequencies(size)
    fall = over_space.clamp(min=1 / 24).pow(-power)
    return torch.fft.irfftn(torch.fft.rfftn(white, dim=(2, 3, 4)) * fall, s=size, dim=(2, 3, 4))


def test_agrees_with_the_definition_written_out():
    clips = noise((3, 4, 5), clips=2)
    fade = window((3, 4, 5), clips)
    found = torch.zeros(3, 3, 4, 3, dtype=torch.complex128).abs()
    for clip in clips:
        mean = (clip * fade).sum((1, 2, 3), keepdim=True) / fade.sum()
        x = (clip - mean) * fade / fade.square().mean().sqrt()
        for t, h, w in ((0, 1, 2), (1, 0, 1), (2, 3, 0)):
            wave = torch.zeros(3, dtype=torch.complex128)
            for i in range(3):
                for j in range(4):
                    for k in range(5):
                        turn = -2 * math.pi * (t * i / 3 + h * j / 4 + w * k / 5)
                        wave += x[:, i, j, k] * complex(math.cos(turn), math.sin(turn))
            found[:, t, h, w] += wave.abs() / math.sqrt(60) / 2
    magnitude = spectrum_of(clips).magnitude
    seen = found > 0
    torch.testing.assert_close(magnitude[seen], found[seen])


def test_white_noise_has_one_everywhere_and_the_mean_stands_at_zero():
    magnitude = spectrum_of(noise((8, 16, 16), clips=40) + 5).magnitude
    rest = magnitude[:, 1:].mean().item()
    assert rest == pytest.approx(math.sqrt(math.pi) / 2, rel=0.05)  # of a Rayleigh distribution
    assert magnitude[0, 0, 0, 0].item() == pytest.approx(5 * math.sqrt(8 * 256), rel=0.05)


def test_a_wave_stands_at_its_frequency():
    time, _, width = torch.meshgrid(*(torch.arange(n) for n in (8, 16, 16)), indexing="ij")
    clip = torch.cos(2 * math.pi * (width / 4 - time / 8))[None, None].double()
    magnitude = spectrum_of(clip).magnitude[0]
    place = torch.unravel_index(magnitude.argmax(), magnitude.shape)
    assert tuple(map(int, place)) == (7, 0, 4)


def test_the_distance_is_none_to_itself_and_grows_with_whitening():
    natural = spectrum_of(noise((8, 32, 32), power=1.5))
    found = [
        spectrum_distance(spectrum_of(noise((8, 32, 32), power=power, seed=1)), natural)
        for power in (1.5, 1.0, 0.5, 0.0)
    ]
    assert spectrum_distance(natural, natural) == 0
    assert found == sorted(found)
    assert found[0] < 1.5 < found[1]
    assert spectrum_distance(spectrum_of(7 * noise((8, 32, 32), power=1.5)), natural) < 1e-6


def test_clips_of_another_size_are_near():
    natural = spectrum_of(noise((8, 48, 48), power=1.0))
    small = spectrum_of(noise((6, 24, 17), power=1.0, clips=12))
    assert (
        spectrum_distance(small, natural)
        < 2
        < spectrum_distance(spectrum_of(noise((6, 24, 17), clips=12)), natural)
    )


def test_one_pixel_is_at_no_distance():
    dot = spectrum_of(torch.rand(2, 3, 1, 1, 1))
    assert spectrum_distance(dot, dot) == 0


@pytest.mark.parametrize("wanted", [(8, 32, 32), (5, 17, 24), (12, 40, 21), (16, 64, 64)])
def test_a_resampled_spectrum_is_that_of_clips_of_the_other_size(wanted):
    has = spectrum_of(noise((8, 32, 32), power=1.0, clips=20))
    found = has.resampled(wanted)
    own = spectrum_of(noise(wanted, power=1.0, clips=20))
    assert found.magnitude.shape == own.magnitude.shape
    assert spectrum_distance(found, own) < 1.5
    level = (found.magnitude / own.magnitude)[:, :, 4:].log().mean().exp().item()
    assert level == pytest.approx(1, abs=0.15)


def test_the_same_size_is_the_same_spectrum():
    has = spectrum_of(noise((4, 8, 9)))
    assert resampled(has.magnitude, has.size, (4, 8, 9)) is has.magnitude


def test_a_frame_has_the_power_of_all_temporal_frequencies():
    clips = noise((8, 16, 16), power=1.0, clips=30)
    one, own = spectrum_of(clips).resampled((1, 16, 16)), spectrum_of(clips[:, :, :1])
    ratio = (one.magnitude / own.magnitude)[:, :, 2:].log().mean().exp().item()
    assert ratio == pytest.approx(1, abs=0.15)


def test_the_radial_profile_falls_as_the_waves_do():
    profile = spectrum_of(noise((4, 32, 32), power=1.0, clips=20)).radial_profile()
    assert len(profile) == 17
    assert (profile[4] / profile[16]).item() == pytest.approx(4, rel=0.15)


def test_refuses_a_magnitude_of_another_size():
    with pytest.raises(ClipError, match="half-spectrum"):
        Spectrum(torch.ones(3, 4, 8, 8), (4, 8, 8))
