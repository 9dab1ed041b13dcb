from dataclasses import replace

import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.networks.pictures.lenet5 import (
    OF_FOUR,
    OF_THREE,
    VARIANTS,
    LeNet5Config,
    TableConv,
    build,
)
from kinetoscope.networks.pictures.picture_zoo import picture_network
from tests.networks.pictures.picture_shapes import count, shapes_of_layers, without_time

GREY = LeNet5Config(channels=1)


def test_weights_are_as_many_as_in_the_paper():
    assert count(build(GREY)) == 60_840
    layers = {name: count(each) for name, each in build(GREY).named_children()}
    assert layers == {
        "least": 0,
        "C1": 156,
        "S2": 12,
        "C3": 1_516,
        "S4": 32,
        "C5": 48_120,
        "F6": 10_164,
        "label": 840,
        "mean": 0,
    }


def test_weights_are_as_many_as_it_is_often_built_with():
    assert count(build(replace(GREY, modern=True))) == 61_706


def test_shapes_are_those_of_the_table(table_of):
    shapes, table = shapes_of_layers(build(VARIANTS["lenet5"]), "lenet5"), table_of("lenet5")
    assert {layer: shapes[layer] for layer in table} == without_time(table)
    assert shapes["label"] == (10, 1, 1)


def test_a_map_of_c3_depends_on_those_maps_of_s2_that_the_table_says():
    torch.manual_seed(0)
    conv = TableConv()
    for place, seen in enumerate((*OF_THREE, *OF_FOUR, tuple(range(6)))):
        maps = torch.zeros(1, 6, 5, 5, requires_grad=True)
        conv(maps)[0, place].sum().backward()
        moved = maps.grad.abs().sum(dim=(0, 2, 3)) > 0
        assert tuple(moved.nonzero().flatten().tolist()) == seen


def test_a_score_is_minus_the_squared_distance_from_what_stands_for_the_label():
    torch.manual_seed(0)
    label = build(GREY).label
    seen = torch.randn(2, 84, 1, 1)
    stands = label.weight[:, :, 0, 0]
    expected = -(seen[:, None, :, 0, 0] - stands).square().sum(dim=2)
    torch.testing.assert_close(label(seen)[:, :, 0, 0], expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("modern", [False, True])
def test_gradients_reach_every_weight(modern):
    torch.manual_seed(0)
    model = build(replace(VARIANTS["lenet5_toy"], modern=modern))
    model(torch.randn(2, 3, 32, 32)).square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in model.parameters())


def test_a_larger_picture_is_looked_at_at_every_place():
    model = picture_network("lenet5_toy").eval()
    assert model(torch.randn(1, 3, 40, 36)).shape == (1, 3)


def test_refuses_pictures_that_are_too_small():
    with pytest.raises(ClipError, match="28 x 28"):
        picture_network("lenet5_toy")(torch.empty(1, 3, 28, 28))
