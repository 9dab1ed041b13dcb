import pytest

from kinetoscope.evidence.evidence import Provenance, writing_evidence
from kinetoscope.report.objectives import (
    Objectives,
    Shown,
    label_part,
    maximization_part,
)
from kinetoscope.units.objective import activation, label, neuron
from kinetoscope.units.unit import Unit

A, B = Unit("fusion", 3), Unit("fusion", 4)


def shown(objective, *, reference=None):
    return Shown(
        objective=objective,
        stimuli=[{"slowness": 0.0}],
        told=f"data/{objective.file_name}.js",
        best_real=1.0,
        reference=reference,
    )


ALL = [
    shown(-activation(A)),
    shown(activation(A) + activation(B)),
    shown(label("left") - label("right")),
    shown(neuron(A)),
    shown(label("left"), reference="videos"),
    shown(activation(A)),
]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (A, ["fusion:3", "fusion:3@centre", "- fusion:3", "fusion:3 + fusion:4"]),
        (B, ["fusion:3 + fusion:4"]),
        (Unit("fusion", 5), []),
    ],
    ids=str,
)
def test_a_unit_has_all_that_speaks_of_it_the_plainest_first(unit, expected):
    found = Objectives(shown=ALL, unread=[]).of_unit(unit)
    assert [str(each.objective) for each in found] == expected


def test_a_label_has_stimuli_of_its_own_and_links_to_differences():
    objectives = Objectives(shown=ALL, unread=[])
    left, right = (label_part(name, objectives) for name in ("left", "right"))
    assert left["stimuli"] == [{"slowness": 0.0}]
    assert left["told"] == "data/label-left.js"
    difference = [str(each["objective"]) for each in left["others"]]
    assert difference == ["label:left - label:right"]
    assert right["stimuli"] == []
    assert right["told"] is None
    assert right["others"] == left["others"]


def test_what_a_job_tells_is_counted_and_what_can_not_be_shown_is_a_failure(tmp_path):
    unread = [{"objective": "x", "reason": "can't be read"}]
    failed = [{"objective": "fusion:9", "reason": "dead"}]
    objectives = Objectives(shown=ALL, unread=unread)
    provenance = Provenance(network="n", weights_hash="h")
    folder = tmp_path / "evidence" / "maximization"
    with writing_evidence(folder, "maximization", provenance) as (_, answer):
        answer["asked"], answer["made"] = ["a", "b", "c", "d"], ["a", "b"]
        answer["failures"], answer["left"], answer["reference"] = failed, ["d"], "made clips"
    assert maximization_part(tmp_path, objectives) == {
        "asked": 4,
        "made": 2,
        "failures": failed + unread,
        "left": ["d"],
        "reference": "made clips",
    }


def test_without_a_job_what_there_is_counts(tmp_path):
    part = maximization_part(tmp_path, Objectives(shown=ALL, unread=[]))
    assert (part["asked"], part["made"], part["reference"]) == (6, 6, "videos")
    assert part["failures"] == part["left"] == []
    assert maximization_part(tmp_path, Objectives(shown=[], unread=[])) is None
