import numpy as np
import pytest

from kinetoscope.evidence.specificity import measures as module
from kinetoscope.evidence.specificity.chosen import choose
from kinetoscope.evidence.specificity.layer_part import layer_part
from kinetoscope.evidence.specificity.measures import (
    KINDS,
    measure,
    measure_chance,
    median_of,
)

NUMBERS = np.random.default_rng(0)
LABELS = np.repeat(np.arange(4), 12)
SPECIFIC, DEAD, ALIKE, NOISE, LEANING = range(5)


@pytest.fixture(scope="module")
def answers():
    """A unit of label 2, a dead one, one that answers to all alike, noise, one that leans to 1."""
    made = NUMBERS.random((48, 5))
    made[LABELS == 2, SPECIFIC] += 5
    made[:, DEAD], made[:, ALIKE] = 0, 1
    made[:, LEANING] += 0.3 * (LABELS == 1)
    return made


@pytest.fixture(scope="module")
def measured(answers):
    return measure(answers, LABELS, 4)


def test_every_unit_is_called_what_it_is(measured):
    kinds = [KINDS[kind] for kind in measured.kinds]
    assert kinds == ["specific", "dead", "general", "general", "between"]
    assert measured.best[SPECIFIC] == 2
    assert measured.best[LEANING] == 1


def test_the_indices_of_a_specific_unit_and_of_one_that_answers_to_all_alike(measured):
    np.testing.assert_allclose(measured.entropy[[SPECIFIC, ALIKE]], [0, 2])
    np.testing.assert_allclose(measured.best_of("area")[[SPECIFIC, ALIKE]], [1, 0.5])
    assert measured.selectivity[SPECIFIC] > 0.7
    np.testing.assert_allclose(measured.selectivity[ALIKE], 0)
    for index in module.INDICES:
        assert np.isnan(measured.best_of(index)[DEAD])


def test_a_label_with_one_clip_makes_no_unit_specific():
    answers = np.zeros((20, 1))
    answers[0] = 9
    answers[1:, 0] = NUMBERS.random(19)
    found = measure(answers, np.array([0] + [1] * 10 + [2] * 9), 3)
    assert found.area[0, 0] == 1
    assert found.best[0] != 0
    assert KINDS[found.kinds[0]] != "specific"


def test_shuffled_labels_make_no_unit_specific_and_are_the_same_for_the_same_seed(answers):
    one, other = (measure_chance(answers, LABELS, 4) for _ in range(2))
    assert one.specific == 0
    assert one.medians == other.medians
    assert one.medians["area"].low <= one.medians["area"].value <= one.medians["area"].high < 0.8


def test_of_very_many_units_some_are_shuffled(answers, monkeypatch):
    monkeypatch.setattr(module, "_BY_CHANCE", 3)
    found = measure_chance(answers, LABELS, 4)
    assert len(found.values["area"]) <= 3 * module.SHUFFLES


def test_blocks_of_channels_change_nothing(answers, measured, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 2)
    found = measure(answers, LABELS, 4)
    np.testing.assert_array_equal(found.rate, measured.rate)
    np.testing.assert_array_equal(found.histograms, measured.histograms)


def test_a_median_is_over_live_units(measured):
    np.testing.assert_allclose(median_of(measured, "entropy").value, np.nanmedian(measured.entropy))


def test_the_interval_of_very_many_units_is_about_the_one_that_is_drawn(monkeypatch):
    found = measure(NUMBERS.random((48, 400)), LABELS, 4)
    drawn = median_of(found, "area")
    monkeypatch.setattr(module, "_MANY", 100)
    exact = median_of(found, "area")
    assert exact.value == drawn.value
    np.testing.assert_allclose([exact.low, exact.high], [drawn.low, drawn.high], atol=0.01)


def test_every_label_has_its_most_specific_unit_removed_before_any_has_a_second(measured):
    chosen = choose(measured, specific=2, controls=1)
    assert [(each.channel, each.label, each.why) for each in chosen][:1] == [
        (SPECIFIC, 2, "specific")
    ]
    assert len({each.label for each in chosen[:2]}) == 2
    assert DEAD not in {each.channel for each in choose(measured, specific=9, controls=9)}
    channels = [each.channel for each in choose(measured, specific=1, controls=2)]
    assert sorted(channels) == [SPECIFIC, ALIKE, NOISE, LEANING]


def test_a_layer_is_told_beside_what_chance_tells(answers, measured):
    part = layer_part("layer", measured, answers, list("abcd"), LABELS)
    assert part["kinds"] == {"specific": 1, "between": 1, "general": 2, "dead": 1}
    assert [*part["specific"]] == ["c"]
    assert part["specific"]["c"][0]["unit"] == f"layer:{SPECIFIC}"
    assert {each["unit"] for each in part["general"]} == {f"layer:{ALIKE}", f"layer:{NOISE}"}
    for index in module.INDICES:
        assert sum(part[index]["counts"]) == 4
        np.testing.assert_allclose(sum(part[index]["shares"]), 1)
