from dataclasses import replace

import pytest

from kinetoscope.report.layers import (
    best_ratio,
    lane_of,
    layer_part,
    sprites,
    suspicious,
    units_part,
)
from kinetoscope.report.objectives import Objectives, Shown
from kinetoscope.units.objective import activation
from kinetoscope.units.unit import Unit

SEES, BLIND = {"receptive_field": [3, 7, 7]}, {"receptive_field": [0, 0, 0]}


def stimulus(activation, ratio, *, suspicious=False):
    pictures = dict.fromkeys(("frames", "flow", "opacity"))
    return {"activation": activation, "ratio": ratio, "suspicious": suspicious, **pictures}


def unit(channel, *, dead=False, selectivity=0.5, stimuli=()):
    return {
        "unit": f"a:{channel}",
        "channel": channel,
        "dead": dead,
        "selectivity": selectivity,
        "stimuli": list(stimuli),
    }


@pytest.mark.parametrize(
    ("seen", "streams", "lane"),
    [
        ({"frames": SEES, "flow": BLIND}, 2, "appearance"),
        ({"frames": BLIND, "flow": SEES}, 2, "motion"),
        ({"frames": SEES, "flow": SEES}, 2, "both"),
        ({}, 2, "both"),
        ({"frames": SEES}, 1, "both"),
    ],
)
def test_a_layer_is_in_the_lane_of_what_it_sees(seen, streams, lane):
    assert lane_of({"streams": seen}, streams) == lane


def test_a_layer_is_summed_up_by_its_middle_unit_and_dead_units_do_not_count():
    units = [
        unit(0, selectivity=0.2, stimuli=[stimulus(1.0, 1.0), stimulus(3.0, 3.0)]),
        unit(1, selectivity=0.4, stimuli=[stimulus(2.0, 2.0, suspicious=True)]),
        unit(2, selectivity=0.9),
        unit(3, dead=True, selectivity=None, stimuli=[stimulus(9.0, None)]),
    ]
    part = layer_part({"name": "a", "channels": 4}, units, streams=1, sloped=True, data="data/a.js")
    assert part["ratio"] == 2.5
    assert part["selectivity"] == 0.4
    assert (part["dead"], part["stimuli"], part["suspicious"]) == (1, 3, 1)
    assert part["scanned"]
    assert part["sloped"]
    assert [each["unit"] for each in part["sprites"]] == ["a:1", "a:0"]


def test_a_layer_that_nothing_is_known_of_has_no_numbers():
    part = layer_part({"name": "a", "channels": 4}, [], streams=1, sloped=False, data=None)
    assert part["ratio"] is part["selectivity"] is None
    assert not part["scanned"]
    assert not part["sloped"]


def test_the_best_ratio_is_that_of_any_slowness():
    assert best_ratio(unit(0, stimuli=[stimulus(1, 0.5), stimulus(1, None)])) == 0.5
    assert best_ratio(unit(0)) is None


def test_a_sprite_shows_the_stimulus_that_excites_most():
    weak, strong = stimulus(1.0, 1.0), {**stimulus(2.0, 2.0), "frames": {"src": "x"}}
    assert sprites([unit(0, stimuli=[weak, strong])], 4)[0]["frames"] == {"src": "x"}


def test_a_unit_is_suspicious_where_its_strongest_stimulus_is():
    weak, strong = stimulus(1.0, 1.0, suspicious=True), stimulus(2.0, 2.0)
    assert not suspicious(unit(0, stimuli=[weak, strong]))
    assert suspicious(unit(0, stimuli=[weak]))
    assert not suspicious(unit(0))


def test_a_unit_without_stimuli_of_its_own_tells_of_the_others_that_speak_of_it():
    opposite = Shown(
        objective=-activation(Unit("a", 1)),
        stimuli=[{"slowness": 0.0}],
        told="data/x.js",
        best_real=2.0,
        reference="c",
    )
    plain = replace(opposite, objective=activation(Unit("a", 2)), told="data/y.js")
    objectives = Objectives(shown=[opposite, plain], unread=[])
    first, second = units_part({"name": "a", "channels": 4}, objectives=objectives, scanned=None)
    assert (first["unit"], first["stimuli"], first["told"]) == ("a:1", [], None)
    assert first["others"] == [{"objective": "- a:1", "told": "data/x.js"}]
    assert (second["unit"], second["told"], second["best_real"]) == ("a:2", "data/y.js", 2.0)
    assert second["stimuli"] == plain.stimuli
