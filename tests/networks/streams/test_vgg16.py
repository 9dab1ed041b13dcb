import pytest
import torch

from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.streams.vgg16 import VGG16Config, stages
from kinetoscope.networks.zoo import build_network


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize(
    ("name", "labels", "count", "gmacs"),
    [
        ("vgg16_frames", 1000, 138_357_544, 15.470),
        ("vgg16_frames", 101, 134_674_341, 15.467),
        ("vgg16_flow", 101, 134_684_133, 15.958),
    ],
)
def test_weights_and_costs_are_those_published(name, labels, count, gmacs):
    network = on_meta(name, labels=labels)
    assert network.weights_count == count
    assert multiply_adds(network) / 1e9 == pytest.approx(gmacs, abs=5e-4)


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta("vgg16_frames")), table_of("vgg16")
    assert shapes.pop("label") == (101, 1, 1, 1)
    assert shapes == {layer: table[layer] for layer in shapes}


def test_the_last_pool_gathers_as_many_chunks_as_it_is_told():
    (pool5,) = (each for each in stages(VGG16Config(), gathered=5) if each.name == "pool5")
    assert pool5.build(512)(torch.rand(1, 2, 5, 14, 14)).shape == (1, 2, 1, 7, 7)


@torch.no_grad()
def test_one_stream_alone_averages_the_scores_of_its_chunks():
    network = build_network("vgg16_flow_toy").eval()
    flow = torch.randn(1, 2, 6, 64, 64)
    halves = torch.stack([network.model(flow[:, :, :3]), network.model(flow[:, :, 3:])])
    torch.testing.assert_close(network.model(flow), halves.mean(dim=0))


@torch.no_grad()
def test_larger_frames_are_looked_at_densely():
    network = build_network("vgg16_frames_toy").eval()
    places = []
    network.layer("label").register_forward_hook(lambda *each: places.append(each[2].shape[2:]))
    network.model(torch.rand(1, 3, 1, 96, 128))
    assert places == [(1, 2, 3)]
