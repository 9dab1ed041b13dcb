import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.networks.zoo import build_network


@pytest.mark.parametrize(
    ("labels", "count"), [(101, 78_409_573), (400, 79_634_576), (487, 79_991_015)]
)
def test_weights_are_as_many_as_published(labels, count):
    with torch.device("meta"):
        network = build_network("c3d", labels=labels)
    assert network.weights_count == count


def test_convolutions_have_as_many_weights_as_published():
    with torch.device("meta"):
        weights = build_network("c3d").model.named_parameters()
    assert sum(each.numel() for name, each in weights if name.startswith("conv")) == 27_655_936


@pytest.mark.parametrize("name", ["c3d", "c3d_toy"])
def test_shapes_are_those_of_the_table(name, shapes_of, table_of):
    with torch.device("meta"):
        network = build_network(name, labels=5)
    shapes, table = shapes_of(network), table_of("c3d")
    assert shapes.pop("label") == (5, 1, 1, 1)
    places = {layer: shape[1:] for layer, shape in shapes.items()}
    assert places == {layer: table[layer][1:] for layer in shapes}
    if name == "c3d":
        assert shapes == {layer: table[layer] for layer in shapes}


def test_a_larger_clip_is_looked_at_at_every_place():
    network = build_network("c3d_toy").eval()
    clip = torch.rand(1, 3, 16, 112, 112)
    larger = torch.cat([clip, clip], dim=2)  # twice as long: scores of two halves, averaged
    assert network.model(larger).shape == network.model(clip).shape


def test_refuses_clips_that_are_too_short():
    network = build_network("c3d_toy")
    with pytest.raises(ClipError, match="8 frames of 112 x 112"):
        network.model(torch.rand(1, 3, 8, 112, 112))
