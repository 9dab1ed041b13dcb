import gzip
import pickle

import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import load_network
from kinetoscope.networks.zoo import build_network
from tests.networks.files import foreign


def run(*arguments):
    return CliRunner().invoke(main, ["convert", *map(str, arguments)])


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_network("slowfast_toy", slow_frames="spread").eval()


@pytest.fixture
def checkpoint(network, tmp_path):
    theirs = foreign.renamed(network.model.state_dict(), foreign.pyslowfast)
    path = tmp_path / "SLOWFAST.pkl"  # as some of the zoo are, and are of torch
    torch.save({"model_state": theirs, "epoch": 196, "optimizer_state": {}}, path)
    return path


def test_it_says_what_a_file_is_and_what_matched_and_writes_ours(network, checkpoint, tmp_path):
    out = tmp_path / "out.safetensors"
    result = run(checkpoint, out, "--network", "slowfast_toy")
    assert result.exit_code == 0, result.exception
    lines = result.output.splitlines()
    assert lines[0].startswith("SLOWFAST.pkl: PySlowFast: ")
    assert "in a file of torch.save; epoch 196" in lines[0]
    assert "left in the file: epoch, optimizer_state" in lines[0]
    assert lines[1] == "network: slowfast_toy"
    assert lines[2].startswith(f"{counted(network)} of {counted(network)} tensors")
    assert "trained with slow_frames='spread', and so is this network" in result.output
    assert "which the file does not name" in result.output
    assert load_network(out).weights_hash == network.weights_hash


def counted(network):
    names = network.model.state_dict()
    return len([name for name in names if not name.endswith("num_batches_tracked")])


@pytest.mark.parametrize(
    "text",
    ["walk\nrun\n\njump\n", '["walk", "run", "jump"]', '{"jump": 2, "\\"run\\"": 1, "walk": 0}'],
    ids=["lines", "a list", "places"],
)
def test_labels_come_from_a_file(checkpoint, tmp_path, text):
    (tmp_path / "labels").write_text(text)
    out = tmp_path / "out.safetensors"
    result = run(checkpoint, out, "--network", "slowfast_toy", "--labels", tmp_path / "labels")
    assert result.exit_code == 0, result.exception
    assert load_network(out).labels == ("walk", "run", "jump")


def test_labels_of_the_checkpoint_are_kept(network, tmp_path):
    theirs = foreign.renamed(network.model.state_dict(), foreign.mmaction2)
    meta = {"dataset_meta": {"classes": [*"abc"]}}
    torch.save({"state_dict": theirs, "meta": meta}, tmp_path / "w.pth")
    out = tmp_path / "out.safetensors"
    result = run(tmp_path / "w.pth", out, "--network", "slowfast_toy")
    assert "labels: 3, of the file" in result.output
    assert load_network(out).labels == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no labels"),
        ('{"a": 1, "b": 2}', "from 0 on"),
        ("[1, 2]", "a list of labels"),
        ("[", "can't be read"),
        ("a\nb\n", "trained on other labels"),
        ("a\na\nb\n", "labels that differ"),
    ],
)
def test_refuses_labels_that_do_not_fit(checkpoint, tmp_path, text, message):
    (tmp_path / "labels").write_text(text)
    out = tmp_path / "out.safetensors"
    result = run(checkpoint, out, "--network", "slowfast_toy", "--labels", tmp_path / "labels")
    assert result.exit_code == 1
    assert message in result.output
    assert not out.exists()


def test_a_packed_pickle_of_numpy_arrays_is_converted(network, tmp_path):
    blobs = foreign.renamed(network.model.state_dict(), foreign.caffe2)
    arrays = {name: tensor.numpy() for name, tensor in blobs.items()}
    (tmp_path / "w.pkl").write_bytes(gzip.compress(pickle.dumps({"blobs": arrays}, 2)))
    out = tmp_path / "out.safetensors"
    result = run(tmp_path / "w.pkl", out, "--network", "slowfast_toy")
    assert result.exit_code == 0, result.exception
    assert "caffe2: " in result.output
    assert load_network(out).weights_hash == network.weights_hash


def test_what_does_not_fit_is_told_and_nothing_is_written(checkpoint, tmp_path):
    out = tmp_path / "out.safetensors"
    result = run(checkpoint, out, "--network", "c3d_toy")
    assert "1 of 22 tensors; missing" in result.output
    assert not out.exists()
    assert not list(tmp_path.glob(".aside*"))


def test_asks_whose_weights_they_are_where_that_can_not_be_told(checkpoint, tmp_path):
    result = run(checkpoint, tmp_path / "out.safetensors")
    assert "weights of no known network" in result.output
    assert "--network NAME" in result.output
