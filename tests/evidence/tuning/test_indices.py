import numpy as np
import pytest

from kinetoscope.evidence.tuning.indices import (
    contrast_of,
    direction_selectivity,
    half_width,
    orientation_selectivity,
    peak,
    vector_strength,
)

ANGLES = np.arange(0.0, 360, 45)


def curves(*lists):
    return np.array(lists, dtype=float).T


def test_direction_selectivity_by_hand():
    likes_up = [0, 0, 8, 2, 1, 0, 2, 0]  # 8 at 90 degrees, 2 at 270
    ignores_the_way = [1, 1, 5, 1, 1, 1, 5, 1]
    silent_else = [0, 3, 0, 0, 0, 0, 0, 0]
    found = direction_selectivity(curves(likes_up, ignores_the_way, silent_else, [0] * 8))
    assert found[:3].tolist() == [0.6, 0.0, 1.0]
    assert np.isnan(found[3])


def test_orientation_selectivity_by_hand():
    # mean along 90 and 270 degrees: 5; along 0 and 180: 1
    assert orientation_selectivity(curves([1, 0, 8, 0, 1, 0, 2, 0])).item() == pytest.approx(4 / 6)
    assert orientation_selectivity(curves([2] * 8)).item() == 0


def test_vector_strength_by_hand():
    # 3 right, 1 left: |3 - 1| / 4 by direction; one axis alone by orientation
    one = curves([3, 0, 0, 0, 1, 0, 0, 0])
    assert vector_strength(one, 1).item() == pytest.approx(0.5)
    assert vector_strength(one, 2).item() == pytest.approx(1.0)
    # 1 right, 1 up: by direction the length of (1, 1) of 2; across, so nothing is left
    other = curves([1, 0, 1, 0, 0, 0, 0, 0])
    assert vector_strength(other, 1).item() == pytest.approx(2**0.5 / 2)
    assert vector_strength(other, 2).item() == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(vector_strength(curves([0] * 8)).item())


def test_half_width_by_hand():
    # down from 8 to 4 half way to the next place on one side, at the second place on the other
    ring = curves([8, 0, 0, 0, 0, 0, 4, 6])
    assert half_width(ring, ANGLES, ring=True).item() == pytest.approx((22.5 + 90) / 2)
    line = curves([2, 8, 6, 2])
    octaves = np.array([-1.0, 0, 1, 2])
    left, right = 4 / 6, 1 + 2 / 4
    assert half_width(line, octaves).item() == pytest.approx((left + right) / 2)


def test_half_width_is_of_one_side_where_the_other_has_no_end():
    octaves = np.array([0.0, 1, 2])
    assert half_width(curves([8, 6, 2]), octaves).item() == pytest.approx(1.5)
    assert half_width(curves([2, 8, np.nan]), octaves).item() == pytest.approx(4 / 6)
    assert np.isnan(half_width(curves([8, 7, 6]), octaves).item())
    assert np.isnan(half_width(curves([3] * 8), ANGLES, ring=True).item())


def test_half_width_of_a_bell_is_that_of_its_formula():
    steps = np.arange(0.0, 360)
    away = (steps - 90 + 180) % 360 - 180
    bell = curves(np.exp(-(away**2) / (2 * 30**2)))
    assert half_width(bell, steps, ring=True).item() == pytest.approx(30 * 1.17741, rel=1e-3)


def test_the_peak_lies_between_places_by_a_parabola():
    place = np.arange(5.0)
    parabolas = curves(9 - (place - 2.3) ** 2, 9 - (place - 1.8) ** 2, [5, 4, 3, 2, 1])
    assert peak(parabolas) == pytest.approx([2.3, 1.8, 0.0])
    assert peak(curves([1, 4, np.nan])).item() == 1
    assert peak(curves([0, 0, 0])).item() == 0


def test_the_peak_of_a_ring_goes_round():
    assert peak(curves([8, 0, 0, 0, 0, 0, 0, 8]), ring=True).item() in (0.5, 7.5)
    assert peak(curves([8, 2, 0, 0, 0, 0, 0, 6]), ring=True).item() == pytest.approx(7.75)


def test_contrast_by_hand():
    assert contrast_of(np.array([3.0]), np.array([1.0])).item() == 0.5
    assert np.isnan(contrast_of(np.zeros(1), np.zeros(1)).item())
