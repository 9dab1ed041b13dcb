"""Planted units: the whole bank is maximized by scripts/experiments/planted_units.py."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.units.reading import read_normalized
from tests.evidence.bank import FLOW_SCALE, SETTINGS, bound_of, planted_bank
from tests.evidence.planted import GREY
from tests.evidence.recovery import recovery


@pytest.fixture(scope="module")
def bank():
    return planted_bank()


@pytest.fixture(scope="module")
def one_of_each(bank):
    """The smallest of every family, and motion away from a centre."""
    found = {}
    for unit in sorted(bank, key=lambda each: each.network.expects.size):
        stream = unit.truths[0].stream if unit.family == "looming" else None
        found.setdefault((unit.family, stream), unit)
    return list(found.values())


def displayed(unit):
    """The best clip as the stimulus that it would be."""
    made = {}
    if "frames" in unit.clip:
        made["frames"] = (0.5 + GREY["std"][0] * unit.clip["frames"]).clamp(0, 1)
    if "flow" in unit.clip:
        made["flow"] = FLOW_SCALE * unit.clip["flow"]
    return Stimulus(
        **{"frames": None, "flow": None, **made},
        objective=unit.objective,
        slowness=0.0,
        activation=unit.optimum,
        mean_activation=unit.optimum,
        best_real=None,
        frames_velocity=None,
        flow_velocity=None,
        history={},
    )


@pytest.mark.slow
def test_best_clips_excite_all_hundred_as_said_and_are_what_was_planted(bank):
    assert len(bank) == 100
    for unit in bank:
        streams = {name: x[None] for name, x in unit.clip.items()}
        with torch.no_grad():
            answers = read_normalized(unit.network, ClipBatch(**streams), ["layer"])["layer"]
        answer = answers[0, unit.objective.unit.channel].item()
        assert answer == pytest.approx(unit.optimum, rel=2e-3)
        assert all(x.norm(dim=0).max() <= bound_of(name) for name, x in unit.clip.items())
    assert all(recovery(unit, displayed(unit)).passes for unit in bank[::9])


def test_a_bank_has_every_direction_and_two_streams(bank):
    families = Counter(unit.family for unit in bank)
    assert len(families) == 6
    assert families["two streams"] == 12
    quarters = Counter(unit.truths[0].direction // 90 for unit in bank)
    assert min(quarters[quarter] for quarter in range(4)) >= 15


@pytest.mark.slow
def test_what_was_planted_is_found_and_excites_as_the_best_clip_does(one_of_each):
    assert len(one_of_each) == 7
    for unit in one_of_each:
        asked = replace(SETTINGS, steps=100)
        (best,) = maximize(unit.network, [unit.objective], slowness=[0.0], settings=asked).stimuli
        assert recovery(unit, best).passes, (unit.family, unit.truths, recovery(unit, best))


@pytest.mark.slow
def test_a_unit_that_needs_two_streams_gets_nothing_from_one(bank):
    unit = next(each for each in bank if each.family == "two streams")
    for stream in ("frames", "flow"):
        streams = {name: x[None] * (name == stream) for name, x in unit.clip.items()}
        with torch.no_grad():
            answers = read_normalized(unit.network, ClipBatch(**streams), ["layer"])["layer"]
        assert answers.max() < 0.02 * unit.optimum
