import math

import torch
from safetensors.torch import save_file

from kinetoscope.evidence.evidence import Provenance, read_evidence, write_table, writing_evidence
from kinetoscope.evidence.evolution.evolution import PICTURES
from kinetoscope.report.chapters.evolution import tell
from kinetoscope.report.page import handing_over
from kinetoscope.report.shelf import Shelf

SURE = {"value": 1.0, "low": 0.5, "high": 1.0}


def evidence(folder):
    """Of one layer with two units, of which one answers the same to all clips."""
    layer = {
        "name": "layer",
        "channels": 2,
        "constant": 1,
        "file": "layer-000.safetensors",
        "settled": {"value": 2.0, "low": 2.0, "high": 2.0},
        "jumps": SURE,
        "curves": {"correlation": [SURE, SURE]},
        "control": None,
    }
    arrays = {
        "correlation": torch.tensor([[0.257, math.nan], [1.0, math.nan]]),
        "strongest": torch.tensor([[1, 0], [0, 0]], dtype=torch.int32),
    }
    with writing_evidence(folder, "evolution", Provenance(network="n", weights_hash="w")) as found:
        aside, answer = found
        save_file(arrays, aside / layer["file"])
        save_file({"pictures": torch.zeros(2, 8, 8, 3, dtype=torch.uint8)}, aside / PICTURES)
        write_table(aside, "units", {"layer": ["layer"] * 2, "settled": [2.0, math.nan]})
        answer["checkpoints"] = [{"epoch": epoch, "file": "", "accuracy": SURE} for epoch in (0, 2)]
        answer |= {"settled_above": 0.9, "top": 9, "chance": 0.1, "order": None, "failures": []}
        answer |= {"clips": [{"clip": 3, "path": "a", "label": None}], "layers": [layer]}
    return read_evidence(folder)


def test_each_unit_is_told_with_its_strongest_clips(tmp_path):
    told = tell(evidence(tmp_path / "evolution"), Shelf(tmp_path))
    handing_over(told.data)  # refuses what is not a number
    first, constant = told.data["layers"][0]["units"]
    assert first == {"settled": 2.0, "correlation": [26, 100], "strongest": [1, 0]}
    assert constant == {"settled": None, "correlation": None, "strongest": [0, 0]}
    assert told.data["pictures"]["count"] == 2
    assert (tmp_path / told.data["pictures"]["src"]).exists()
    assert told.summary["first"]["name"] == told.summary["last"]["name"] == "layer"
