import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.sample import open_sample
from kinetoscope.evidence.scan import scan
from kinetoscope.evidence.specificity.chosen import Chosen
from kinetoscope.evidence.specificity.effects import effects_of, summed
from kinetoscope.evidence.specificity.specificity import (
    Removing,
    labels_of,
    write_specificity,
)
from kinetoscope.evidence.specificity.tables import UNITS
from kinetoscope.networks.network import Network
from tests.evidence.boxes import PLACES, SPEC, Brightness, write_video

REMOVING = Removing(clips=6, specific=2, controls=1)


@pytest.fixture
def told(network, catalog, scanned, tmp_path):
    return write_specificity(network, catalog, scanned, tmp_path / "told", removing=REMOVING)


def test_what_was_measured_is_told_of_every_layer(told):
    answer = told.answer
    assert answer["labels"] == ["light", "dark"]
    assert answer["clips"] == [3, 3]
    (layer,) = answer["layers"]
    assert layer["kinds"]["dead"] == 1
    assert layer["live"] == 2
    assert layer["area"]["real"]["value"] == 0.75  # one tells them apart, one is always the same


def test_a_label_loses_its_score_with_its_unit(told, network):
    """The score of light is ten times its unit; silencing it takes away all of that."""
    found = {(e["unit"], e["replacement"]): e for e in told.answer["removed"]["effects"]}
    light = found["relu:0", "zero"]
    assert light["label"] == "light"
    own = told.answer["removed"]["labels"].index("light")
    value, low, high = light["score"][own]
    assert low <= value <= high < -5
    assert light["own"] == pytest.approx(value)
    assert abs(light["others"]) < 1e-5  # dark is not scored by it
    dark = told.answer["removed"]["labels"].index("dark")
    assert found["relu:1", "zero"]["score"][dark][0] == pytest.approx(-5, rel=0.01)
    assert abs(found["relu:1", "mean"]["score"][dark][0]) < 0.2  # it answers the same to all


def test_evidence_that_is_there_is_read_and_other_settings_are_another_question(
    told, network, catalog, scanned
):
    before = (told.folder / "evidence.json").stat().st_mtime_ns
    again = write_specificity(network, catalog, scanned, told.folder, removing=REMOVING)
    assert (told.folder / "evidence.json").stat().st_mtime_ns == before
    assert again.answer == told.answer
    other = replace(REMOVING, clips=0)
    without = write_specificity(network, catalog, scanned, told.folder, removing=other)
    assert without.answer["removed"] is None


def test_the_numbers_stand_beside_it(told):
    with (told.folder / "units.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["unit"] for row in rows] == ["relu:0", "relu:1", "relu:2"]
    assert rows[2]["kind"] == "dead"
    assert rows[2]["area"] == ""
    arrays = load_file(told.folder / UNITS)
    assert arrays["relu.area"].shape == (2, 3)
    np.testing.assert_allclose(arrays["relu.area"][0, 0], float(rows[0]["area"]))
    assert {path.stem for path in told.folder.glob("*.csv")} == {
        *("units", "areas", "layers", "removals")
    }


def test_units_at_random_are_told_apart_from_specific_ones(network, scanned, catalog):
    sample = open_sample(catalog, SPEC, 6)
    chosen = [
        Chosen(channel=0, label=0, why="specific"),
        Chosen(channel=2, label=1, why="random"),
    ]
    effects, failures = effects_of(network, scanned, sample, {"relu": chosen})
    assert failures == []
    assert [each.replacement for each in effects] == ["zero", "mean", "zero", "mean"]
    rows = {(row["why"], row["replacement"]): row for row in summed(effects)}
    assert rows["specific", "zero"]["own"]["value"] < -5
    assert rows["random", "zero"]["own"]["value"] == 0  # a dead unit


def test_a_layer_that_is_the_scores_is_not_removed(network, catalog, tmp_path):
    class Scores(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.label = Brightness(), torch.nn.Identity()

        def forward(self, frames):
            return self.label(self.inner(frames))

    layers = ("inner.relu", "label")
    model = Network(Scores(), labels=["light", "dark"], expects=SPEC, name="two", layers=layers)
    found = scan(model, catalog, tmp_path / "scan two")
    assert found.layers_below_scores == ["inner.relu"]
    told = write_specificity(model, catalog, found, tmp_path / "two", removing=REMOVING)
    assert {e["unit"].split(":")[0] for e in told.answer["removed"]["effects"]} == {"inner.relu"}


@pytest.fixture
def odd(tmp_path):
    """A label with one clip, one that the network does not know, and a clip without."""
    entries = []
    for number, label in enumerate(["light", "dark", "dark", "grey", "grey", None]):
        path = tmp_path / f"odd {number}.mp4"
        write_video(path, 0.6 + 0.05 * number, PLACES[number])
        entries.append(Entry(path=path, label=label))
    labels = ("light", "dark", "grey")
    return Catalog(name="odd", root=tmp_path, labels=labels, entries=tuple(entries))


def test_odd_labels_are_measured_as_far_as_can_be_and_said(network, odd, tmp_path):
    found = scan(network, odd, tmp_path / "scan")
    labels, places = labels_of(found)
    assert labels == ("light", "dark", "grey")
    assert places.tolist() == [0, 1, 1, 2, 2, -1]
    told = write_specificity(network, odd, found, tmp_path / "told", removing=REMOVING).answer
    assert told["untested"] == ["light"]
    assert told["unknown"] == ["grey"]
    assert told["removed"]["labels"] == ["light", "dark"]
    assert told["removed"]["clips"] == 3


def test_nothing_is_removed_where_the_network_knows_no_label_or_all_units_are_dead(
    network, odd, tmp_path
):
    entries = tuple(
        replace(each, label=f"old {each.label}") for each in odd.entries[1:] if each.label
    )
    renamed = replace(odd, entries=entries)
    found = scan(network, renamed, tmp_path / "scan")
    told = write_specificity(network, renamed, found, tmp_path / "told", removing=REMOVING).answer
    assert told["unknown"] == ["old dark", "old grey"]
    assert told["removed"]["effects"] == told["removed"]["sums"] == []
    with torch.no_grad():
        network.model.boxes.bias -= 9
    silent = Network(
        network.model, labels=network.labels, expects=SPEC, name="silent", layers=("relu",)
    )
    found = scan(silent, odd, tmp_path / "scan silent")
    told = write_specificity(silent, odd, found, tmp_path / "silent", removing=REMOVING).answer
    assert told["layers"][0]["live"] == 0
    assert told["layers"][0]["area"]["real"]["value"] is None
    assert told["removed"]["effects"] == []


def test_refuses_clips_of_a_single_label(network, odd, tmp_path):
    alone = replace(odd, entries=odd.entries[1:3])
    found = scan(network, alone, tmp_path / "scan")
    with pytest.raises(EvidenceError, match="two labels"):
        write_specificity(network, alone, found, tmp_path / "told")
    assert not (tmp_path / "told").exists()


def test_refuses_a_scan_of_something_else(network, odd, scanned, tmp_path):
    with pytest.raises(EvidenceError, match="is not of"):
        write_specificity(network, odd, scanned, tmp_path / "told")
