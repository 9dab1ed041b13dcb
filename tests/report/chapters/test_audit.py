import numpy as np
import pytest
from safetensors.numpy import save_file

from kinetoscope.evidence.evidence import Provenance, read_evidence, writing_evidence
from kinetoscope.report.chapters.audit import tell
from kinetoscope.report.shelf import Shelf

TOLD = {
    "label": "jump",
    "clips": 12,
    "area": {"value": 0.912345, "low": 0.9, "high": 0.92},
    "shuffled": [0.4, 0.6],
    "rate": 1e-9,
    "reported": True,
}


def pair(video, other):
    return {
        "videos": [video, other],
        "view": "plain",
        "distance": 3,
        "similarity": 0.99,
        "motion": None,
        "across": True,
        "contrary": False,
        "one_recording": False,
    }


@pytest.fixture
def found(tmp_path):
    """Two findings, forty pairs, and a clip that can't be read any more."""
    folder = tmp_path / "evidence" / "audit"
    frames = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
    with writing_evidence(folder, "audit", Provenance(network="n", weights_hash="w")) as where:
        aside, answer = where
        save_file({"3": frames}, aside / "clips.safetensors")
        save_file({"0.own": frames[0], "0.others": frames[1]}, aside / "pictures.safetensors")
        numbers = [{"name": "frames", "own": [1.0, 2.0, 3.0], "others": [4.0, 5.0, 6.123456]}]
        answer |= {
            "labels": ["jump", "run"],
            "splits": ["train"],
            "videos": 5,
            "clips": 4,
            "unlabelled": 0,
            "failures": [{"path": "a.mp4", "where": "list:2", "error": "broken"}],
            "small": [{"label": "run", "clips": 1}],
            "least": 10,
            "threshold": 0.85,
            "rate": 0.05,
            "shuffles": 3,
            "told": [{"cue": "border", **TOLD}, {"cue": "length", **TOLD}],
            "findings": [
                {"cue": "border", **TOLD, "telling": [3], "numbers": [], "pictures": True},
                {"cue": "length", **TOLD, "telling": [3], "numbers": numbers, "pictures": False},
            ],
            "duplicates": {
                "count": 40,
                "across": 40,
                "contrary": 0,
                "one_recording": 0,
                "pairs": [pair(3, 4)] * 40,
            },
            "suspects": None,
            "shown": {
                video: {"path": f"{video}.mp4", "label": "jump", "split": None, "clip": int(video)}
                for video in ("3", "4")
            },
        }
    return read_evidence(folder)


def test_findings_come_with_pictures_and_clips_with_frames(found, tmp_path):
    told = tell(found, Shelf(tmp_path))
    border, length = told.data["findings"]
    assert (tmp_path / border["own"]["src"]).is_file()
    assert border["own"]["count"] == 1
    assert length["own"] is None
    assert length["numbers"][0]["others"] == [4, 5, 6.123]
    assert border["area"]["value"] == 0.9123
    shown = told.data["shown"]
    assert shown["3"]["frames"]["count"] == 4
    assert shown["4"]["frames"] is None
    assert shown["3"]["clip"] is None  # there is no scan to link to
    assert len(told.data["duplicates"]["pairs"]) == 30
    assert told.data["suspects"] is None
    assert [each["cue"] for each in told.data["cues"] if each["told"]] == ["border", "length"]


def test_the_summary_is_a_few_numbers(found, tmp_path):
    summary = tell(found, Shelf(tmp_path)).summary
    assert [each["cue"] for each in summary["findings"]] == ["border", "length"]
    assert summary["duplicates"] == 40
    assert summary["suspects"] is None
    assert summary["failures"] == 1
