import shutil

import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from tests.cli.noise import write_network, write_noise


@pytest.fixture
def catalog(tmp_path):
    """Four videos, one a copy of another in another split, and a file that is none."""
    write_noise(tmp_path, ["noise"] * 3, broken="unheard of")
    shutil.copy(tmp_path / "0.mp4", tmp_path / "3.mp4")
    listed = tmp_path / "index.csv"
    head, *rows = listed.read_text().splitlines()
    told = [f"{head},split", *(f"{row},train" for row in rows), "3.mp4,noise,test"]
    listed.write_text("\n".join(told))
    return tmp_path


@pytest.fixture
def weights(tmp_path):
    return write_network(tmp_path / "weights", ["noise", "a", "b"])


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
