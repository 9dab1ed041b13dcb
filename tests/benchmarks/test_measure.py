"""Measurements: what is told of many rounds, on a machine whose speed drifts."""

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def measure(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("measure")


def timings(measure, **seconds):
    return {
        name: measure.Timing(median=0.0, spread=0.0, seconds=tuple(taken))
        for name, taken in seconds.items()
    }


def test_a_drift_of_the_machine_does_not_touch_a_ratio(measure):
    drift = [1.0, 1.3, 0.8, 2.0, 1.1, 0.9, 1.7, 1.4, 1.2]
    found = measure.times_faster(
        timings(measure, ours=[2 * each for each in drift], other=[3 * each for each in drift]),
        "ours",
        "other",
    )
    assert found.median == pytest.approx(1.5)
    assert found.interval == pytest.approx((1.5, 1.5))


@pytest.mark.parametrize(
    ("rounds", "left_out"),
    # The classical table of order statistics: 1st and last of 6, 2nd of 9, 4th of 15, 6th of 20.
    [(3, 0), (6, 0), (8, 0), (9, 1), (12, 2), (15, 3), (20, 5)],
)
def test_an_interval_is_that_of_the_order_statistics(measure, rounds, left_out):
    ratios = [1 + number / 10 for number in range(rounds)]
    found = measure.times_faster(
        timings(measure, ours=[1.0] * rounds, other=ratios), "ours", "other"
    )
    assert found.interval == (ratios[left_out], ratios[-1 - left_out])


def test_every_round_is_kept_but_the_first(measure):
    clock = ticking()
    found = measure.side_by_side(
        {"ours": lambda: next(clock), "other": lambda: [next(clock) for _ in range(3)]},
        rounds=7,
        clock=lambda: next(clock),
    )
    assert found["ours"].seconds == (2.0,) * 7
    assert found["other"].seconds == (4.0,) * 7
    assert measure.times_faster(found, "ours", "other").median == 2.0


def test_a_line_tells_the_interval_of_its_ratio(measure, capsys):
    found = timings(measure, ours=[1.0, 2.0], other=[1.5, 4.0])
    measure.report(
        "a thing", timings=found, ratio=measure.times_faster(found, "ours", "other"), target=1.0
    )
    line = json.loads(capsys.readouterr().out)
    assert line["ratio"] == 1.75
    assert line["interval"] == [1.5, 2.0]


def ticking() -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += 1.0
