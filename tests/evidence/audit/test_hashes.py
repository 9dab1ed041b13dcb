import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn

from kinetoscope.evidence.audit.hashes import (
    BITS,
    PICTURES,
    hash_of,
    near_pairs,
    shrunk,
    spread_pictures,
    view_of,
)


def scene(seed, side=64):
    """Smooth pictures, as real ones are: random waves."""
    numbers = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] / side
    pictures = np.zeros((PICTURES, side, side))
    for _ in range(12):
        right, down, phase = numbers.uniform(-4, 4), numbers.uniform(-4, 4), numbers.uniform(0, 6)
        pictures += np.cos(2 * np.pi * (right * columns + down * rows) + phase)
    return (pictures - pictures.min()) / np.ptp(pictures)


def test_bits_are_the_signs_of_the_lowest_frequencies():
    picture = scene(0)
    small = shrunk(picture, 32)[0]
    waves = dctn(small, norm="ortho")
    order = sorted(
        ((r, c) for r in range(11) for c in range(11) if 0 < r + c < 11),
        key=lambda place: (sum(place), place),
    )[:64]
    values = np.array([waves[place] for place in order])
    np.testing.assert_array_equal(hash_of(picture)[:64], values > np.median(values))


def test_what_is_lighter_rougher_or_smaller_has_nearly_the_same_bits():
    picture, noise = scene(1), np.random.default_rng(0).normal(0, 0.02, scene(1).shape)
    bits = hash_of(picture)
    for changed in (0.5 * picture + 0.3, picture + noise, shrunk(picture, 48)):
        assert (hash_of(changed) != bits).sum() <= 16
    others = [(hash_of(scene(seed)) != bits).sum() for seed in range(2, 30)]
    assert np.mean(others) == pytest.approx(BITS / 2, abs=20)


def test_a_view_is_the_same_picture_seen_so():
    pictures = scene(2)
    np.testing.assert_array_equal(
        view_of(view_of(pictures, "mirrored"), "mirrored"), view_of(pictures, "plain")
    )
    assert view_of(pictures, "cropped").shape == (PICTURES, 58, 58)


@pytest.mark.parametrize("time", [1, 2, 7, 16])
def test_pictures_are_spread_over_clips_of_any_length(time):
    grey = np.arange(time, dtype=float)[:, None, None] * np.ones((1, 4, 4))
    chosen = spread_pictures(grey)[:, 0, 0]
    assert len(chosen) == PICTURES
    assert (np.diff(chosen) >= 0).all()
    assert chosen[-1] == int(3.5 / 4 * time)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 9), st.integers(0, 20))
def test_finds_just_the_pairs_that_are_near(seed, clips, block, furthest):
    bits = np.random.default_rng(seed).random((2, clips, 32)) < 0.5
    expected = {
        (i, j, int((bits[0, i] != bits[1, j]).sum()))
        for i in range(clips)
        for j in range(i + 1, clips)
        if (bits[0, i] != bits[1, j]).sum() <= furthest
    }
    found = [
        tuple(map(int, pair))
        for part in near_pairs(bits[0], bits[1], furthest, block=block)
        for pair in zip(*part, strict=True)
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
