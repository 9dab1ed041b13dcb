import tracemalloc

import numpy as np
import pytest

from kinetoscope.evidence.tuning.grid import Grid
from kinetoscope.evidence.tuning.measure import measure

GRID = Grid(speeds=(1.0, 2.0, 4.0), wavelengths=(24.0, 12.0), sizes=(1.0,), repetitions=3)


def answers(units, formula):
    """Noise, and what a formula adds to it for the first half of the units."""
    noise = np.random.default_rng(0).normal(5, 1, (len(GRID.shown), units)).astype(np.float32)
    added = np.array([formula(condition) for condition, _ in GRID.shown], np.float32)
    noise[:, : units // 2] += added[:, None]
    noise[0] = 0  # the blank
    return noise


def likes(axis):
    """Something that moves along 90 degrees one way, or either way."""

    def formula(condition):
        away = np.radians(condition.direction - 90)
        moves = condition.speed > 0
        return 20 * moves * max(0, np.cos(away) if axis == "way" else np.cos(2 * away))

    return formula


@pytest.mark.parametrize(("axis", "verdict"), [("way", "direction"), ("both", "orientation")])
def test_tuned_units_are_told_from_noise(axis, verdict):
    found = measure(answers(100, likes(axis)), GRID, "gratings", tries=999, seed=0)
    assert (found["verdict"][:50] == verdict).all()
    assert (found["verdict"][50:] == "untuned").mean() >= 0.94
    apart = (found["direction"][:50].to_numpy() - 90) % (360 if axis == "way" else 180)
    assert np.minimum(apart, abs(apart - (360 if axis == "way" else 180))).max() < 45


def test_a_unit_below_the_blank_is_silent_and_has_no_indices():
    quiet = np.zeros((len(GRID.shown), 2), np.float32)
    quiet[0] = 1
    (row,) = measure(quiet, GRID, "dots", tries=9, seed=0).rows(named=True)[:1]
    assert (row["verdict"], row["peak"]) == ("silent", 0)
    assert row["direction_selectivity"] is None
    assert row["direction"] is None
    assert row["q_direction"] == 1


@pytest.mark.slow
def test_memory_does_not_grow_with_the_layer():
    def most(units):
        given = answers(units, likes("way"))
        tracemalloc.start()
        measure(given, GRID, "gratings", tries=9, seed=0)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few, many = most(4_000), most(12_000)
    assert many - few < 8_000 * 27 * 8 * 3  # its own numbers, and no answers
