"""Heat that is made of weights changes with them; heat that is the clip itself does not."""

import math

import numpy as np
import pytest
import torch

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.evidence.attribution.belief.cascade import cascade
from kinetoscope.evidence.attribution.belief.sanity import (
    Randomization,
    alike_after,
    chance_of,
    class_likeness,
)
from kinetoscope.evidence.attribution.belief.segments import Segments
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.units.objective import label
from tests.evidence.attribution.belief.known import Brightness, Slope, linear


@pytest.fixture(scope="module")
def questions():
    chance = torch.Generator().manual_seed(0)
    weights = torch.randn(2, 4, 8, 8, generator=chance)
    network = linear(*weights).network
    clips = [Clip(frames=torch.rand(3, 4, 8, 8, generator=chance)) for _ in range(5)]
    return {
        place: Question.about(network, clip, label("label 0")) for place, clip in enumerate(clips)
    }


def randomized(method, questions):
    segments = Segments.of(questions[0].extent)
    heats = {
        clip: segments.sums(method.answer(question).whole).numpy()
        for clip, question in questions.items()
    }
    found = Randomization(chance=chance_of(heats, [*questions]))
    batch = ClipBatch.of([question.clip for question in questions.values()])
    for stage in cascade(questions[0].network, [batch]):
        found.stages.append((stage.layers, alike_after(stage, method, questions, heats, segments)))
    return found


def test_heat_that_is_the_clip_itself_stays_with_random_weights(questions):
    found = randomized(Brightness(), questions)
    assert found.stages[-1][1] == pytest.approx(dict.fromkeys(questions, 1.0))
    assert max(found.chance.values()) < 0.3
    assert not found.changes()


def test_heat_that_is_made_of_weights_changes_with_them(questions):
    found = randomized(Slope(), questions)
    assert found.more_than_chance().value < 0
    assert found.changes()


def test_a_label_with_other_weights_has_other_heat(questions):
    segments = Segments.of(questions[0].extent)
    for method, same in ((Slope(), False), (Brightness(), True)):
        heat = segments.sums(method.answer(questions[0]).whole).numpy()
        alike = class_likeness(method, questions[0], heat, label("label 1"), segments)
        assert (alike == pytest.approx(1)) == same


def test_chance_is_the_mean_over_other_clips():
    heats = {0: np.array([1.0, 2, 3]), 1: np.array([1.0, 3, 2]), 2: np.array([3.0, 2, 1])}
    assert chance_of(heats, [0]) == {0: pytest.approx((0.5 - 1) / 2)}
    assert math.isnan(chance_of({0: heats[0]}, [0])[0])


def test_where_nothing_is_left_to_compare_the_heat_has_changed():
    found = Randomization(chance={0: 0.1}, stages=[(("label",), {0: math.nan})])
    assert found.changes()
