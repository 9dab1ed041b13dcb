import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.streams.resnet50 import ResNet50Config, Unit, build
from kinetoscope.networks.streams.tower_weights import picture_name
from kinetoscope.networks.zoo import build_network

BACKBONE = 25_557_032 - 2048 * 1000 - 1000
"""ResNet-50 of 1000 labels, without its last layer."""


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize(
    ("name", "labels", "count"),
    [
        ("resnet50_frames", 1000, 25_557_032),
        ("resnet50_frames", 101, BACKBONE + 2049 * 101),
        ("resnet50_flow", 101, BACKBONE + 2049 * 101 + 17 * 64 * 49),
    ],
)
def test_weights_are_as_many_as_published(name, labels, count):
    assert on_meta(name, labels=labels).weights_count == count


def test_it_costs_what_is_published():
    assert multiply_adds(on_meta("resnet50_frames", labels=1000)) / 1e9 == pytest.approx(
        4.089, abs=5e-4
    )


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta("resnet50_frames")), table_of("resnet50")
    shown = [layer for layer in shapes if layer in table]
    assert shown[:2] == ["conv1", "pool1"]
    assert len(shown) == 11
    assert {layer: shapes[layer] for layer in shown} == {layer: table[layer] for layer in shown}


@pytest.mark.slow
@torch.no_grad()
def test_a_tower_answers_what_torchvision_answers():
    torch.manual_seed(0)
    theirs = torchvision.models.resnet50(weights=None).eval()
    for norm in theirs.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.5, 2)
    tower = build(ResNet50Config()).eval()
    weights = theirs.state_dict()
    state = {
        name: weights.get(picture_name(name), each) for name, each in tower.state_dict().items()
    }
    tower.load_state_dict(
        {name: each.reshape(tower.state_dict()[name].shape) for name, each in state.items()}
    )
    frame = torch.randn(1, 3, 96, 128)
    maps = create_feature_extractor(theirs, ["layer4"])
    found = tower.run(frame[:, :, None], until="res5c_relu")
    torch.testing.assert_close(found[:, :, 0], maps(frame)["layer4"], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_a_unit_that_sees_time_starts_as_one_that_does_not():
    torch.manual_seed(0)
    unit = Unit(8, 8, time=3).eval()
    torch.manual_seed(0)
    still = torch.randn(1, 8, 1, 4, 4).expand(-1, -1, 5, -1, -1)
    of_one = Unit(8, 8).eval()
    for name in ("a", "c"):
        weight = getattr(unit, name).conv.weight
        assert torch.equal(weight[:, :, 0], weight[:, :, 1])
        getattr(of_one, name).conv.weight.copy_(weight.sum(dim=2, keepdim=True))
    of_one.b.load_state_dict(unit.b.state_dict())
    torch.testing.assert_close(unit(still)[:, :, 2], of_one(still)[:, :, 2])


@torch.no_grad()
def test_a_unit_finds_residues_in_what_it_is_told_to_look_at():
    unit = Unit(8, 8).eval()
    x, seen = torch.randn(2, 1, 8, 2, 4, 4)
    torch.testing.assert_close(unit(x, seen), x + unit(seen) - seen)
    assert torch.equal(unit(x, x), unit(x))
