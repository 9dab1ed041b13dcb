import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.video.encode import write_mp4


def run(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path) -> Path:
    """A csv of two small videos, one a label."""
    frames = torch.randint(0, 255, (6, 32, 32, 3), dtype=torch.uint8)
    write_mp4(tmp_path / "a.mp4", frames, 8.0)
    write_mp4(tmp_path / "b.mp4", frames.flip(0), 8.0)
    (tmp_path / "index.csv").write_text("path,label\na.mp4,jog\nb.mp4,wave\n")
    return tmp_path


def test_a_sound_catalog_is_said_to_be_so(folder):
    found = run(folder)
    assert found.exit_code == 0, found.output
    assert "2 entries in 2 files, 12 frames at about 8 a second: nothing is wrong" in found.output


def test_what_is_wrong_is_a_table_a_file_and_an_exit_code(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with (folder / "index.csv").open("a") as file:
        file.write('"[bold]gone, ü.mp4",<script>\n')
    found = run(folder, "--json", folder / "out" / "check.json")
    assert found.exit_code == 1
    assert "index.csv:4" in found.output
    assert "[bold]gone, ü.mp4" in found.output
    assert "1 missing" in found.output
    written = json.loads((folder / "out" / "check.json").read_text())
    assert written["counts"] == {"missing": 1}
    assert written["findings"][0]["path"] == "[bold]gone, ü.mp4"


def test_a_clip_that_does_not_fit_is_listed(folder):
    assert run(folder, "--frames", "6").exit_code == 0
    found = run(folder, "--frames", "4", "--stride", "2")
    assert found.exit_code == 1
    assert "2 too short" in found.output
    assert run(folder, "--frames", "4", "--frames-per-second", "4").exit_code == 1


def test_labels_out_of_range_are_listed_rather_than_refused(folder):
    (folder / "names.txt").write_text("jog\n")
    found = run(folder, "--labels", folder / "names.txt")
    assert found.exit_code == 1
    assert "1 label out of range" in found.output


def test_a_catalog_that_can_not_be_read_is_told_without_a_traceback(folder):
    (folder / "index.csv").write_text("path,class\na.mp4,jog\n")
    found = run(folder)
    assert found.exit_code == 1
    assert "index.csv:1: no column label" in found.output
    assert "Traceback" not in found.output


def test_an_unknown_split_is_told_with_those_there_are(folder):
    (folder / "index.csv").write_text("path,label,split\na.mp4,jog,train\nb.mp4,wave,test\n")
    found = run(folder, "--split", "tset")
    assert found.exit_code == 1
    assert "near: test" in found.output
