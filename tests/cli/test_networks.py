import json
import re
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.zoo import OPEN, ZOO


def run(*arguments):
    return CliRunner().invoke(main, ["networks", *arguments])


def test_every_network_is_listed_with_its_weights_and_its_cost():
    result = run("--toys")
    assert result.exit_code == 0
    for name, row in ZOO.items():
        (line,) = [line for line in result.output.splitlines() if line.split()[:1] == [name]]
        assert f"{row.weights:,}" in line
        assert f"{row.gmacs:.4g}" in line
        assert row.source in line


def test_an_accuracy_stands_beside_its_protocol():
    lines = run().output.splitlines()
    (line,) = [line for line in lines if line.split()[:1] == ["slowfast_r50_4x16"]]
    letter = re.search(r" 75\.6 (\w+) ", line)[1]
    protocol = next(line for line in lines if line.startswith(f"  {letter}  "))
    assert "Kinetics-400" in protocol
    assert "10 clips x 3 crops of 256 x 256" in protocol


def test_every_network_has_a_group_and_toys_are_listed_when_asked_for():
    without, with_toys = run().output, run("--toys").output
    assert "\nothers" not in with_toys
    assert "c3d_toy" not in without
    assert "c3d_toy" in with_toys


def test_other_names_are_explained_below():
    for beginning in OPEN:
        wanted = "my_file.py" if beginning == "file:" else beginning
        assert f"\n  {wanted}" in run().output


@pytest.mark.parametrize("width", [100, 140])
def test_lines_fit_the_terminal(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", run().output)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= width
    for name in ("slowfast_nl_r101_16x8", "two_stream_vgg16"):
        assert re.search(rf"{name} .*{ZOO[name].weights:,}", plain)


def test_all_is_told_of_one_network():
    told = run("slowfast_r50_8x8").output
    row = ZOO["slowfast_r50_8x8"]
    for part in ("34,566,488", "50.31", row.source, row.published.protocol, row.about):
        assert part in told
    assert json.loads(run("slowfast_r50_8x8", "--json").output) == asdict(row) | {
        "streams": list(row.streams)
    }


def test_refuses_a_name_that_is_not_there():
    result = run("c3e")
    assert result.exit_code == 1
    assert "near: c3d" in result.output


def test_the_table_is_printed_as_json():
    listed = json.loads(CliRunner().invoke(main, ["networks", "--json"]).output)
    assert list(listed) == list(ZOO)
    assert listed["two_stream_vgg16"]["weights"] == 283_514_762
    assert listed["two_stream_vgg16"]["streams"] == ["frames", "flow"]
