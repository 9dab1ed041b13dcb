"""Planted units are found for what they are; units that ignore motion too."""

import numpy as np
import polars as pl
import pytest
import torch
from einops import reduce
from polars.testing import assert_frame_equal
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.tuning.grid import Grid
from kinetoscope.evidence.tuning.tuning import read_tuning, write_tuning
from kinetoscope.networks.network import Network
from tests.evidence.bank import motion_units
from tests.evidence.planted import drifting_gratings, planted

GRID = Grid(
    directions=8,
    speeds=(0.5, 1.0, 2.0),
    wavelengths=(16.0, 8.0, 4.0),
    sizes=(1.0,),
    repetitions=2,
)
TINY = Grid(directions=4, speeds=(1.0,), wavelengths=(8.0,), sizes=(1.0,), repetitions=2)


class Still(nn.Module):
    """Units that ignore motion: contrast, stripes that stand level, nothing, and a constant."""

    def forward(self, x):
        contrast = reduce(x.square(), "n rgb t y x -> n", "mean").sqrt()
        steps = (x[..., 1:, :] - x[..., :-1, :]).square()
        level = reduce(steps, "n rgb t y x -> n", "mean").sqrt()
        return torch.stack([contrast, level, 0 * contrast, 0 * contrast + 3], dim=1)


def table(evidence, kind):
    units = read_tuning(evidence.folder).units.filter(pl.col("kind") == kind)
    return {name: units[name].to_list() for name in units.columns}


def apart(found, planted_at):
    away = (np.array(found) - np.array(planted_at)) % 360
    return np.minimum(away, 360 - away)


@pytest.fixture(scope="module")
def gratings(tmp_path_factory):
    """Five units of 1 pixel per frame and 8 pixels a wave, with a flipped copy as the control."""
    folder = tmp_path_factory.mktemp("tuning")
    network = planted(
        drifting_gratings([0, 45, 130, 270, 200], frames=7, side=11),
        5,
        short_side=24,
        size=(24, 24),
    )
    control = planted(Still(), 4, short_side=24, size=(24, 24))
    return write_tuning(network, folder / "tuning", grid=GRID, control=control, tries=299)


@pytest.mark.slow
def test_planted_directions_speeds_and_wavelengths_are_found(gratings):
    found = table(gratings, "gratings")
    assert found["verdict"] == ["direction"] * 5
    assert (apart(found["direction"], [0, 45, 130, 270, 200]) <= 22.5).all()
    assert np.abs(np.log2(found["speed"])).max() <= 0.5  # half a step of the grid
    assert np.abs(np.log2(np.array(found["wavelength"]) / 8)).max() <= 0.5
    cycles = np.array(found["temporal_frequency"])
    assert cycles == pytest.approx(np.array(found["speed"]) / found["wavelength"])
    assert min(found["direction_selectivity"]) > 0.5
    assert max(found["q_speed"]) < 0.05
    dots = table(gratings, "dots")
    assert dots["verdict"] == ["direction"] * 5
    assert (apart(dots["direction"], [0, 45, 130, 270, 200]) <= 45).all()


@pytest.mark.slow
def test_layers_are_told_with_intervals_beside_their_control(gratings):
    (layer,) = gratings.answer["layers"]
    assert (layer["name"], layer["channels"]) == ("layer", 5)
    own, control = (layer["kinds"]["gratings"][who] for who in ("network", "control"))
    assert own["shares"]["direction"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    index = own["medians"]["direction_selectivity"]
    assert index["low"] <= index["value"] <= index["high"]
    assert (control["units"], control["silent"]) == (4, 2)
    assert control["shares"]["direction"]["value"] == 0
    assert layer["agreement"]["within_45"]["value"] == 1.0
    assert gratings.answer["clips"] == len(GRID.shown)


@pytest.mark.slow
def test_curves_and_conditions_are_there_as_csv(gratings):
    curves = pl.read_csv(gratings.folder / "curves.csv")
    first = curves.row(0, named=True)
    assert (first["layer"], first["channel"], first["kind"]) == ("layer", 0, "gratings")
    assert first["direction_0"] == max(v for k, v in first.items() if k.startswith("direction_"))
    assert first["wavelength_8"] > first["wavelength_16"]
    assert first["speed_1"] > first["speed_2"]
    assert len(pl.read_csv(gratings.folder / "conditions.csv")) == len(GRID.shown)
    answers = read_tuning(gratings.folder).answers("layer")
    assert answers.shape == (len(GRID.shown), 5)
    with pytest.raises(UnknownNameError, match="layer"):
        read_tuning(gratings.folder).answers("other")


@pytest.mark.slow
def test_units_that_ignore_motion_are_said_to_be_untuned(tmp_path):
    network = planted(Still(), 4, frames=4)
    found = table(write_tuning(network, tmp_path / "t", grid=GRID, tries=199), "gratings")
    assert found["verdict"] == ["untuned", "orientation", "silent", "silent"]
    assert max(found["direction_selectivity"][:2]) < 0.01
    assert max(map(abs, found["motion_index"][:2])) < 0.02
    assert found["direction_selectivity"][2:] == [None, None]
    assert found["direction"][1] % 180 == pytest.approx(90, abs=1)


@pytest.mark.slow
def test_units_of_flow_are_found_for_what_was_planted(tmp_path):
    units = motion_units()[:6]
    grid = Grid(speeds=(1.0, 2.0, 3.0), wavelengths=(16.0,), sizes=(1.0,), repetitions=1)
    found = table(
        write_tuning(units[0].network, tmp_path / "t", grid=grid, tries=99, reads="largest"), "dots"
    )
    truths = [unit.truths[0] for unit in units]
    assert (apart(found["direction"], [truth.direction for truth in truths]) <= 22.5).all()
    assert np.round(found["speed"]).tolist() == [truth.speed for truth in truths]
    assert found["motion_index"] == pytest.approx([1.0] * 6, abs=0.35)


def test_a_layer_may_be_called_by_a_number_and_all_of_its_units_be_silent(tmp_path):
    model = nn.Sequential(Still())
    spec = ClipSpec(frames=2, short_side=16, size=(16, 16))
    labels = ["contrast", "level", "nothing", "constant"]
    network = Network(model, labels=labels, expects=spec, name="numbered", layers=["0"])
    found = read_tuning(write_tuning(network, tmp_path / "t", grid=TINY, tries=9).folder)
    assert found.units["layer"].unique().to_list() == ["0"]
    assert found.units["size"].dtype == found.units["peak"].dtype == pl.Float64
    assert found.control is None


def test_evidence_that_is_there_is_read_and_other_questions_are_asked_anew(tmp_path, monkeypatch):
    network = planted(Still(), 4, frames=2)
    told = []
    first = write_tuning(network, tmp_path / "t", grid=TINY, progress=lambda *at: told.append(at))
    assert told[-1] == (len(TINY.shown), len(TINY.shown))
    written = (first.folder / "evidence.json").stat().st_mtime_ns
    told.clear()
    write_tuning(network, tmp_path / "t", grid=TINY, progress=lambda *at: told.append(at))
    assert not told
    assert (first.folder / "evidence.json").stat().st_mtime_ns == written
    write_tuning(network, tmp_path / "t", grid=TINY, seed=1, progress=lambda *at: told.append(at))
    assert told


def test_neither_batches_nor_how_many_units_are_measured_at_once_matter(tmp_path, monkeypatch):
    network = planted(Still(), 4, frames=2)
    whole = write_tuning(network, tmp_path / "whole", grid=TINY, batch=50)
    monkeypatch.setattr("kinetoscope.evidence.tuning.measure._AT_ONCE", 2)
    parts = write_tuning(network, tmp_path / "parts", grid=TINY, batch=3)
    first, second = (read_tuning(each.folder).units for each in (whole, parts))
    assert_frame_equal(first, second, abs_tol=1e-4)


def test_refuses_a_layer_that_is_not_there(tmp_path):
    with pytest.raises(UnknownNameError, match="layre"):
        write_tuning(planted(Still(), 4), tmp_path / "t", layers=["layre"], grid=TINY)
    assert not (tmp_path / "t").exists()
    with pytest.raises(EvidenceError):
        read_tuning(tmp_path / "t")
