import pytest
import torch

from kinetoscope.networks.pictures.network_in_network import VARIANTS, build
from tests.networks.pictures.picture_shapes import count, shapes_of_layers, without_time


def on_meta(name):
    with torch.device("meta"):
        return build(VARIANTS[name])


@pytest.mark.parametrize(("name", "weights"), [("nin_imagenet", 7_595_176), ("nin_cifar", 966_986)])
def test_weights_are_as_many_as_in_the_authors_models(name, weights):
    assert count(on_meta(name)) == weights


def test_shapes_are_those_of_the_table(table_of):
    shapes = shapes_of_layers(on_meta("nin_imagenet"), "nin_imagenet")
    table = without_time(table_of("network_in_network"))
    assert {layer: shapes[layer] for layer in table} == table
    assert shapes["cccp8"] == (1000, 6, 6)


def test_places_for_cifar_are_those_of_the_table(table_of):
    shapes = shapes_of_layers(on_meta("nin_cifar"), "nin_cifar")
    table = {
        layer: (each[-2:])
        for layer, each in table_of("network_in_network").items()
        if layer in shapes
    }
    assert {layer: shapes[layer][1:] for layer in ("conv1", "pool1", "pool2", "cccp6")} == {
        "conv1": (32, 32),
        "pool1": (16, 16),
        "pool2": (8, 8),
        "cccp6": (8, 8),
    }
    assert len(table) == 11


@torch.no_grad()
def test_a_score_is_the_mean_of_its_map():
    torch.manual_seed(0)
    model, picture = build(VARIANTS["nin_toy"]).eval(), torch.rand(2, 3, 32, 32)
    maps = {}
    model.cccp6.register_forward_hook(lambda module, taken, answer: maps.update(last=answer))
    torch.testing.assert_close(model(picture), maps["last"].mean(dim=(2, 3)))


@torch.no_grad()
def test_a_perceptron_answers_at_a_place_what_a_full_connection_answers_there():
    torch.manual_seed(0)
    model = build(VARIANTS["nin_toy"])
    seen = torch.rand(1, 4, 5, 5)
    here = seen[:, :, 2, 3] @ model.cccp1.conv.weight[:, :, 0, 0].T + model.cccp1.conv.bias
    torch.testing.assert_close(model.cccp1(seen)[:, :, 2, 3], here.relu())


def test_gradients_reach_every_weight():
    torch.manual_seed(0)
    model = build(VARIANTS["nin_toy"])
    model(torch.rand(4, 3, 32, 32)).square().sum().backward()
    assert all(each.grad is not None for each in model.parameters())
