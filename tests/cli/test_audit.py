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
    """Four short videos of noise, one a copy of another, and a file that is none."""
    generator = torch.Generator().manual_seed(0)
    rows = [("path", "label", "split")]
    noise = [
        torch.randint(0, 256, (8, 64, 64, 3), generator=generator, dtype=torch.uint8)
        for _ in range(3)
    ]
    for number, pictures in enumerate([*noise, noise[0]]):
        write_mp4(tmp_path / f"{number}.mp4", pictures, 8.0)
        rows.append((f"{number}.mp4", "noise", "train" if number < 3 else "test"))
    (tmp_path / "broken.mp4").write_text("not a video")
    rows.append(("broken.mp4", "unheard of", "train"))
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


@pytest.fixture
def weights(tmp_path):
    network = build_network("two_stream_small_toy", labels=["noise", "a", "b"])
    save_network(network, tmp_path / "weights" / "weights.safetensors")
    return tmp_path / "weights"


def audit(*arguments):
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


@pytest.mark.slow
def test_tells_of_copies_of_what_is_too_small_and_of_what_can_not_be_read(
    catalog, weights, tmp_path
):
    answered = audit(weights, catalog, "--out", tmp_path / "look", "--shuffles", 1)
    assert answered.exit_code == 1
    assert "no class is told" in answered.stdout
    assert "pairs that look like copies: 1; 1 of them in two splits" in answered.stdout
    assert "noise is too small to judge; clips: 4" in answered.stderr
    assert "broken.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    found = read_evidence(tmp_path / "look" / "evidence" / "audit", "audit").answer
    assert found["clips"] == 4
    assert found["suspects"] is not None
    assert (tmp_path / "look" / "evidence" / "scan").is_dir()


def test_without_a_scan_the_network_is_not_run(catalog, weights, tmp_path):
    out = tmp_path / "look"
    answered = audit(
        weights, catalog, "--out", out, "--no-scan", "--split", "test", "--shuffles", 1
    )
    assert answered.exit_code == 0
    assert "clips looked at: 1;" in answered.stdout
    assert not (out / "evidence" / "scan").exists()


def test_refuses_a_layer_that_is_not_there(catalog, weights, tmp_path):
    answered = audit(
        weights, catalog, "--out", tmp_path / "look", "--layer", "fusoin", "--split", "test"
    )
    assert answered.exit_code == 1
    assert "near: fusion" in answered.stderr
    assert not (tmp_path / "look" / "evidence" / "audit").exists()
