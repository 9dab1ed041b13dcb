"""Invariance as a folder of evidence."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.invariance.invariance import QUICK, write_invariance
from kinetoscope.evidence.invariance.random_weights import with_random_weights
from kinetoscope.networks.network import Network
from tests.evidence.boxes import PLACES, SPEC, Brightness

ASKED = replace(QUICK, clips=4, hidden=3, grid=(4, 2, 2))
FEW = replace(ASKED, changes=("speed", "flip", "translation"))


@pytest.fixture(scope="module")
def written(catalog, tmp_path_factory):
    network = Network(
        Brightness(), labels=["light", "dark"], expects=SPEC, name="planted", layers=("relu",)
    )
    folder = tmp_path_factory.mktemp("look") / "invariance"
    return write_invariance(network, catalog, ["boxes", "relu"], folder, ASKED)


def part(written, layer, change, network="trained"):
    (found,) = [each for each in written.answer["layers"] if each["layer"] == layer]
    return found["changes"][change][network]


def test_tells_every_change_of_every_layer_beside_random_weights(written):
    names = [change["name"] for change in written.answer["changes"]]
    for layer in written.answer["layers"]:
        assert list(layer["changes"]) == names
        for change in written.answer["changes"]:
            for network in ("trained", "control"):
                told = layer["changes"][change["name"]][network]
                for measure in ("kept", "distance", "correlation"):
                    assert len(told[measure]) == len(change["values"])
                unchanged = change["values"].index(change["unchanged"])
                if layer["excited"][network]:
                    assert told["kept"][unchanged]["value"] == pytest.approx(1, abs=1e-4)
                    assert told["distance"][unchanged]["value"] == pytest.approx(0, abs=1e-4)
    assert [layer["depth"] for layer in written.answer["layers"]] == [1, 2]


def test_a_unit_that_wants_light_somewhere_keeps_its_answer_when_mirrored(written):
    arrays = load_file(written.folder / "units.safetensors")
    light = arrays["relu|flip"][:, 0]
    torch.testing.assert_close(light, torch.ones(2).half(), atol=2e-3, rtol=0)
    assert arrays["relu|flip"][:, 2].isnan().all()  # which nothing excites


def test_the_place_that_a_unit_looks_at_is_the_one_that_it_loses(written):
    arrays = load_file(written.folder / "units.safetensors")
    clip = written.answer["sample"][int(arrays["relu|clip"][0])]["video"]
    time, row, column = PLACES[clip]
    lost = arrays["relu|space|grey"][:, 0].double().numpy().reshape(2, 2)
    assert lost[row, column] == pytest.approx(1, abs=0.01)  # grey is black here
    assert lost.sum() == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(arrays["relu|time|grey"][:, 0], np.eye(4)[time], atol=0.01)
    assert arrays["relu|clip"][2] == -1


def test_a_video_that_can_not_be_read_is_listed_and_another_takes_its_place(catalog, written):
    sampled = [each["video"] for each in written.answer["sample"]]
    assert len(sampled) == 4
    assert 3 not in sampled
    assert all(failure["where"] for failure in written.answer["failures"])


def test_plots_have_their_numbers_beside_them(written):
    curves = pl.read_csv(written.folder / "curves.csv")
    speed = curves.filter(
        (pl.col("change") == "speed")
        & (pl.col("layer") == "relu")
        & (pl.col("network") == "trained")
        & (pl.col("measure") == "kept")
    )
    told = [each["value"] for each in part(written, "relu", "speed")["kept"]]
    np.testing.assert_allclose(speed["value"], told)
    for name in ("half-widths", "trends", "occlusion", "correspondence"):
        assert len(pl.read_csv(written.folder / f"{name}.csv"))


def test_the_same_seed_gives_the_same_evidence_and_what_is_there_is_read(
    network, catalog, tmp_path
):
    one, other = (
        write_invariance(network, catalog, ["relu"], tmp_path / name, FEW, batch=batch, seed=1)
        for name, batch in (("one", 8), ("other", 3))
    )
    assert one.answer["sample"] == other.answer["sample"]
    for change in FEW.changes:
        for network_name in ("trained", "control"):
            pairs = [part(each, "relu", change, network_name)["kept"] for each in (one, other)]
            for a, b in zip(*pairs, strict=True):
                assert a["value"] == pytest.approx(b["value"], abs=1e-4, nan_ok=True)
    before = (tmp_path / "one" / "evidence.json").stat().st_mtime_ns
    write_invariance(network, catalog, ["relu"], tmp_path / "one", FEW, seed=1)
    assert (tmp_path / "one" / "evidence.json").stat().st_mtime_ns == before


def test_another_control_may_be_given(network, catalog, tmp_path):
    control = with_random_weights(network, 5)
    found = write_invariance(network, catalog, ["relu"], tmp_path / "a", FEW, control=control)
    assert found.provenance.settings["control"] == control.weights_hash


def test_refuses_before_long_work(network, catalog, tmp_path):
    asked = replace(FEW, changes=("sped",))
    with pytest.raises(UnknownNameError, match="no change is called sped"):
        write_invariance(network, catalog, ["relu"], tmp_path / "a", asked)
    with pytest.raises(UnknownNameError, match="no layer is called rely"):
        write_invariance(network, catalog, ["rely"], tmp_path / "a", FEW)
    assert not (tmp_path / "a").exists()
