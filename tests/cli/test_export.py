import json

import onnxruntime
import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network


def export(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


@pytest.fixture
def trained(tmp_path):
    """A folder as `kinetoscope train` writes it."""
    network = build_network("single_frame_toy", labels=["walk", "run"])
    save_network(network, tmp_path / "trained" / "weights.safetensors")
    return tmp_path / "trained"


@pytest.mark.slow
def test_exports_for_pytorch_and_says_what_it_takes(trained, tmp_path):
    answered = export(trained, tmp_path / "a.pt2")
    assert answered.exit_code == 0, answered.output
    first, *others = answered.stdout.splitlines()
    assert first.startswith(f"{tmp_path}/a.pt2: single_frame_toy, 0.")
    assert others[:2] == [
        "takes    frames: clip x 3 x 1 x 62 x 62",
        "answers  probabilities: clip x 2",
    ]
    assert others[2].startswith("checked  on a random clip: off by ")
    model = torch.export.load(tmp_path / "a.pt2").module()
    assert model(torch.rand(5, 3, 1, 62, 62)).shape == (5, 2)


@pytest.mark.slow
def test_exports_a_name_with_weights_and_labels_to_onnx(trained, tmp_path):
    (tmp_path / "labels.txt").write_text("to walk\nto run\n")
    answered = export(
        *("single_frame_toy", tmp_path / "a.onnx", "--json", "--clips", 2),
        *("--weights", trained / "weights.safetensors", "--labels", tmp_path / "labels.txt"),
    )
    assert answered.exit_code == 0, answered.output
    found = json.loads(answered.stdout)
    assert found["takes"] == {"frames": [2, 3, 1, 62, 62]}
    assert found["difference"] < 1e-4
    about = onnxruntime.InferenceSession(found["path"]).get_modelmeta().custom_metadata_map
    assert json.loads(about["kinetoscope"])["labels"] == ["to walk", "to run"]


@pytest.mark.parametrize(
    ("network", "out", "message"),
    [
        ("single_frame_toy", "a.onnx", "has learnt nothing yet"),
        ("trained", "a.pth", "does not say in which format"),
        ("none.safetensors", "a.onnx", "is not there"),
    ],
    ids=["untrained", "format", "no network"],
)
def test_refuses_what_can_not_be_exported(network, out, message, trained, tmp_path):
    answered = export(trained if network == "trained" else network, tmp_path / out)
    assert answered.exit_code == 1
    assert message in answered.stderr
    assert "Traceback" not in answered.output
    assert not (tmp_path / out).exists()
