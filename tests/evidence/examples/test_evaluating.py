import pytest

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.examples.evaluating import objective_answers
from kinetoscope.evidence.examples.ranking import top, unit_answers
from kinetoscope.units.objective import Objective, activation, direction, label, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.boxes import PLACES

LIGHT = Unit("relu", 0)


@pytest.fixture
def answers_of(network, catalog, scanned):
    def answers_of(objective):
        return objective_answers(network, catalog, scanned, [objective])[objective]

    return answers_of


def test_a_neuron_is_excited_by_the_clip_that_is_light_where_it_looks(scanned, answers_of):
    objective = neuron(LIGHT, PLACES[2])
    best = top(scanned, answers_of(objective), 1)[0]
    assert best.clip == 2
    assert best.place == PLACES[2]
    assert best.box == ((4, 6), (0, 16), (0, 16))
    assert best.activation == pytest.approx(0.7, abs=0.01)


def test_a_direction_is_found_where_it_is_largest(scanned, answers_of):
    found = answers_of(direction("relu", [1.0, 0.0, 0.0]))
    expected = unit_answers(scanned, LIGHT)
    assert top(scanned, found, 9)[0].place == PLACES[6]
    for mine, theirs in zip(top(scanned, found, 9), top(scanned, expected, 9), strict=True):
        assert (mine.clip, mine.place) == (theirs.clip, theirs.place)
        assert mine.activation == pytest.approx(theirs.activation, rel=1e-5)


def test_a_layer_that_was_not_scanned_is_run(scanned, answers_of):
    found = answers_of(activation(Unit("boxes", 0)))
    best = top(scanned, found, 1)[0]
    assert (best.clip, best.place) == (6, PLACES[6])


def test_a_sum_with_what_was_not_scanned_is_evaluated_whole(scanned, answers_of):
    found = answers_of(label("light") + neuron(LIGHT, PLACES[0]))
    best = top(scanned, found, 1)[0]
    assert best.place is None
    assert best.activation == pytest.approx(9.0 + 0.5, abs=0.1)


def test_what_the_scan_knows_needs_no_videos(network, catalog, scanned):
    def refuses(*_):
        raise AssertionError("the network is run")

    network.model.register_forward_pre_hook(refuses)
    wanted = [activation(LIGHT), label("light"), label("light") - label("dark")]
    assert len(objective_answers(network, catalog, scanned, wanted)) == 3


def test_a_clip_that_can_not_be_read_has_no_answer(answers_of):
    assert answers_of(neuron(LIGHT)).table["clip"].to_list() == [0, 1, 2, 4, 5, 6]


def test_refuses_what_the_network_does_not_have(answers_of):
    with pytest.raises(UnknownNameError, match="near: relu"):
        answers_of(Objective.parse("rely:0@centre"))
