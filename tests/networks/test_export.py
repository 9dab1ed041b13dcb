import json

import onnxruntime
import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS, ClipSpec
from kinetoscope.errors import ExportError, MissingPackageError
from kinetoscope.networks import export
from kinetoscope.networks.export import TOLERANCE, export_network
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import ZOO, build_network

# For ONNX, which is made from the same graph as a .pt2 and takes longer: one network for each kind
# of operations, with its settings.
IN_ONNX = {
    "two_stream_vgg16_toy": {},  # two streams that meet, two predictions
    "c3d_toy": {},
    "single_frame_toy": {},  # brightness norm
    "i3d_nl_toy": {},  # batch norm, attention
    "lrcn_alexnet_toy": {},  # long short-term memory
    "gru_rcn_vgg16_toy": {"steps": 2},  # a loop over time
    "dsts_two_stream_small_toy": {},  # convolutions whose weights a clip chooses
}

# Put together from parts of others, or shown the other stream: they have no operation of their own,
# and take a third of the time of all.
PUT_TOGETHER = {
    *("vgg16_flow_toy", "cnn_m_flow_toy", "resnet50_flow_toy", "i3d_inception_flow_toy"),
    *("two_stream_resnet50_toy", "two_stream_i3d_toy", "two_stream_cnn_m_toy", "st_resnet50_toy"),
    "two_stream_inception_toy",
}
TOYS = [name for name in ZOO if name.endswith("_toy") and name not in {*PUT_TOGETHER, *IN_ONNX}]

TINY = "two_stream_small_toy"  # of two streams


def clips_of(network, count, *, seed=1):
    spec, generator = network.expects, torch.Generator().manual_seed(seed)
    streams = {
        name: torch.rand((count, CHANNELS[name], spec.frames, *spec.size), generator=generator)
        for name in spec.streams
    }
    return ClipBatch(**streams), tuple(streams.values())


def agrees(network, answer, streams_of_count):
    network.eval()
    for count in streams_of_count:
        batch, streams = clips_of(network, count)
        with torch.no_grad():
            torch.testing.assert_close(answer(*streams), network(batch), rtol=0, atol=TOLERANCE)


@pytest.fixture
def tiny():
    return build_network(TINY, labels=["walk", "run", "jump"])


@pytest.mark.slow
@pytest.mark.parametrize("name", TOYS)
def test_each_network_answers_the_same_as_a_graph_of_pytorch(name, tmp_path):
    network = build_network(name)
    written = export_network(network, tmp_path / "a.pt2")
    assert written.difference <= TOLERANCE
    agrees(network, torch.export.load(written.path).module(), [1, 3])


@pytest.mark.slow
@pytest.mark.parametrize("name", IN_ONNX)
def test_each_kind_of_operations_answers_the_same_in_onnx(name, tmp_path):
    network = build_network(name, **IN_ONNX[name])
    written = export_network(network, tmp_path / "a.onnx")
    assert written.difference <= TOLERANCE
    agrees(network, in_onnx(written.path), [1, 3])


def in_onnx(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]

    def answer(*streams):
        named = zip(names, (stream.numpy() for stream in streams), strict=True)
        return torch.from_numpy(session.run(["probabilities"], dict(named))[0])

    return answer


@pytest.mark.slow
def test_a_network_of_torchvision_answers_the_same_in_onnx(tmp_path):
    spec = ClipSpec(frames=4, short_side=32, size=(32, 32))
    network = build_network("r3d_18", labels=3, expects=spec)
    written = export_network(network, tmp_path / "a.onnx")
    agrees(network, in_onnx(written.path), [1, 3])


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".pt2", ".onnx"])
def test_the_file_alone_says_how_it_wants_to_be_used(tiny, ending, tmp_path):
    written = export_network(tiny, tmp_path / f"a{ending}")
    if ending == ".pt2":
        beside = {"kinetoscope.json": ""}
        torch.export.load(written.path, extra_files=beside)
        about = json.loads(beside["kinetoscope.json"])
    else:
        session = onnxruntime.InferenceSession(written.path)
        about = json.loads(session.get_modelmeta().custom_metadata_map["kinetoscope"])
        assert session.get_inputs()[1].shape == ["clip", 2, 8, 32, 32]
        assert session.get_outputs()[0].shape == ["clip", 3]
    assert about["labels"] == ["walk", "run", "jump"]
    assert about["weights"] == tiny.weights_hash
    assert ClipSpec.from_json(about["expects"]) == tiny.expects
    assert [each["name"] for each in about["inputs"]] == ["frames", "flow"]
    assert about["inputs"][0]["shape"] == ["clip", 3, 8, 32, 32]
    assert about["inputs"][0]["holds"] == "RGB in [0, 1]"
    assert about["outputs"] == [
        {"name": "probabilities", "shape": ["clip", 3], "axes": "clip label"}
    ]
    assert set(about["versions"]) == {"kinetoscope", "torch"}


@pytest.mark.slow
def test_a_network_comes_back_as_it_went(tiny, tmp_path):
    tiny.model.train()
    tiny.model.appearance.eval()
    before = {name: weight.clone() for name, weight in tiny.state_dict().items()}
    modes = [each.training for each in tiny.modules()]
    export_network(tiny, tmp_path / "a.pt2")
    assert [each.training for each in tiny.modules()] == modes
    assert all(torch.equal(before[name], weight) for name, weight in tiny.state_dict().items())
    assert all(weight.requires_grad for weight in tiny.model.parameters())


@pytest.mark.slow
def test_a_fixed_number_of_clips_is_the_only_one(tiny, tmp_path):
    written = export_network(tiny, tmp_path / "a.onnx", clips=2)
    assert written.takes["flow"] == (2, 2, 8, 32, 32)
    agrees(tiny, in_onnx(written.path), [2])
    _, streams = clips_of(tiny, 3)
    with pytest.raises(Exception, match="Expected: 2"):
        in_onnx(written.path)(*streams)


def of_module(module, *, name="mine"):
    spec = ClipSpec(frames=2, short_side=8, size=(8, 8))
    return Network(module, labels=("red", "green", "blue"), expects=spec, name=name)


class Colour(nn.Module):
    """Scores each colour by its mean."""

    def forward(self, frames):
        return frames.mean(dim=(2, 3, 4))


class Noisy(Colour):
    def forward(self, frames):
        return super().forward(frames + torch.rand_like(frames))


class Choosing(Colour):
    def forward(self, frames):
        scores = super().forward(frames)
        return scores if frames.sum() > 0 else -scores


class Counting(Colour):
    def forward(self, frames):
        return super().forward(frames).reshape(len(frames), 3)  # len() is never left open


class Bessel(Colour):
    def forward(self, frames):
        return super().forward(torch.special.bessel_j0(frames))


def test_what_has_no_weights_is_exported_too(tmp_path):
    written = export_network(of_module(Colour()), tmp_path / "a.pt2")
    assert written.answers == ("clip", 3)


@pytest.mark.parametrize(
    ("module", "ending", "message"),
    [
        (Noisy(), ".pt2", "(?s)answers otherwise .* draws random numbers"),
        (Choosing(), ".pt2", "(?s)can't be written down as a graph.*data-dependent.*clips=1"),
        (Counting(), ".pt2", "(?s)You marked clip as dynamic but.*clips=1"),
        (Bessel(), ".onnx", "(?s)can't be written as ONNX.*prims.bessel_j0.*No ONNX function"),
        (Colour(), ".pb", "(?s)in which format.*got:      .pb.*.pt2 for PyTorch"),
        (Colour(), "", "no ending"),
    ],
    ids=["random", "values decide", "clips are counted", "not in onnx", "format", "no format"],
)
def test_refuses_what_can_not_be_written_and_leaves_no_file(
    module, ending, message, tmp_path, capfd
):
    with pytest.raises(ExportError, match=message):
        export_network(of_module(module), tmp_path / f"a{ending}")
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().err == ""


def test_a_model_that_counts_its_clips_is_exported_for_one_number_of_them(tmp_path):
    written = export_network(of_module(Counting()), tmp_path / "a.pt2", clips=2)
    assert written.answers == (2, 3)


def test_a_file_that_was_there_stays_where_exporting_fails(tmp_path):
    (tmp_path / "a.pt2").write_text("before")
    with pytest.raises(ExportError):
        export_network(of_module(Noisy()), tmp_path / "a.pt2")
    assert (tmp_path / "a.pt2").read_text() == "before"


def test_refuses_a_network_without_weights(tmp_path):
    with torch.device("meta"):
        network = build_network("c3d")
    with pytest.raises(ExportError, match="c3d has no weights"):
        export_network(network, tmp_path / "a.pt2")


def test_refuses_more_weights_than_one_onnx_file_holds(tmp_path):
    module = Colour()
    module.register_buffer("much", torch.empty(1).expand(2**29 + 1))  # one number, shown often
    with pytest.raises(ExportError, match=r"2\.00 GiB of weights"):
        export_network(of_module(module), tmp_path / "a.onnx")


def test_says_which_extra_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda package: None)
    with pytest.raises(MissingPackageError, match=r'pip install "kinetoscope\[onnx\]"'):
        export_network(of_module(Colour()), tmp_path / "a.onnx")


@pytest.mark.slow
def test_says_where_onnx_was_not_checked(tmp_path, monkeypatch):
    installed = export.find_spec
    monkeypatch.setattr(
        export, "find_spec", lambda name: None if name == "onnxruntime" else installed(name)
    )
    written = export_network(of_module(Colour()), tmp_path / "a.onnx")
    assert written.difference is None
    assert written.path.exists()
