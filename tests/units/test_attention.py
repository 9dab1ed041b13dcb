import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.non_local import add_non_local
from kinetoscope.networks.others.adapters import as_network
from kinetoscope.units.attention import attention_from


class Halved(nn.Module):
    """A layer whose places lie at every second frame and every second pixel: its own channels."""

    def __init__(self):
        super().__init__()
        self.every_second = nn.Conv3d(3, 4, 1, stride=2, bias=False)
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.label = nn.Linear(4, 2)
        with torch.no_grad():
            self.every_second.weight.copy_(torch.eye(4, 3).reshape(4, 3, 1, 1, 1))

    def forward(self, frames):
        return self.label(self.pool(self.every_second(frames)).flatten(1))


@pytest.fixture
def network():
    spec = ClipSpec(
        frames=6, size=(16, 24), short_side=16, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
    )
    return as_network(Halved(), labels=["a", "b"], expects=spec, layers=["every_second"])


def clip_with(*places):
    """Black, but for white pixels at (frame, row, column)."""
    frames = torch.zeros(3, 6, 16, 24)
    for frame, row, column in places:
        frames[:, frame, row, column] = 1.0
    return Clip(frames=frames, seconds=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5))


@pytest.mark.parametrize("kind", ["gaussian", "dot-product", "concatenation"])
@pytest.mark.parametrize("layer", ["every_second", "every_second.non_local"])
def test_white_sees_the_only_other_white(network, kind, layer):
    added = add_non_local(network, ["every_second"], kind=kind, subsample="none")
    block = added.layer("every_second.non_local")
    with torch.no_grad():
        for weight in [*block.theta.parameters(), *block.phi.parameters()]:
            weight.fill_(1.0 if weight.ndim == 5 else 0.0)
        for weight in block.pairwise.parameters():
            weight.fill_(1.0)
    found = attention_from(added, clip_with((0, 2, 4), (4, 8, 20)), layer, (0, 2, 4))
    assert found.query == (0, 2, 4)
    assert {point for point, _ in found.top(2)} == {(0, 2, 4), (4, 8, 20)}
    assert found.weights.shape == (3, 8, 12)


def test_a_pooled_place_lies_in_the_middle_of_those_it_stands_for(network):
    added = add_non_local(network, ["every_second"])
    found = attention_from(added, clip_with((4, 8, 20)), "every_second", (4.9, 8.4, 20.9))
    assert found.query == (4, 8, 20)
    assert found.times == (0, 2, 4)
    assert found.rows == (1, 5, 9, 13)
    assert found.columns == (1, 5, 9, 13, 17, 21)
    assert found.weights.sum().item() == pytest.approx(1)


def test_highest_weights_come_first(network):
    added = add_non_local(network, ["every_second"], kind="gaussian")
    found = attention_from(added, clip_with((4, 8, 20)), "every_second", (4, 8, 20))
    weights = [weight for _, weight in found.top(20)]
    assert len(weights) == 20
    assert weights == sorted(weights, reverse=True)
    assert found.top(1)[0][0] == (4, 9, 21)


def test_the_network_is_left_as_it_was(network):
    added = add_non_local(network, ["every_second"]).train()
    attention_from(added, clip_with((4, 8, 20)), "every_second", (4, 8, 20))
    assert all(module.training for module in added.modules())
    assert not any(module._forward_hooks for module in added.modules())
    assert added.layer("every_second.non_local.norm").num_batches_tracked == 0


def test_refuses_a_layer_without_a_block(network):
    with pytest.raises(ClipError, match="add_non_local"):
        attention_from(network, clip_with((0, 0, 0)), "every_second", (0, 0, 0))


def test_refuses_a_layer_that_is_not_there(network):
    added = add_non_local(network, ["every_second"])
    with pytest.raises(UnknownNameError, match="near: every_second"):
        attention_from(added, clip_with((0, 0, 0)), "every_secon", (0, 0, 0))


@pytest.mark.parametrize("query", [(6, 0, 0), (0, 16, 0), (0, 0, -1)])
def test_refuses_points_outside_of_the_clip(network, query):
    added = add_non_local(network, ["every_second"])
    with pytest.raises(ClipError, match="lies outside of the clip"):
        attention_from(added, clip_with((0, 0, 0)), "every_second", query)
