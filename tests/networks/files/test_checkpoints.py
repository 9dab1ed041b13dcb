import argparse
import collections
import gzip
import io
import json
import pickle
import subprocess
import sys
import tarfile
import warnings
import zipfile
from random import Random

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

from kinetoscope.errors import WeightsError
from kinetoscope.networks.files.checkpoints import WRAPPERS, open_checkpoint, read_checkpoint

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


@pytest.mark.parametrize("protocol", range(6))
def test_refuses_a_bare_pickle_that_asks_to_run_code_and_runs_nothing(tmp_path, protocol):
    written, path = tmp_path / "written", tmp_path / "w.pkl"
    path.write_bytes(pickle.dumps({"blobs": {"w": Malicious(written)}}, protocol))
    with pytest.raises(WeightsError, match=r"a pickle that asks for .*exec"):
        read_checkpoint(path)
    assert not written.exists()


def test_refuses_a_whole_module(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"an object of torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(tmp_path / "w.pth")


def test_refuses_an_object_among_the_weights(tmp_path):
    torch.save({"state_dict": {**STATE, "x": argparse.Namespace(a=1)}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"argparse\.Namespace among the weights, as x"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html>", "a web page"),
        (gzip.compress(b"weights"), "a file that starts with b'weights'"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"RIFF....AVI ", "a file that starts with"),
        (b"\x89HDF\r\n\x1a\n", "MATLAB 7.3"),
        (b"\x1f\x8b\x08\x00", "can't be unpacked"),
        (gzip.compress(b""), "a gzip archive of nothing"),
        (gzip.compress(gzip.compress(gzip.compress(b"x"))), "in an archive in an archive"),
    ],
    ids=["empty", "web page", "gzip", "lfs", "video", "hdf5", "half a gzip", "no file", "russian"],
)
def test_refuses_what_is_not_a_checkpoint(tmp_path, content, message):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(tmp_path / "w.pth")


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
    with pytest.raises(WeightsError, match="is damaged"):
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


def as_bytes(kind):
    """A small checkpoint of every format."""
    out = io.BytesIO()
    if kind in ("zip", "legacy"):
        about = {"state_dict": STATE, "meta": {"CLASSES": ["a"]}, "epoch": 3}
        torch.save(about, out, _use_new_zipfile_serialization=kind == "zip")
    elif kind.startswith("matlab"):
        io_of_matlab = pytest.importorskip("scipy.io")
        weights = np.empty(2, dtype=object)
        weights[:] = [np.ones((2, 2, 3, 4), "f4"), np.ones((1, 4), "f4")]
        layers = np.empty(1, dtype=object)
        layers[:] = [{"type": "conv", "name": "fc8", "weights": weights}]
        io_of_matlab.savemat(out, {"layers": layers}, do_compression=kind.endswith("packed"))
    elif kind == "safetensors":
        out.write(save(STATE))
    else:
        blobs = {"w": np.ones((2, 3), "f4"), "lr": np.float32(0.1), "s": "text"}
        content = pickle.dumps({"blobs": blobs}, 2)
        out.write(gzip.compress(content) if kind == "gzip" else content)
    return out.getvalue()


def spoiled(content, random):
    """A file of which some bytes are others, or gone, or too many."""
    content = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5))):
        place, count = random.randrange(len(content)), random.randrange(1, 9)
        match random.choice(("other", "other", "zeros", "gone", "more", "end")):
            case "other":
                content[place] = random.choice((0, 255, random.randrange(256)))
            case "zeros":
                content[place : place + count] = bytes(count)
            case "gone":
                del content[place : place + count]
            case "more":
                content[place:place] = random.randbytes(count)
            case "end":
                del content[max(place, 1) :]
    return bytes(content)


KINDS = ["zip", "legacy", "safetensors", "pickle", "gzip", "matlab", "matlab packed"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_spoiled_file_is_read_or_refused_and_nothing_else_happens(tmp_path, kind):
    content, random, path = as_bytes(kind), Random(0), tmp_path / "w"
    path.write_bytes(content)
    assert read_checkpoint(path).tensors
    refused = 0
    for each in range(60):
        path = tmp_path / str(each)  # a file that is mapped is not written over
        path.write_bytes(spoiled(content, random))
        try:
            assert str(read_checkpoint(path))
        except WeightsError:
            refused += 1
    assert refused > 20


def inside(path, name, content):
    """A checkpoint in a gzip archive, a tar archive, or both."""
    if "tar" in name:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as archive:
            member = tarfile.TarInfo("models/model.pyth")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    else:
        path.write_bytes(gzip.compress(content))


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle", "safetensors"])
@pytest.mark.parametrize("name", ["w.pkl.gz", "w.tar", "w.tar.gz"])
def test_archives_around_a_checkpoint_are_opened(tmp_path, kind, name):
    bare = tmp_path / "bare"
    if kind == "safetensors":
        save_file(STATE, bare)
    elif kind == "pickle":
        arrays = {key: tensor.numpy() for key, tensor in STATE.items()}
        bare.write_bytes(pickle.dumps({"blobs": arrays}))
    else:
        torch.save({"model": STATE}, bare, _use_new_zipfile_serialization=kind == "zip")
    inside(tmp_path / name, name, bare.read_bytes())
    assert same(open_checkpoint(tmp_path / name))


def test_refuses_a_tar_of_several_files_and_names_them(tmp_path):
    with tarfile.open(tmp_path / "w.tar", "w") as archive:
        for name in ("a.pth", "b.pth"):
            archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(WeightsError, match=r"2 files \(a\.pth, b\.pth\)"):
        read_checkpoint(tmp_path / "w.tar")


@pytest.mark.parametrize("protocol", range(6))
def test_blobs_of_caffe2_are_read_without_their_momentum(tmp_path, protocol):
    blobs = {
        "conv1_w": np.arange(24, dtype="f4").reshape(2, 3, 1, 2, 2),
        "conv1_w_momentum": np.ones((2, 3, 1, 2, 2), "f4"),
        "double": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "lr": np.float32(0.1),
        "model_iter": 400_001,
    }
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({"blobs": blobs}, protocol))
    found = read_checkpoint(tmp_path / "w.pkl")
    assert found.container == "a pickle of numpy arrays"
    assert found.tensors.keys() == {"conv1_w", "double"}
    for name, tensor in found.tensors.items():
        np.testing.assert_array_equal(tensor.numpy(), blobs[name])
        tensor.mul_(2)  # it is its own


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_tensors_of_every_kind_come_back_as_they_lay(tmp_path, new):
    base = torch.arange(24.0).reshape(4, 6)
    parameter = nn.Parameter(torch.ones(2))
    parameter.note = "kept by torch beside the tensor"
    state = collections.OrderedDict(
        base=base,
        row=base[1:, 2:],
        turned=base.t(),
        half=torch.ones(3).half(),
        brain=torch.ones(3).bfloat16(),
        eight=torch.ones(3).to(torch.float8_e4m3fn),
        whole=torch.tensor(3),
        truth=torch.tensor([True, False]),
        none=torch.zeros(0, 3),
        parameter=nn.Parameter(torch.arange(3.0)),
        with_note=parameter,
    )
    state._metadata = {"version": 1}
    torch.save(state, tmp_path / "w", _use_new_zipfile_serialization=new)
    found = open_checkpoint(tmp_path / "w")
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name].float(), tensor.detach().float()), name
    assert found["base"].untyped_storage().data_ptr() == found["row"].untyped_storage().data_ptr()


class HistoryBuffer:
    """As mmengine's, in the checkpoints that it trains on from."""

    def __init__(self):
        self._log_history, self._statistics_methods = np.ones(3), {"min": HistoryBuffer.min}

    def min(self):
        return 0


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_training_checkpoints_of_mmaction2_are_opened_with_their_labels(tmp_path, new):
    trained = {
        "meta": {
            "epoch": 12,
            "cfg": "model = dict(type='Recognizer3D')",
            "dataset_meta": {"classes": ["walk", "run"]},
            "time": "20260101",
        },
        "state_dict": STATE,
        "message_hub": {"log_scalars": {"loss": HistoryBuffer()}, "runtime": {}},
        "optimizer": {"state": {0: {"momentum": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
    }
    torch.save(trained, tmp_path / "w.pth", _use_new_zipfile_serialization=new)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "w.pth", weights_only=True)  # which PyTorch itself does not
    found = read_checkpoint(tmp_path / "w.pth")
    assert same(found.tensors)
    assert found.labels == ("walk", "run")
    assert found.epoch == 12
    assert found.settings == "model = dict(type='Recognizer3D')"
    assert set(found.left) == {"meta", "message_hub", "optimizer"}


@pytest.mark.parametrize(
    "names", [["a", "a"], [], ["a", 1], "ab", None], ids=["twice", "none", "a number", "text", "no"]
)
def test_labels_that_are_none_are_not_taken(tmp_path, names):
    torch.save({"state_dict": STATE, "meta": {"CLASSES": names}}, tmp_path / "w.pth")
    assert read_checkpoint(tmp_path / "w.pth").labels is None


def test_the_target_encoder_of_v_jepa_is_taken_and_the_rest_is_said(tmp_path):
    wrapped = {f"module.backbone.{name}": tensor for name, tensor in STATE.items()}
    other = {name: tensor + 1 for name, tensor in wrapped.items()}
    found = {"encoder": other, "predictor": other, "target_encoder": wrapped, "epoch": 3}
    torch.save(found, tmp_path / "w.pt")
    read = read_checkpoint(tmp_path / "w.pt")
    assert torch.equal(read.tensors["module.backbone.conv.weight"], STATE["conv.weight"])
    assert set(read.left) == {"encoder", "predictor", "epoch"}


def rewritten(path, change):
    """A file of torch.save whose members are written anew, as `change` has them."""
    torch.save(STATE, path)
    with zipfile.ZipFile(path) as archive:
        members = {each.filename: archive.read(each) for each in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            change(archive, name, content)


def test_refuses_a_zip_bomb(tmp_path):
    path = tmp_path / "w.pth"

    def change(archive, name, content):
        if name.endswith("data/0"):
            archive.writestr(name, bytes(50_000_000), zipfile.ZIP_DEFLATED)
        else:
            archive.writestr(name, content)

    rewritten(path, change)
    assert path.stat().st_size < 100_000
    with pytest.raises(WeightsError, match=r"compressed member .* 50,000,000 bytes"):
        read_checkpoint(path)


def test_refuses_members_that_lie_over_one_another(tmp_path):
    path = tmp_path / "w.pth"
    rewritten(path, lambda archive, name, content: archive.writestr(name, content))
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")  # of the last member, which says it is larger
    for place in (20, 24):
        content[directory + place : directory + place + 4] = (2**28).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"ends beyond the file|lie over one another"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "size", [(2**40, 2**20), (10**6, 10**6), (-1,), (3, 3)], ids=["huge", "a view", "below 0", "9"]
)
@pytest.mark.parametrize("stride", [(0, 0), (1, 1)], ids=["repeated", "long"])
def test_refuses_a_declared_shape_that_is_not_there(tmp_path, size, stride):
    class Declared:
        def __reduce__(self):
            storage = torch.ones(6).storage()
            arguments = (storage, 0, size, stride[: len(size)], False, collections.OrderedDict())
            return torch._utils._rebuild_tensor_v2, arguments

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # typed storages are old
        torch.save({"state_dict": {"w": Declared()}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="a tensor of the shape"):
        read_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ((2**63).to_bytes(8, "little") + b"{", "a header of 9,223,372"),
        ((10**6).to_bytes(8, "little") + b"{}", "a header of 1,000,000 bytes in a file of 10"),
        ((2).to_bytes(8, "little") + b"{}", "no tensor"),
        ((2).to_bytes(8, "little") + b"{x", "is damaged"),
    ],
)
def test_refuses_headers_of_safetensors_that_are_not_there(tmp_path, header, message):
    (tmp_path / "w.safetensors").write_bytes(header)
    with pytest.raises(WeightsError, match=message):
        read_checkpoint(tmp_path / "w.safetensors")


def test_refuses_safetensors_with_a_huge_declared_shape(tmp_path):
    about = {"w": {"dtype": "F32", "shape": [2**30, 2**20], "data_offsets": [0, 2**52]}}
    header = json.dumps(about).encode()
    (tmp_path / "w").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    with pytest.raises(WeightsError, match="is damaged"):
        read_checkpoint(tmp_path / "w")


BOMBS = {
    "zeros in a gzip": lambda: gzip.compress(bytes(300 * 2**20), 1),
    "a string of terabytes": lambda: b"\x80\x04\x8e" + (2**40).to_bytes(8, "little") + b"a.",
    "a tar member of terabytes": lambda: _tar_of(2**40),
    "one array under many names": lambda: _many_names(),
}


def _tar_of(size):
    member = tarfile.TarInfo("w.pth")
    member.size = size
    return member.tobuf() + bytes(1024)


def _many_names():
    """Arrays whose numbers are the same bytes of the pickle."""
    array = np.zeros(2**18, "f4")  # 1 MiB
    reduced, content = array.__reduce__(), array.tobytes()
    return pickle.dumps({f"w{n}": _Again(reduced, content) for n in range(1000)}, 4)


class _Again:
    def __init__(self, reduced, content):
        self.reduced, self.content = reduced, content

    def __reduce__(self):
        call, arguments, (version, shape, kind, fortran, _) = self.reduced
        return call, arguments, (version, shape, kind, fortran, self.content)


@pytest.mark.slow
@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_process_of_little_memory_survives(tmp_path, make):
    path = tmp_path / "w.pkl"
    path.write_bytes(make())
    code = (
        "import resource\n"
        "from pathlib import Path\n"
        "from kinetoscope.networks.files.checkpoints import read_checkpoint\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"try: read_checkpoint(Path({str(path)!r}))\n"
        "except ValueError as error: print(str(error).splitlines()[1])\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said, grown = done.stdout.splitlines()
    assert "got:" in said, done.stderr
    assert int(grown) < 100  # [MiB]


@pytest.mark.slow
def test_a_large_file_takes_no_memory_until_it_is_used(tmp_path):
    torch.save({"w": torch.zeros(50_000_000)}, tmp_path / "w.pth")
    code = (
        "import resource\n"
        "from pathlib import Path\n"
        "from kinetoscope.networks.files.checkpoints import read_checkpoint\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"found = read_checkpoint(Path({str(tmp_path / 'w.pth')!r}))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert int(done.stdout) < 20, done.stderr  # of 190 [MiB]
