import csv
from dataclasses import replace

import polars as pl
import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.representation.probes import Probing, write_probes
from tests.evidence.representation.made import EACH

QUICK = Probing(machines=("svm",), folds=3)


@pytest.fixture(scope="module")
def written(colour_scan, colour_videos, random_scan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("look") / "probes"
    told = []
    found = write_probes(
        colour_scan,
        folder,
        catalogs=[colour_videos],
        control=random_scan,
        how=QUICK,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(1, 2), (2, 2)]
    return found


@pytest.fixture
def probes(written):
    return {probe["layer"]: probe for probe in written.answer["probes"]}


# Known answers


def test_colours_are_read_from_the_layer_that_sees_them_alone(probes):
    assert list(probes) == ["grey", "colour"]
    assert probes["colour"]["accuracy"] == {"value": 1, "low": 1, "high": 1}
    assert probes["grey"]["accuracy"]["high"] < 0.8
    assert probes["colour"]["since_first"]["low"] > 0
    assert probes["grey"]["since_first"] is None
    assert probes["colour"]["per_label"] == {"red": 1, "green": 1, "blue": 1}


def test_what_the_architecture_gives_without_learning_is_told(probes):
    """Any random mixture of colours tells them; training has made the first layer blind to them."""
    assert probes["colour"]["random"]["value"] > 0.9
    assert probes["colour"]["learnt"]["value"] == pytest.approx(
        1 - probes["colour"]["random"]["value"]
    )
    assert probes["grey"]["learnt"]["high"] < 0


def test_shuffled_labels_are_not_read_from_any_layer(probes):
    assert probes["colour"]["shuffled"]["value"] < 0.7
    assert probes["grey"]["shuffled"]["value"] < 0.7


def test_what_clips_there_are_is_told(written):
    answer = written.answer
    assert answer["labels"] == ["red", "green", "blue"]
    assert answer["left_out"] == [{"label": "seldom", "groups": 1}]
    assert (answer["clips"], answer["videos"], answer["groups"]) == (3 * EACH,) * 3
    assert answer["unlabelled"] == 1
    assert answer["chance"] == pytest.approx(1 / 3)
    assert answer["network"]["value"] == 1
    assert answer["tested_on"] is None
    assert answer["failures"] == []


def test_the_numbers_are_beside_it_as_csv(written, probes):
    with (written.folder / "probes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["grey", "colour"]
    assert float(rows[0]["accuracy_low"]) == probes["grey"]["accuracy"]["low"]
    assert rows[0]["since_first"] == ""


@pytest.mark.slow
def test_probes_of_one_scan_are_tested_on_another(colours, colour_scan, random_scan, tmp_path):
    found = write_probes(
        (colour_scan, colour_scan),  # without catalogs nobody knows that these are the same
        tmp_path / "probes",
        control=(random_scan, random_scan),
        layers=["colour"],
        how=Probing(machines=("svm", "logistic"), pools=("mean", "largest")),
    )
    kinds = [(probe["machine"], probe["pool"]) for probe in found.answer["probes"]]
    assert kinds == [(m, p) for p in ("mean", "largest") for m in ("svm", "logistic")]
    assert all(probe["accuracy"]["value"] == 1 for probe in found.answer["probes"])
    assert found.answer["folds"] is None
    assert found.answer["tested_on"] == found.answer["fitted_to"]


# Promises


def test_evidence_that_is_there_is_read(written, colour_scan, colour_videos, random_scan):
    before = written.folder.stat().st_ctime_ns
    again = write_probes(
        colour_scan, written.folder, catalogs=[colour_videos], control=random_scan, how=QUICK
    )
    assert again == written
    assert written.folder.stat().st_ctime_ns == before


def test_a_layer_that_answers_no_numbers_is_told_and_the_rest_is_probed(colour_scan, tmp_path):
    broken = replace(colour_scan)
    object.__setattr__(broken, "means", lambda layer: colour_scan.means(layer) * _hole(layer))
    found = write_probes(broken, tmp_path / "probes", how=QUICK)
    assert [probe["layer"] for probe in found.answer["probes"]] == ["colour"]
    (failure,) = found.answer["failures"]
    assert failure["layer"] == "grey"
    assert "not a number" in failure["error"]


def _hole(layer):
    return float("nan") if layer == "grey" else 1.0


def test_a_network_that_knows_none_of_the_labels_has_no_accuracy(colour_scan, tmp_path):
    other = replace(colour_scan, labels=("x", "y", "z"))
    found = write_probes(other, tmp_path / "probes", layers=["grey"], how=QUICK)
    assert found.answer["network"] is None


# Refusals


def test_refuses_clips_of_one_label(colour_scan, tmp_path):
    one = replace(colour_scan)
    red = pl.when(pl.col("label") == "red").then(pl.col("label"))
    one.__dict__["clips"] = colour_scan.clips.with_columns(label=red)
    with pytest.raises(EvidenceError, match="not two labels"):
        write_probes(one, tmp_path / "probes", how=QUICK)
    assert not (tmp_path / "probes").exists()
