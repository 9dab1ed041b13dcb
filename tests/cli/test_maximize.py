import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.stimuli.stimulus import read_stimuli
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network


@pytest.fixture
def trained(tmp_path):
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=["a", "b", "c"])
    save_network(network, tmp_path / "trained" / "weights.safetensors")
    return tmp_path / "trained"


def maximize(*arguments):
    return CliRunner().invoke(main, ["maximize", *map(str, arguments)])


def test_makes_a_folder_of_stimuli_for_each_unit(trained, tmp_path):
    out = tmp_path / "stimuli"
    answered = maximize(
        trained, "fusion:1", "fusion:2", "--slowness", "0,10", "--steps", 2, "--out", out
    )
    assert answered.exit_code == 0, answered.output
    assert {folder.name for folder in out.iterdir()} == {"fusion-1", "fusion-2"}
    stimuli = read_stimuli(out / "fusion-1")
    assert [stimulus.slowness for stimulus in stimuli] == [0, 10]
    assert answered.stdout.count("fusion:1  slowness") == 2


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fusoin:1"], 1, "near: fusion"),
        (["fusion"], 1, "layer:channel"),
        (["fusion:1", "--slowness", "0,fast"], 2, "such as 0,1,5,10"),
        (["fusion:1", "--slowness", "-1"], 2, "0 or more"),
        (["fusion:1", "--steps", "0"], 2, "x>=1"),
        ([], 2, "UNITS"),
    ],
    ids=str,
)
def test_refuses_what_can_not_be_maximized(trained, tmp_path, arguments, code, message):
    answered = maximize(trained, *arguments, "--out", tmp_path / "stimuli")
    assert (answered.exit_code, message in answered.stderr) == (code, True), answered.stderr
    assert "Traceback" not in answered.stderr
    assert not (tmp_path / "stimuli").exists()
