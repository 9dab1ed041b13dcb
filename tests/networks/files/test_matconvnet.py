import numpy as np
import pytest
import torch

from kinetoscope.errors import WeightsError
from kinetoscope.networks.files.checkpoints import read_checkpoint
from kinetoscope.networks.files.matconvnet import read_matconvnet
from kinetoscope.networks.files.matlab_files import read_matlab
from kinetoscope.networks.files.pickled import DamagedError, UnsafeError
from kinetoscope.networks.weights import open_weights
from kinetoscope.networks.zoo import build_network

scipy_io = pytest.importorskip("scipy.io")

MEAN_RGB, MEAN_FLOW = (123.0, 117.0, 104.0), (127.5,) * 20


def filters(weight):
    """A convolution's weights as MatConvNet has them: height, width, (time,) before, after."""
    array = weight.detach().numpy()
    if array.ndim == 5 and array.shape[2] == 1:
        array = array[:, :, 0]
    order = (2, 3, 1, 0) if array.ndim == 4 else (3, 4, 2, 1, 0)
    return np.asfortranarray(array.transpose(order))


def layer_of(name):
    """Our layer as the authors call it: `label` is `fc8`."""
    return {"label": "fc8"}.get(name, name)


def cell(items):
    found = np.empty(len(items), dtype=object)
    found[:] = items
    return found


def simple_net(model, mean, *, old=False, nameless_label=True):
    """A chain of layers, as the authors' single streams are saved."""
    layers = []
    for name in [n.removesuffix(".conv.weight") for n in model.state_dict() if "weight" in n]:
        conv = model.get_submodule(f"{name}.conv")
        weights = [filters(conv.weight), conv.bias.detach().numpy()[None]]
        layer = {"type": "conv", "stride": 1.0, "pad": 0.0}
        layer |= (
            {"filters": weights[0], "biases": weights[1]} if old else {"weights": cell(weights)}
        )
        if name != "label" or not nameless_label:
            layer["name"] = layer_of(name)
        layers += [layer, {"type": "relu", "name": f"relu_{name}"}]
    layers[-1] = {"type": "softmaxloss"}
    normalization = {"averageImage": np.array(mean, "f4").reshape(1, 1, -1)}
    about = {"normalization": normalization}
    return {"layers": cell(layers), **(about if old else {"meta": about})}


def fused_net(model, mean):
    """A graph of two towers, of which the spatial one goes on after the fusion."""
    found = []
    for name, tensor in model.state_dict().items():
        layer, kind = name.split(".conv.")
        letter = "f" if kind == "weight" else "b"
        value = filters(tensor) if kind == "weight" else tensor.numpy()[None]
        if layer == "fusion":
            theirs = f"conv3D{letter}"
        elif layer.startswith("motion."):
            theirs = f"{layer_of(layer.removeprefix('motion.'))}{letter}_temporal"
        else:
            theirs = f"{layer_of(layer.removeprefix('appearance.'))}{letter}_spatial"
        found.append((theirs, value, 1.0, 1.0))
    fields = [
        ("name", object),
        ("value", object),
        ("learningRate", object),
        ("weightDecay", object),
    ]
    params = np.empty(len(found), dtype=fields)
    params[:] = found
    return {
        "layers": np.array(
            [("conv1_1_spatial", "dagnn.Conv")], dtype=[*fields[:1], ("type", object)]
        ),
        "params": params,
        "meta": {"normalization": {"averageImage": np.array(mean, "f4").reshape(1, 1, -1)}},
    }


def trained(name):
    torch.manual_seed(0)
    return build_network(name, labels=4).eval()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("old", [False, True], ids=["weights", "filters"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["net", "bare"])
def test_a_stream_answers_as_it_did_in_matconvnet(tmp_path, compressed, old, wrapped):
    network = trained("vgg16_frames_toy")
    net = simple_net(network.model, MEAN_RGB, old=old)
    scipy_io.savemat(
        tmp_path / "w.mat", {"net": net} if wrapped else net, do_compression=compressed
    )
    loaded, match = open_weights("vgg16_frames_toy", tmp_path / "w.mat", labels=4)
    assert match.complete
    frames = torch.rand(2, 3, 1, 64, 64)
    theirs = frames * 255 - torch.tensor(MEAN_RGB).reshape(1, 3, 1, 1, 1)
    spec = loaded.expects
    ours = (frames - torch.tensor(spec.mean).reshape(1, 3, 1, 1, 1)) / torch.tensor(spec.std)[0]
    torch.testing.assert_close(ours, theirs)  # shown as it was trained
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(ours), network.model(theirs))


def test_flow_comes_in_the_order_and_the_levels_of_the_authors(tmp_path):
    network = trained("vgg16_flow_toy")
    scipy_io.savemat(tmp_path / "w.mat", {"net": simple_net(network.model, MEAN_FLOW)})
    loaded, _ = open_weights("vgg16_flow_toy", tmp_path / "w.mat", labels=4)
    flow = torch.randn(1, 2, 3, 64, 64) * 5  # u and v [pixels per frame]
    levels = 255 * (flow + 20) / 40 - 127.5
    shown = flow / loaded.expects.flow_scale
    torch.testing.assert_close(shown, levels, rtol=1e-5, atol=1e-4)
    stacked = torch.stack([levels[:, axis, t] for t in range(3) for axis in range(2)], dim=1)
    filtered = torch.nn.functional.conv2d(
        stacked,
        network.model.conv1_1.conv.weight[:, :, 0],
        network.model.conv1_1.conv.bias,
        padding=1,
    )
    seen = {}
    loaded.layer("conv1_1").conv.register_forward_hook(
        lambda module, taken, answer: seen.update(conv1_1=answer)
    )
    with torch.no_grad():
        answer = loaded.model(levels)
        torch.testing.assert_close(seen["conv1_1"][:, :, 0], filtered, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(answer, network.model(levels))


def test_both_streams_and_their_fusion_answer_as_they_did(tmp_path):
    network = trained("two_stream_vgg16_toy")
    scipy_io.savemat(tmp_path / "w.mat", {"net": fused_net(network.model, MEAN_FLOW + MEAN_RGB)})
    loaded, match = open_weights("two_stream_vgg16_toy", tmp_path / "w.mat", labels=4)
    assert match.complete
    assert loaded.weights_hash == network.weights_hash
    torch.testing.assert_close(loaded.model.fusion.conv.weight, network.model.fusion.conv.weight)
    assert loaded.expects.mean == pytest.approx([each / 255 for each in MEAN_RGB])
    assert loaded.expects.flow_scale == pytest.approx(40 / 255)


def test_a_mean_flow_that_no_clip_spec_can_say_is_told(tmp_path):
    network = trained("vgg16_flow_toy")
    scipy_io.savemat(tmp_path / "w.mat", {"net": simple_net(network.model, (129.0,) * 20)})
    _, match = open_weights("vgg16_flow_toy", tmp_path / "w.mat", labels=4)
    assert "a mean flow of up to 0.24 pixels per frame is not subtracted" in match.report()


def test_labels_and_a_picture_of_means_are_read():
    picture = np.arange(2 * 2 * 3, dtype="f4").reshape(2, 2, 3)
    net = read_matconvnet(
        {
            "layers": [
                {
                    "type": "conv",
                    "name": "fc8",
                    "weights": [np.ones((1, 1, 2, 3), "f4"), np.ones((1, 3))],
                },
                {"type": "softmax"},
            ],
            "meta": {
                "classes": {"name": ["n01", "n02", "n03"], "description": ["ant", "bee", "cat"]},
                "normalization": {"averageImage": picture},
            },
        }
    )
    assert net.labels == ("ant", "bee", "cat")
    assert net.mean == pytest.approx(picture.mean(axis=(0, 1)))
    assert net.arrays["fc8.weight"].shape == (3, 2, 1, 1)


VALUES = {
    "numbers": np.arange(24, dtype="f4").reshape(2, 3, 4),
    "whole": np.int16([[1, -2], [3, 4]]),
    "text": "naïve",
    "nothing": np.zeros((0, 3)),
    "nested": {"a": {"b": np.uint8([[7]])}, "c": "d"},
}


@pytest.mark.parametrize("compressed", [False, True])
def test_files_of_matlab_are_read_as_scipy_reads_them(tmp_path, compressed):
    scipy_io.savemat(tmp_path / "v.mat", VALUES, do_compression=compressed)
    found = read_matlab(memoryview(bytearray((tmp_path / "v.mat").read_bytes())))
    twin = scipy_io.loadmat(tmp_path / "v.mat")
    for name in ("numbers", "whole", "nothing"):
        np.testing.assert_array_equal(found[name], twin[name])
        assert found[name].dtype == twin[name].dtype
    assert found["text"] == "naïve"
    np.testing.assert_array_equal(found["nested"]["a"]["b"], [[7]])
    assert found["nested"]["c"] == "d"


def element(kind, content, *, size=None):
    size = len(content) if size is None else size
    return (
        kind.to_bytes(4, "little") + size.to_bytes(4, "little") + content + bytes(-len(content) % 8)
    )


def matrix(shape, content, kind=7, *, flags=b""):
    return element(
        14,
        element(6, kind.to_bytes(4, "little") + bytes(4))
        + element(5, b"".join(n.to_bytes(4, "little", signed=True) for n in shape))
        + element(1, b"net")
        + content,
    )


def mat(*elements):
    return memoryview(
        bytearray(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"".join(elements))
    )


def nested(depth):
    inner = matrix((1, 1), element(7, bytes(4)))
    for _ in range(depth):
        inner = matrix((1, 1), inner, kind=1)
    return inner


BAD = {
    "huge declared shape": (mat(matrix((2**30, 2**30), element(7, bytes(8)))), "in 8 bytes"),
    "shape below zero": (mat(matrix((-1, 2), element(7, bytes(8)))), "of the shape"),
    "cells without end": (mat(matrix((2**30, 8), bytes(16), kind=1)), "in 16 bytes"),
    "an element of gigabytes": (mat(element(14, bytes(8), size=2**31)), "ends early"),
    "cells in cells": (mat(nested(40)), "cells deep"),
    "half a header": (mat(b"\x0e\x00\x00"), "ends early"),
    "a compressed element of nothing": (mat(element(15, b"notzlib!")), "can't be unpacked"),
    "another order of bytes": (
        memoryview(b"MATLAB 5.0 MAT-file".ljust(126) + b"MI"),
        "another order",
    ),
}


@pytest.mark.parametrize(("data", "message"), BAD.values(), ids=BAD)
def test_refuses_what_a_file_of_matlab_says_and_has_not(data, message):
    with pytest.raises((DamagedError, UnsafeError), match=message):
        read_matlab(data)


def test_refuses_an_element_that_unpacks_to_more_than_weights():
    import zlib

    packed = zlib.compress(element(14, bytes(100_000_000)), 9)
    with pytest.raises(UnsafeError, match="unpacks to 100,000,008"):
        read_matlab(mat(element(15, packed)))


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
def test_refuses_a_truncated_file(tmp_path, part):
    network = trained("vgg16_frames_toy")
    scipy_io.savemat(tmp_path / "w.mat", {"net": simple_net(network.model, MEAN_RGB)})
    whole = (tmp_path / "w.mat").read_bytes()
    (tmp_path / "w.mat").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(WeightsError, match="is damaged"):
        read_checkpoint(tmp_path / "w.mat")


@pytest.mark.parametrize("found", [{"x": 1.0}, {"net": {"layers": cell([{"type": "relu"}])}}])
def test_refuses_a_file_without_a_network(tmp_path, found):
    scipy_io.savemat(tmp_path / "w.mat", found)
    with pytest.raises(WeightsError, match=r"with x in it|without weights"):
        read_checkpoint(tmp_path / "w.mat")
