import math

import pytest
import torch

from kinetoscope.evidence.motion.wave import fit_wave, strongest_wave
from tests.evidence.waves import drifting_wave


def test_a_wave_in_a_soft_window_is_explained_wholly():
    wave = fit_wave(drifting_wave(wavelength=9.0, speed=1.0, degrees=30.0, noise=0.0))
    assert wave.share > 0.999
    assert wave.slopes > 0.999
    assert math.hypot(wave.right, wave.down) == pytest.approx(1 / 9, rel=1e-3)


def test_noise_is_explained_by_no_wave():
    noise = torch.rand(3, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    wave = fit_wave(noise)
    assert 0 <= wave.slopes < 0.1
    assert wave.share < 0.1


def test_of_two_waves_the_stronger_is_found():
    weak = drifting_wave(wavelength=5.0, speed=1.0, degrees=0.0, soft=False)
    strong = drifting_wave(wavelength=8.0, speed=0.5, degrees=90.0, soft=False)
    wave = fit_wave(0.3 * weak + 0.7 * strong)
    assert abs(wave.down) == pytest.approx(1 / 8, rel=0.03)
    assert abs(wave.right) < 0.005


def test_the_fit_begins_at_the_peak_of_the_spectrum_and_goes_beyond_its_steps():
    clip = drifting_wave(wavelength=9.3, speed=1.0, degrees=0.0, frames=10, side=20, soft=False)
    steps = 1 / 40  # of a spectrum of twice the length
    _, _, right = strongest_wave(clip.double() - clip.double().mean())
    assert right == pytest.approx(1 / 9.3, abs=steps)
    assert abs(fit_wave(clip).right) == pytest.approx(1 / 9.3, abs=steps / 50)


def test_long_waves_of_large_clips_are_found_as_well():
    clip = drifting_wave(wavelength=40.0, speed=3.0, degrees=0.0, side=96, frames=6)
    wave = fit_wave(clip)
    assert abs(wave.right) == pytest.approx(1 / 40, rel=0.05)
    assert abs(wave.over_time / wave.right) == pytest.approx(3, rel=0.05)


def test_nothing_is_found_where_nothing_changes():
    assert fit_wave(torch.full((2, 3, 4, 4), 0.7)) is None
