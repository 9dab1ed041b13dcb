import cmath
import itertools
import math

import pytest
import torch

from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.writings.waves import (
    Conjugates,
    expected_sizes,
    how_often,
    mean_size,
    natural_sizes,
    resampled,
    slowed,
    to_clips,
    to_waves,
)

EXTENTS = [(4, 6, 8), (3, 5, 7), (1, 4, 5), (5, 1, 4), (4, 2, 1), (1, 1, 1)]


def frequency(index, length):
    """Of a wave, in cycles per step, from -1/2 to 1/2."""
    return (index if 2 * index < length else index - length) / length


def some_clips(extent, seed=0):
    return torch.randn(2, 3, *extent, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_waves_and_clips_are_two_ways_of_writing_the_same(extent):
    x = some_clips(extent)
    torch.testing.assert_close(to_clips(to_waves(x), extent), x)


def test_a_wave_is_what_its_sum_says():
    x, (time, height, width) = some_clips((3, 4, 5)), (3, 4, 5)
    t, y, right = 2, 3, 1
    expected = sum(
        x[1, 2, a, b, c].item()
        * cmath.exp(-2j * cmath.pi * (a * t / time + b * y / height + c * right / width))
        for a, b, c in itertools.product(range(time), range(height), range(width))
    ) / math.sqrt(time * height * width)
    assert abs(to_waves(x)[1, 2, t, y, right].item() - expected) < 1e-9


@pytest.mark.parametrize("kappa", [1.0, 0.3, 0.0])
@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_expected_sizes_agree_with_the_definition_wave_by_wave(extent, kappa):
    chi = torch.tensor([0.0, 0.5, 10.0]).double()
    found = expected_sizes(extent, chi, kappa)
    time, height, width = extent

    def squared(clip, t, y, x):
        def measured(index, length):
            return math.sin(math.pi * frequency(index, length)) / math.pi

        across = measured(y, height) ** 2 + measured(x, width) ** 2
        return kappa * across + chi[clip].item() * measured(t, time) ** 2

    sides = [math.sin(math.pi / side) / math.pi for side in extent[1:] if side > 1]
    for clip in range(3):
        slow = chi[clip].item() * (math.sin(math.pi / time) / math.pi) ** 2 if time > 1 else 0
        least = (kappa * min(sides) ** 2 if sides else 0) or slow or 1
        for t, y, x in itertools.product(range(time), range(height), range(width // 2 + 1)):
            expected = max(squared(clip, t, y, x), least) ** -0.5
            assert found[clip, 0, t, y, x].item() == pytest.approx(expected)


def test_a_floor_is_the_frequency_below_which_waves_are_alike():
    sizes = expected_sizes((1, 64, 64), torch.zeros(1), floor=0.1)[0, 0, 0, 0]
    assert sizes[:6].unique().tolist() == pytest.approx([10.0])
    assert sizes[7] < 10


@pytest.mark.parametrize("extent", EXTENTS[:4], ids=str)
@pytest.mark.parametrize("kappa", [1.0, 0.3])
def test_the_length_of_coefficients_is_the_roughness_of_the_clip(extent, kappa):
    """(2 pi)^2 sum |z|^2 = roughness; what has none (DC, flicker at chi = 0) has none in both."""
    x, chi = some_clips(extent), torch.tensor([0.0, 5.0]).double()
    pixels = extent[1] * extent[2]
    prior = Prior(bound=1.0, kappa=kappa, smoothness_weight=float(pixels), periodic=True)
    sizes = expected_sizes(extent, chi, kappa)
    often = how_often(extent[2], sizes)
    free = torch.zeros_like(sizes, dtype=torch.bool)
    free[0, :, :, 0, 0] = free[1, :, 0, 0, 0] = True
    squared = (to_waves(x).abs() / sizes).square().masked_fill(free, 0) * often
    found = (2 * math.pi) ** 2 * squared.sum((1, 2, 3, 4))
    torch.testing.assert_close(found, prior.terms(x, chi)[1], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_the_mean_size_counts_both_halves(extent):
    x = some_clips(extent)
    expected = x.square().mean((1, 2, 3, 4)).sqrt()
    torch.testing.assert_close(mean_size(to_waves(x).abs(), extent[2]).flatten(), expected)


@pytest.mark.parametrize("extent", EXTENTS, ids=str)
def test_phases_made_odd_are_those_of_a_real_clip(extent):
    """Its waves keep their sizes; those that can only have a sign have their own."""
    pairs = Conjugates(extent, "cpu")
    phases = torch.randn(2, 3, *extent[:2], extent[2] // 2 + 1).double()
    pairs.make_odd_(phases)
    assert pairs.own.sum() == math.prod(2 if side % 2 == 0 else 1 for side in extent)
    angles = torch.where(pairs.own, (phases < 0) * math.pi, phases)
    sizes = to_waves(some_clips(extent)).abs()
    x = to_clips(torch.polar(sizes, angles.to(sizes)), extent)
    torch.testing.assert_close(to_waves(x).abs(), sizes)
    before = phases.clone()
    pairs.make_odd_(phases)
    torch.testing.assert_close(phases, before)


def test_natural_sizes_agree_with_the_definition():
    chi = torch.tensor([0.0, 4.0])
    time, height, width = extent = (5, 6, 8)
    found = natural_sizes(extent, chi, speed=0.5)
    for clip, v0 in ((0, 0.5), (1, 0.5 / 3)):
        for t, y, x in itertools.product(range(time), range(height), range(width // 2 + 1)):
            across = max(math.hypot(frequency(y, height), frequency(x, width)), 1 / 8)
            speed = abs(frequency(t, time)) / across
            power = across**-3.3 * (1 + speed / v0) ** -2
            assert found[clip, 0, t, y, x].item() == pytest.approx(power**0.5, rel=1e-5)


def test_slower_means_less_of_what_is_fast_and_no_less_of_what_stands_still():
    shares = slowed((8, 6, 6), torch.tensor([0.0, 1.0, 5.0, 10.0]), speed=1.0)
    assert bool((shares[:, :, 0] == 1).all())
    assert bool((shares[1:, :, 1:] < shares[:-1, :, 1:]).all())
    assert bool((shares[:, :, 1:] < 1).all())


@pytest.mark.parametrize("extent", [(4, 6, 8), (3, 5, 8)], ids=str)
def test_sizes_resampled_to_their_own_extent_stay(extent):
    sizes = to_waves(some_clips(extent)).abs()[0].float()
    torch.testing.assert_close(resampled(sizes, extent), sizes)


@pytest.mark.parametrize("extent", [(8, 12, 16), (3, 5, 7), (1, 6, 8)], ids=str)
def test_sizes_are_resampled_by_frequency_and_not_by_place(extent):
    def smooth(extent):
        over_time = torch.fft.fftfreq(extent[0])[:, None, None]
        down, right = torch.fft.fftfreq(extent[1])[:, None], torch.fft.rfftfreq(extent[2])
        waves = (2 * math.pi * over_time).cos() + (2 * math.pi * down).cos() - 2 * right
        return waves.exp()[None]

    torch.testing.assert_close(
        resampled(smooth((64, 64, 64)), extent), smooth(extent), rtol=0.01, atol=0
    )
