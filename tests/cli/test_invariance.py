import csv

import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4


@pytest.fixture
def catalog(tmp_path):
    """Three short videos of noise and a file that is none, listed in a csv."""
    generator = torch.Generator().manual_seed(0)
    rows = [("path", "label")]
    for number in range(3):
        pictures = torch.randint(0, 256, (10, 32, 32, 3), generator=generator, dtype=torch.uint8)
        write_mp4(tmp_path / f"{number}.mp4", pictures, 8.0)
        rows.append((f"{number}.mp4", "ab"[number % 2]))
    (tmp_path / "broken.mp4").write_text("not a video")
    rows.append(("broken.mp4", "c"))
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=["a", "b", "c"])
    save_network(network, tmp_path / "weights" / "weights.safetensors")
    return tmp_path / "weights"


def invariance(*arguments):
    return CliRunner().invoke(main, ["invariance", *map(str, arguments)])


@pytest.mark.slow
def test_tells_half_widths_and_lists_what_can_not_be_read(catalog, weights, tmp_path):
    asked = ("--quick", "--clips", 3, "--change", "speed", "--change", "flip", "--layer", "fusion")
    answered = invariance(weights, catalog, "--out", tmp_path / "look", *asked)
    assert answered.exit_code == 1
    assert "speed: half-width" in answered.stdout
    assert "3 clips" in answered.stdout
    assert "broken.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    found = read_evidence(tmp_path / "look" / "evidence" / "invariance", "invariance")
    assert [change["name"] for change in found.answer["changes"]] == ["speed", "flip"]


def test_refuses_a_change_that_is_not_there(catalog, weights, tmp_path):
    answered = invariance(weights, catalog, "--out", tmp_path / "look", "--change", "spede")
    assert answered.exit_code == 1
    assert "no change is called spede" in answered.stderr
    assert "near: speed" in answered.stderr
