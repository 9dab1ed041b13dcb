import gzip
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kinetoscope.errors import WeightsError
from kinetoscope.networks.checkpoints import WRAPPERS, open_checkpoint

STATE = {"conv.weight": torch.arange(6.0).reshape(2, 3), "conv.bias": torch.ones(2)}


class Malicious:
    """A pickle that would write a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"__import__('pathlib').Path({str(self.path)!r}).write_text('run')",)


def same(found):
    assert found.keys() == STATE.keys()
    return all(torch.equal(found[name], STATE[name]) for name in STATE)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.pyth", "w.pth.tar", "w"])
def test_a_state_dict_is_opened_whatever_its_name(tmp_path, name):
    torch.save(STATE, tmp_path / name)
    assert same(open_checkpoint(tmp_path / name))


@pytest.mark.parametrize("key", WRAPPERS)
def test_weights_are_found_under_a_trainers_key(tmp_path, key):
    torch.save({"epoch": 3, key: STATE, "cfg": "a: 1", "optimizer": {}}, tmp_path / "w.pyth")
    assert same(open_checkpoint(tmp_path / "w.pyth"))


def test_weights_are_found_two_keys_deep(tmp_path):
    torch.save({"model": {"state_dict": STATE}}, tmp_path / "w.pth")
    assert same(open_checkpoint(tmp_path / "w.pth"))


def test_files_of_before_pytorch_1_6_are_opened(tmp_path):
    torch.save(STATE, tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert same(open_checkpoint(tmp_path / "w.pth"))


@pytest.mark.parametrize("name", ["w.safetensors", "w.bin"])
def test_safetensors_are_opened_whatever_their_name(tmp_path, name):
    save_file(STATE, tmp_path / name)
    assert same(open_checkpoint(tmp_path / name))


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_refuses_a_file_that_asks_to_run_code_and_runs_nothing(tmp_path, new):
    written, path = tmp_path / "written", tmp_path / "w.pth"
    torch.save(
        {"state_dict": STATE, "extra": Malicious(written)},
        path,
        _use_new_zipfile_serialization=new,
    )
    with pytest.raises(WeightsError, match=r"a pickle that asks for .*exec"):
        open_checkpoint(path)
    assert not written.exists()
    torch.load(path, weights_only=False)  # it would have
    assert written.exists()


def test_refuses_a_bare_pickle_and_runs_nothing(tmp_path):
    written, path = tmp_path / "written", tmp_path / "w.pkl"
    path.write_bytes(pickle.dumps(Malicious(written)))
    with pytest.raises(WeightsError, match="a pickle that PyTorch did not write"):
        open_checkpoint(path)
    assert not written.exists()


def test_refuses_a_whole_module(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"asks for torch\.nn\.modules\.linear\.Linear"):
        open_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html>", "a web page"),
        (gzip.compress(b"weights"), "a gzip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"RIFF....AVI ", "a file that starts with"),
    ],
    ids=["empty", "web page", "gzip", "lfs", "video"],
)
def test_refuses_what_is_not_a_checkpoint(tmp_path, content, message):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        open_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_refuses_a_truncated_file(tmp_path, kind, part):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(WeightsError, match=r"(is damaged|holds more)"):
        open_checkpoint(path)


@pytest.mark.parametrize(
    "found", [{"epoch": 3, "cfg": "a"}, {}, [torch.ones(2)], {"state_dict": {}}], ids=str
)
def test_refuses_a_file_without_weights(tmp_path, found):
    torch.save(found, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no weights"):
        open_checkpoint(tmp_path / "w.pth")


def test_refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match="No such file"):
        open_checkpoint(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="Is a directory"):
        open_checkpoint(tmp_path)
