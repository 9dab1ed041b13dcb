from kinetoscope.report.figure import figure_part


def unit(name, *, prefers=None, selectivity=0.5, dead=False, stimuli=({"ratio": 1.5},)):
    return {
        "unit": name,
        "channel": int(name.split(":")[1]),
        "preferred": prefers,
        "top": [],
        "selectivity": selectivity,
        "dead": dead,
        "stimuli": list(stimuli),
    }


def layer(name, lane="both", channels=8):
    return {"name": name, "lane": lane, "channels": channels}


def rows(layers, units):
    return [row["unit"] for row in figure_part(layers, units, None, labels=3)]


def test_units_of_both_streams_come_first_and_each_label_once_before_any_twice():
    layers = [layer("one", "motion"), layer("fusion"), layer("label", channels=3)]
    units = {
        "one": [unit("one:0", prefers=2, selectivity=1.0)],
        "fusion": [
            unit("fusion:0", prefers=0, selectivity=0.9),
            unit("fusion:1", prefers=0, selectivity=0.8),
            unit("fusion:2", prefers=1, selectivity=0.7),
        ],
        "label": [unit("label:0", prefers=0, selectivity=1.0)],
    }
    assert rows(layers, units) == ["fusion:0", "fusion:2", "fusion:1", "one:0"]


def test_without_labels_every_unit_stands_for_itself():
    units = {"fusion": [unit(f"fusion:{channel}", selectivity=None) for channel in range(6)]}
    assert rows([layer("fusion")], units) == [f"fusion:{channel}" for channel in range(4)]


def test_dead_units_and_those_without_stimuli_are_not_shown():
    units = {"fusion": [unit("fusion:0", dead=True), unit("fusion:1", stimuli=())]}
    assert rows([layer("fusion")], units) == []


def test_a_row_says_how_strong_the_best_is():
    units = {"fusion": [unit("fusion:0", stimuli=[{"ratio": 0.5}, {"ratio": 2.0}])]}
    (row,) = figure_part([layer("fusion")], units, None, labels=3)
    assert row["ratio"] == 2.0
    assert row["clips"] == []
