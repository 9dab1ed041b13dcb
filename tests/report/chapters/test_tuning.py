import numpy as np
import pytest

from kinetoscope.evidence.tuning.grid import Grid
from kinetoscope.evidence.tuning.tuning import write_tuning
from kinetoscope.report.chapters.tuning import tell
from kinetoscope.report.page import handing_over
from kinetoscope.report.shelf import Shelf
from tests.evidence.bank import motion_units

GRID = Grid(directions=4, speeds=(1.0, 2.0), wavelengths=(16.0, 8.0), sizes=(1.0,), repetitions=1)


@pytest.mark.slow
def test_layers_and_units_are_told_in_plain_values(tmp_path):
    network = motion_units()[0].network
    found = write_tuning(network, tmp_path / "tuning", grid=GRID, control=network, tries=19)
    told = tell(found, Shelf(tmp_path))
    handing_over(told.data)  # refuses what is not a number
    handing_over(told.summary)
    assert told.summary["best"]["name"] == "layer"
    (layer,) = told.data["layers"]
    assert len(layer["units"]) == found.answer["layers"][0]["channels"]
    kind = layer["kinds"]["dots"]
    assert sum(kind["selectivity"]) == kind["network"]["units"] - kind["network"]["silent"]
    assert kind["control_selectivity"] == kind["selectivity"]
    unit = layer["units"]["0"]["gratings"]
    assert max(unit["curves"]["direction"]) == 100
    assert np.shape(unit["curves"]["map"]) == (2, 2)  # a row a wavelength
    assert unit["curves"]["map"][1] == [max(unit["curves"]["map"][1]), unit["curves"]["map"][1][1]]
