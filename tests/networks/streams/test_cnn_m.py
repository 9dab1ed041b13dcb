import pytest
import torch

from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.streams.cnn_m import CNNMConfig, stages
from kinetoscope.networks.streams.towers import Tower
from kinetoscope.networks.zoo import build_network


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize(
    ("name", "count", "gmacs"),
    [("cnn_m_frames", 90_627_813, 1.664), ("cnn_m_flow", 90_707_781, 2.614)],
)
def test_weights_and_costs_are_those_published(name, count, gmacs):
    network = on_meta(name)
    assert network.weights_count == count
    assert multiply_adds(network) / 1e9 == pytest.approx(gmacs, abs=5e-4)


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta("cnn_m_frames")), table_of("cnn_m")
    assert shapes.pop("label") == (101, 1, 1, 1)
    assert shapes == {layer: table[layer] for layer in shapes}


def test_flow_has_no_second_brightness_norm():
    assert "norm2" in on_meta("cnn_m_frames").layers
    assert "norm2" not in on_meta("cnn_m_flow").layers


@torch.no_grad()
def test_brightness_norm_agrees_with_its_definition_written_out():
    norm = build_network("cnn_m_frames_toy").layer("norm1")
    maps = 20 * torch.rand(1, 8, 1, 2, 2)
    expected = torch.empty_like(maps)
    for channel in range(8):
        near = maps[:, max(0, channel - 2) : channel + 3].square().sum(dim=1)
        expected[:, channel] = maps[:, channel] / (2 + 5e-4 / 5 * near) ** 0.75
    torch.testing.assert_close(norm(maps), expected)


@torch.no_grad()
def test_steady_flow_does_not_see_the_camera_move():
    torch.manual_seed(0)
    config = CNNMConfig(stream="flow", chunk=3, channels=(2, 3, 4, 4, 5), hidden=8, size=64)
    tower = Tower(stages(config), stream="flow", chunk=3, least=(3, 64, 64), steady=True).eval()
    flow = torch.randn(1, 2, 3, 64, 64)
    moving = flow + torch.tensor([3.0, -2.0])[:, None, None, None]
    torch.testing.assert_close(tower(moving), tower(flow))
    unsteady = build_network("cnn_m_flow_toy").eval().model
    assert not torch.allclose(unsteady(moving), unsteady(flow))


@torch.no_grad()
def test_larger_frames_are_looked_at_densely():
    network = build_network("cnn_m_frames_toy").eval()
    places = []
    network.layer("label").register_forward_hook(lambda *each: places.append(each[2].shape[2:]))
    network.model(torch.rand(1, 3, 1, 96, 128))
    assert places == [(1, 2, 3)]
