import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.networks.pictures.picture_zoo import picture_network
from kinetoscope.networks.pictures.zfnet import VARIANTS, build
from tests.networks.pictures.picture_shapes import count, shapes_of_layers, without_time


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return build(VARIANTS["zfnet_toy"])


def test_weights_are_as_many_as_the_papers_figure_gives():
    convolutions = [14_208, 614_656, 885_120, 1_327_488, 884_992]
    full = [37_752_832, 16_781_312, 4_097_000]
    with torch.device("meta"):
        model = build(VARIANTS["zfnet"])
    layers = [count(each) for _, each in model.named_children() if count(each)]
    assert layers == [*convolutions, *full]
    assert count(model) == 62_357_608


@pytest.mark.parametrize("name", ["zfnet", "zfnet_toy"])
def test_shapes_are_those_of_the_table(name, table_of):
    with torch.device("meta"):
        model = build(VARIANTS[name])
    shapes, table = shapes_of_layers(model, name), without_time(table_of("zfnet"))
    places = {layer: shape[1:] for layer, shape in shapes.items() if layer in table}
    assert places == {layer: shape[1:] for layer, shape in table.items()}
    if name == "zfnet":
        assert {layer: shapes[layer] for layer in table} == table


def test_gradients_reach_every_weight(toy):
    toy(torch.rand(1, 3, 224, 224)).square().sum().backward()
    assert all(each.grad is not None for each in toy.parameters())


def test_the_norm_divides_by_what_neighbouring_maps_answer(toy):
    maps = torch.rand(1, 8, 2, 2)
    squares = torch.nn.functional.pad(maps.square(), (0, 0, 0, 0, 2, 2))
    near = torch.stack([squares[:, start : start + 8] for start in range(5)]).sum(dim=0)
    torch.testing.assert_close(toy.norm1(maps), maps / (2 + 1e-4 * near) ** 0.75)


def test_a_larger_picture_is_looked_at_at_every_place(toy):
    assert toy.eval()(torch.rand(1, 3, 256, 288)).shape == (1, 3)


def test_refuses_pictures_that_are_too_small():
    with pytest.raises(ClipError, match="200 x 224"):
        picture_network("zfnet_toy")(torch.empty(1, 3, 200, 224))
