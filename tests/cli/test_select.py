import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence

pytestmark = pytest.mark.slow


def select(*arguments):
    return CliRunner().invoke(main, ["select", *map(str, arguments)])


def test_tells_how_specific_units_are_and_what_is_lost_without_them(catalog, weights, tmp_path):
    layers = ("--layer", "fusion", "--layer", "conv4")
    how = ("--remove", 1, "--controls", 1, "--clips", 4)
    answered = select(weights, catalog, "--out", tmp_path / "look", *layers, *how)
    assert answered.exit_code == 1  # of the file that is no video
    assert "broken.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    for word in ("fusion", "specific", "entropy", "red", "zero"):
        assert word in answered.stdout
    found = read_evidence(tmp_path / "look" / "evidence" / "specificity", "specificity")
    assert [layer["layer"] for layer in found.answer["layers"]] == ["fusion", "conv4"]
    assert found.answer["untested"] == ["blue"]
    assert "blue: has too few clips" in answered.stderr
