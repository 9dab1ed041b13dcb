import numpy as np
import pytest

from kinetoscope.report.retrieved import Retrieved
from kinetoscope.report.scanned import Scanned, read_scanned, selective_units
from kinetoscope.report.shelf import Shelf
from kinetoscope.report.watched import clip_tracks


def scanned(maxima, labels):
    return Scanned(
        clips=[],
        label_places=np.array(labels),
        labels=2,
        maxima={"a": np.array(maxima)},
        retrieved=Retrieved(),
        failures=[],
    )


def test_a_unit_is_told_by_what_it_answers_to_every_clip():
    live, dead = scanned([[4.0, 0.0], [2.0, 0.0], [1.0, 0.0]], [0, 0, 1]).answers_of("a")
    assert live["profile"] == [3.0, 1.0]
    assert (live["best_real"], live["preferred"], live["selectivity"]) == (4.0, 0, 0.5)
    assert [hit["clip"] for hit in live["top"]] == [0, 1, 2]
    assert dead["dead"]
    assert dead["preferred"] is None
    assert dead["top"] == []


def test_a_layer_that_was_not_scanned_answers_nothing():
    assert scanned([[1.0]], [0]).answers_of("b") is None


def test_a_label_has_the_units_that_prefer_it_the_most_selective_first():
    units = [
        {"unit": "a:0", "preferred": 1, "selectivity": 0.2},
        {"unit": "a:1", "preferred": 0, "selectivity": 0.9},
        {"unit": "a:2", "preferred": 1, "selectivity": 0.7},
        {"unit": "a:3", "preferred": 1, "selectivity": None},
    ]
    assert [each["unit"] for each in selective_units(units, 1)] == ["a:2", "a:0"]


def test_without_a_scan_nothing_is_scanned(tmp_path):
    assert read_scanned(tmp_path, Shelf(tmp_path)) is None


@pytest.mark.slow
def test_clips_tell_which_units_they_excite_and_share_one_scale(evidence_folder, tmp_path):
    found = read_scanned(evidence_folder, Shelf(tmp_path))
    readable = [clip for clip in found.clips if clip["error"] is None]
    assert len(readable) == 12
    for clip in readable:
        layers = [unit["unit"].split(":")[0] for unit in clip["units"]]
        assert layers[0] == "label"
        assert layers[-1] == "appearance.on"
        assert max(map(layers.count, layers)) <= 4
        assert all(0 < unit["share"] <= 1 for unit in clip["units"])
    assert 1.5 < found.full_colour < 4  # they move two pixels a frame


def test_no_clips_have_no_scale(tmp_path):
    assert clip_tracks({}, Shelf(tmp_path)) == ({}, None, {})
