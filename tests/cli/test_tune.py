import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.tuning.tuning import read_tuning
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network

FEW = ("--directions", 4, "--speeds", "1", "--wavelengths", "8", "--sizes", "1", "--repetitions", 1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    network = build_network("two_stream_small_toy", labels=["a", "b"])
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_network(network, path)
    return path


def tune(*arguments):
    return CliRunner().invoke(main, ["tune", *map(str, arguments)])


@pytest.mark.slow
def test_says_how_many_clips_and_tells_each_layer_beside_its_control(weights, tmp_path):
    answered = tune(weights, "--out", tmp_path, "--layer", "fusion", *FEW)
    assert answered.exit_code == 0, answered.stderr
    assert "17 conditions, 17 clips" in answered.stdout
    assert "random weights" in answered.stdout
    assert "fusion" in answered.stdout
    found = read_tuning(tmp_path / "evidence" / "tuning")
    assert found.evidence.answer["control"] is not None
    assert found.grid.speeds == (1.0,)


def test_refuses_a_grid_that_has_no_order_before_anything_is_shown(weights, tmp_path):
    answered = tune(weights, "--out", tmp_path, "--speeds", "2,1")
    assert answered.exit_code == 1
    assert "speeds are not in order" in answered.stderr
    assert "Traceback" not in answered.stderr
    answered = tune(weights, "--out", tmp_path, "--speeds", "fast")
    assert answered.exit_code == 2
    assert "list of numbers" in answered.stderr
