import numpy as np
import pytest

from kinetoscope.evidence.tuning.curves import box_of, tuned
from kinetoscope.evidence.tuning.grid import KINDS, Grid

GRID = Grid(
    directions=4, speeds=(1.0, 4.0), wavelengths=(16.0, 8.0), sizes=(0.5, 1.0), repetitions=2
)


def answers_by(formula):
    """Of one unit that answers by a formula of what is shown."""
    return np.array([[formula(condition, number)] for condition, number in GRID.shown], dtype=float)


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_holds_each_answer_at_its_place(kind):
    def code(condition, number):
        if condition.kind != kind:
            return -1
        return number + condition.direction + 1000 * condition.speed + 1e6 * condition.detail

    box = box_of(answers_by(code), GRID, kind)
    for n, (a, angle), (s, speed), (d, detail) in (
        (n, a, s, d)
        for n in range(2)
        for a in enumerate(GRID.angles)
        for s in enumerate(GRID.speeds)
        for d in enumerate(GRID.details(kind))
    ):
        found = box.moving[n, a, s, d, 0]
        if kind == "gratings" and speed >= 0.4 * detail:
            assert np.isnan(found)
        else:
            assert found == n + angle + 1000 * speed + 1e6 * detail
    assert box.still[1, 0, -1, 0] == 1 + 1e6 * GRID.details(kind)[-1]
    assert box.blank.tolist() == [-1]


def test_curves_run_through_the_largest_answer_above_the_blank():
    def likes_up_and_fast(condition, number):
        if condition.kind == "blank":
            return 10
        if condition.kind != "gratings" or condition.detail != 16:
            return 9  # below the blank
        if condition.speed == 0:
            return 11
        base = 14 if condition.direction == 90 else 11
        return base * (condition.speed == 4) + 10 * (condition.speed == 1) + number

    found = tuned(box_of(answers_by(likes_up_and_fast), GRID, "gratings"))
    assert found.most.tolist() == [4.5]
    assert found.direction[:, 0].tolist() == [1.5, 4.5, 1.5, 1.5]
    assert found.speed[:, 0].tolist() == [0.5, 4.5]
    assert found.detail[0, 0] == 4.5
    assert np.isnan(found.detail[1, 0])  # too fast to be shown at 8 pixels a wave
    assert found.speed_by_detail[0, :, 0].tolist() == [0.5, 0.0]
    assert found.spread[:, 0].tolist() == [0.5] * 4
    assert found.still.tolist() == [1.0]
    assert [each.item() for each in found.best] == [1, 1, 0]
