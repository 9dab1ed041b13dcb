import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from tests.cli.noise import write_noise


@pytest.fixture
def catalog(tmp_path):
    """Three videos, and a file that is none, of a label of its own."""
    return write_noise(tmp_path, ["red", "green", "red"], broken="blue")


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
