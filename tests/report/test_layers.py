import pytest

from kinetoscope.report.layers import best_ratio, lane_of, layer_part, sprites

SEES, BLIND = {"receptive_field": [3, 7, 7]}, {"receptive_field": [0, 0, 0]}


def stimulus(activation, ratio):
    return {"activation": activation, "ratio": ratio, "frames": None, "flow": None}


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
        unit(1, selectivity=0.4, stimuli=[stimulus(2.0, 2.0)]),
        unit(2, selectivity=0.9),
        unit(3, dead=True, selectivity=None, stimuli=[stimulus(9.0, None)]),
    ]
    part = layer_part({"name": "a", "channels": 4}, units, streams=1, data="data/a.js")
    assert part["ratio"] == 2.5
    assert part["selectivity"] == 0.4
    assert (part["dead"], part["stimuli"], part["scanned"]) == (1, 3, True)
    assert [each["unit"] for each in part["sprites"]] == ["a:1", "a:0"]


def test_a_layer_that_nothing_is_known_of_has_no_numbers():
    part = layer_part({"name": "a", "channels": 4}, [], streams=1, data=None)
    assert part["ratio"] is part["selectivity"] is None
    assert not part["scanned"]


def test_the_best_ratio_is_that_of_any_slowness():
    assert best_ratio(unit(0, stimuli=[stimulus(1, 0.5), stimulus(1, None)])) == 0.5
    assert best_ratio(unit(0)) is None


def test_a_sprite_shows_the_stimulus_that_excites_most():
    weak, strong = stimulus(1.0, 1.0), {**stimulus(2.0, 2.0), "frames": {"src": "x"}}
    assert sprites([unit(0, stimuli=[weak, strong])], 4)[0]["frames"] == {"src": "x"}
