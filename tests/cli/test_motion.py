import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from tests.squares import videos_of_squares


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A network of both streams, and a catalog whose last video can't be read."""
    folder = tmp_path_factory.mktemp("motion")
    network = build_network("two_stream_small_toy", labels=["red", "green", "blue"])
    save_network(network, folder / "trained" / "weights.safetensors")
    return folder / "trained", videos_of_squares(folder / "videos", train=2, test=0, broken=1)


def motion(*arguments):
    return CliRunner().invoke(main, ["motion", *map(str, arguments)])


@pytest.mark.slow
def test_tells_layers_and_classes_and_names_what_can_not_be_read(given, tmp_path):
    asked = ("--layer", "motion.conv1", "--layer", "fusion", "--clips", 7)
    answered = motion(*given, *asked, "--stills", 1, "--shuffles", 1, "--out", tmp_path)
    assert answered.exit_code == 1
    assert "broken-0.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    row = next(line for line in answered.stdout.splitlines() if "motion.conv1" in line)
    assert "100 (100..100)" in row
    assert "all classes" in answered.stdout
    assert "chance is 33.3%" in answered.stdout
    found = read_evidence(tmp_path / "evidence" / "cues", "cues").answer
    assert found["clips"] == 6
    assert found["layers"][1]["control"]["channels"] == found["layers"][1]["channels"]


def test_a_layer_that_is_not_there_is_refused(given, tmp_path):
    answered = motion(*given, "--layer", "fusoin", "--no-control", "--out", tmp_path / "look")
    assert answered.exit_code == 1
    assert "near: fusion" in answered.stderr
    assert not (tmp_path / "look").exists()
