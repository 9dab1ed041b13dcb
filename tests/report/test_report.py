import json
import re
import shutil

import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.report.report import write_report

from .made_look import LABELS, LEFT, REFERENCE, SLOWNESS, UNLIKE

pytestmark = pytest.mark.slow


def files_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "evidence" not in path.relative_to(folder).parts
    }


def told(folder):
    """What the page says first, and each part that it speaks of."""
    text = (folder / "index.html").read_text(encoding="utf-8")
    embedded = re.search(r'<script type="application/json" id="look">(.*?)</script>', text)[1]
    look = json.loads(embedded)

    def part(address):
        script = (folder / address).read_text(encoding="utf-8")
        return json.loads(re.fullmatch(r"kinetoscope\.take\((.*)\);\n", script, re.DOTALL)[1])

    return look, part


def addresses(value):
    """Every picture and part that is spoken of."""
    if isinstance(value, dict):
        return [each for item in value.values() for each in addresses(item)]
    if isinstance(value, list):
        return [each for item in value for each in addresses(item)]
    return [value] if isinstance(value, str) and value.startswith(("media/", "data/")) else []


def test_the_same_evidence_gives_the_same_bytes(evidence_folder, report_folder, tmp_path):
    assert files_of(write_report(evidence_folder, tmp_path).parent) == files_of(report_folder)


def test_writing_it_again_changes_nothing(look_folder):
    page = write_report(look_folder)
    assert page == look_folder / "index.html"
    first = files_of(look_folder)
    write_report(look_folder)
    assert files_of(look_folder) == first


def test_every_picture_and_part_is_there_and_no_other_file(report_folder):
    look, part = told(report_folder)
    found, todo = set(), set(addresses(look))
    while todo:
        found |= todo
        parts = [address for address in todo if address.startswith("data/")]
        todo = {each for address in parts for each in addresses(part(address))} - found
    libraries = re.findall(r'<script src="([^"]+)">', (report_folder / "index.html").read_text())
    assert set(files_of(report_folder)) == {*found, *libraries, "index.html"}


def test_a_report_is_small(report_folder):
    files = files_of(report_folder)
    assert sum(map(len, files.values())) < 3_000_000
    assert all(len(content) <= 40_000 for name, content in files.items() if name.endswith("webp"))


def test_the_page_says_what_was_measured(report_folder):
    look, part = told(report_folder)
    assert look["network"]["labels"] == list(LABELS)
    assert look["evaluation"]["top1"] == 1.0
    assert [each["name"] for each in look["variants"]] == ["without motion"]
    assert look["sums"]["dead"] == 1
    assert [failure["where"].split(" ", 1)[1] for failure in look["failures"]] == ["broken <b>.mp4"]
    lanes = {layer["name"]: layer["lane"] for layer in look["layers"]}
    assert lanes["appearance.on"] == "appearance"
    assert lanes["motion.on"] == "motion"
    assert lanes["fusion_on"] == "both"
    clips = part(look["clips"])
    assert [clip["id"] for clip in clips] == list(range(len(clips)))
    assert sum(clip["error"] is not None for clip in clips) == 1


def test_a_unit_has_its_stimuli_its_clips_and_its_classes(report_folder):
    look, part = told(report_folder)
    (layer,) = [layer for layer in look["layers"] if layer["name"] == "fusion_on"]
    clips = part(look["clips"])
    for unit in part(layer["data"])[:4]:
        direction = unit["channel"]
        assert [each["slowness"] for each in unit["stimuli"]] == sorted(SLOWNESS, reverse=True)
        assert unit["preferred"] == direction
        top = unit["top"][0]
        assert clips[top["clip"]]["label"] == direction
        assert clips[top["clip"]]["frames"]["count"] == 8
        assert 0 <= top["place"]["left"] < top["place"]["left"] + top["place"]["width"] <= 1
        assert 0 <= top["place"]["start"] <= top["place"]["end"] < 8
        assert sum(unit["histogram"]["counts"]) == 12
    dead = part(layer["data"])[5]
    assert dead["dead"]
    assert dead["histogram"] is None


def test_a_stimulus_is_shown_only_in_the_streams_that_its_unit_sees(report_folder):
    look, part = told(report_folder)
    layers = {layer["name"]: layer for layer in look["layers"]}
    appearance = part(layers["appearance.on"]["data"])[0]["stimuli"][0]
    motion = part(layers["motion.on"]["data"])[1]["stimuli"][0]
    assert appearance["frames"]
    assert appearance["flow"] is None
    assert motion["flow"]
    assert motion["frames"] is None


def test_an_objective_is_told_of_on_the_pages_of_all_that_it_speaks_of(report_folder):
    look, part = told(report_folder)
    (layer,) = [layer for layer in look["layers"] if layer["name"] == "fusion_on"]
    first, several, *_, dead = part(layer["data"])
    assert [each["objective"] for each in first["others"]] == [
        *("fusion_on:0@centre", "- fusion_on:0")
    ]
    assert part(first["told"])["objective"] == "fusion_on:0"
    assert {each["number"] for each in part(several["told"])["stimuli"]} == {0, 1}
    assert dead["told"] is None
    labels = part(look["label_stimuli"])
    assert [each["label"] for each in labels] == list(LABELS)
    assert [bool(each["stimuli"]) for each in labels] == [True, True, True, False]
    difference = {"objective": "label:left - label:right"}
    assert labels[0]["others"][0].items() >= difference.items()
    assert labels[1]["others"][0].items() >= difference.items()
    assert len(look["objectives"]) == look["maximization"]["made"]


def test_what_was_not_made_is_told_with_the_reason(report_folder):
    look, _ = told(report_folder)
    found = look["maximization"]
    assert found["asked"] == found["made"] + len(found["failures"]) + len(found["left"])
    assert [each["objective"] for each in found["failures"]] == ["fusion_on:5"]
    assert found["failures"][0]["reason"]
    assert found["left"] == list(map(str, LEFT))
    assert found["reference"] == REFERENCE
    flat = [layer["name"] for layer in look["layers"] if not layer["sloped"]]
    assert flat == ["motion.direction"]


def test_the_figure_of_the_overview_has_real_clips_beside_units_of_both_streams(report_folder):
    look, _ = told(report_folder)
    assert [row["unit"].split(":")[0] for row in look["figure"]] == ["fusion_on"] * 4
    assert len({row["preferred"] for row in look["figure"]}) == 4
    for row in look["figure"]:
        assert row["clips"][0]["label"] == row["preferred"]
        assert row["clips"][0]["frames"]["src"]
        assert [each["slowness"] for each in row["stimuli"]] == sorted(SLOWNESS, reverse=True)


def test_a_unit_whose_best_stimulus_takes_another_path_is_counted(report_folder):
    look, part = told(report_folder)
    (layer,) = [layer for layer in look["layers"] if layer["name"] == "fusion_on"]
    assert layer["suspicious"] == look["sums"]["suspicious"] == 1
    flagged = {
        unit["unit"]
        for unit in part(layer["data"])
        if any(each["suspicious"] for each in unit["stimuli"])
    }
    assert flagged == {str(UNLIKE)}


@pytest.mark.parametrize(
    "missing", ["scan", "retrieval", "stimuli", "evaluation"], ids=lambda name: f"no {name}"
)
def test_what_was_not_looked_at_is_left_out(look_folder, missing):
    for folder in (look_folder / "evidence").glob(f"{missing}*"):
        shutil.rmtree(folder)
    look, _ = told(write_report(look_folder).parent)
    assert bool(look["clips"]) == (missing != "scan")
    assert bool(look["evaluation"]) == (missing != "evaluation")
    assert bool(look["sprites"]) == (missing != "stimuli")


def test_new_evidence_replaces_the_old_and_leaves_other_files_alone(look_folder):
    write_report(look_folder)
    before = set(files_of(look_folder))
    (look_folder / "data" / "mine.js").write_text("mine")
    (look_folder / "media" / "mine.webp").write_text("mine")
    shutil.rmtree(look_folder / "evidence" / "stimuli" / "fusion_on-0")
    write_report(look_folder)
    after = set(files_of(look_folder))
    gone = before - after
    assert any(name.startswith("media/fusion_on-0.") for name in gone)
    assert not any(name.startswith("media/fusion_on-1.") for name in gone)
    assert {"data/mine.js", "media/mine.webp"} <= after


def test_a_folder_without_evidence_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(EvidenceError, match="holds no evidence"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_evidence_that_is_broken_leaves_the_report_that_was_there(look_folder):
    write_report(look_folder)
    first = files_of(look_folder)
    (look_folder / "evidence" / "scan" / "evidence.json").write_text("{")
    with pytest.raises(EvidenceError):
        write_report(look_folder)
    assert files_of(look_folder) == first
