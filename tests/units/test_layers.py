import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import ZOO, build_network
from kinetoscope.units.layers import list_layers
from kinetoscope.units.reading import read


def network_of(model, layers=()):
    spec = ClipSpec(frames=4, size=(8, 8), short_side=8)
    return Network(model, labels=["a", "b"], expects=spec, name="planted", layers=layers).eval()


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv3d(3, 5, 3, stride=(1, 2, 2), padding=1), nn.ReLU())
        self.relu = nn.ReLU()
        self.unused = nn.Conv3d(1, 1, 1)
        self.fc = nn.Linear(5, 2)

    def forward(self, frames):
        return self.fc(self.relu(self.relu(self.stem(frames))).mean(dim=(2, 3, 4)))


def test_tells_what_a_layer_answers_and_sees():
    stem, fc = list_layers(network_of(Small(), layers=("stem", "fc")))
    assert (stem.name, stem.kind, stem.channels) == ("stem", "Sequential", 5)
    assert stem.shape == (5, 4, 4, 4)
    assert stem.receptive_field.size == (3, 3, 3)
    assert stem.receptive_field.stride == (1, 2, 2)
    assert fc.shape == (2,)


def test_lists_every_layer_that_can_be_read_where_none_is_named():
    names = [layer.name for layer in list_layers(network_of(Small()))]
    assert names == ["stem.0", "stem.1", "stem", "fc"]
    all_names = [layer.name for layer in list_layers(network_of(Small(), ("fc",)), every=True)]
    assert all_names == names


def test_leaves_pools_out_unless_they_are_asked_for():
    model = nn.Sequential(nn.Conv3d(3, 2, 1), nn.MaxPool3d(2), nn.Flatten(), nn.Linear(64, 2))
    network = network_of(model, layers=("0", "1", "3"))
    assert [layer.name for layer in list_layers(network, pools=False)] == ["0", "3"]
    assert [layer.name for layer in list_layers(network, pools=True)] == ["0", "1", "3"]
    assert [layer.name for layer in list_layers(network, ["1"], pools=False)] == ["1"]


def test_as_json_it_has_the_size_of_the_field_and_the_stride():
    (stem,) = list_layers(network_of(Small(), layers=("stem",)))
    assert stem.to_json() == {
        "name": "stem",
        "kind": "Sequential",
        "channels": 5,
        "shape": [5, 4, 4, 4],
        "receptive_field": [3, 3, 3],
        "stride": [1, 2, 2],
        "start": [-1, -1, -1],
        "exact": True,
        "streams": {},
    }


@pytest.mark.parametrize("name", [name for name in ZOO if name.endswith("_toy")])
def test_every_layer_that_a_network_names_is_read_as_it_is_listed(name):
    network = build_network(name).eval()
    layers = list_layers(network)
    assert [layer.name for layer in layers] == list(network.layers)
    spec = network.expects
    streams = {"frames": 3, "flow": 2}
    batch = ClipBatch(
        **{name: torch.rand(2, streams[name], spec.frames, *spec.size) for name in spec.streams}
    )
    answers = read(network, batch, network.layers)
    assert {layer.name: layer.shape for layer in layers} == {
        name: tuple(answer.shape[1:]) for name, answer in answers.items()
    }
    inexact = {layer.name for layer in layers if not layer.receptive_field.exact}
    assert inexact <= {"recurrent", "label"}  # no rule follows an LSTM through its times
    assert not inexact or name.startswith("lrcn")


def test_a_network_without_memory_for_its_weights_is_listed_too():
    with torch.device("meta"):
        empty = build_network("two_stream_small")
    assert list_layers(empty) == list_layers(build_network("two_stream_small"))


@pytest.mark.parametrize(
    ("layer", "message"), [("relu", "more than once"), ("unused", "does not answer")]
)
def test_refuses_a_named_layer_that_can_not_be_read(layer, message):
    with pytest.raises(ClipError, match=message):
        list_layers(network_of(Small(), layers=(layer,)))
