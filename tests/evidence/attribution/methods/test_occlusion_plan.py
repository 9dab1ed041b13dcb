"""How much is computed anew, counted by hand."""

import pytest
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.methods.occlusion import Occlusion, plan_of
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit


class Pair(nn.Module):
    """A convolution that sees three places each way, then one that sees one."""

    def __init__(self):
        super().__init__()
        self.wide = nn.Conv3d(3, 2, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.narrow = nn.Conv3d(2, 2, 1, bias=False)

    def forward(self, frames):
        return self.narrow(self.wide(frames).relu()).mean((2, 3, 4))


@pytest.fixture
def network():
    spec = ClipSpec(frames=2, short_side=8, size=(8, 8))
    return Network(Pair(), labels=["a", "b"], expects=spec, name="pair").eval()


def test_the_share_of_a_layer_is_what_its_windows_see_of_a_box(network):
    found = plan_of(Occlusion(box=(1, 8, 4), stride=(1, 8, 4)), network, label("a"))
    assert found.boxes == found.counted == 4
    wide, narrow = found.layers
    assert (wide.layer, wide.whole) == ("wide", 2 * 64 * 9 * 3 * 2)
    assert (narrow.layer, narrow.whole) == ("narrow", 2 * 64 * 2 * 2)
    assert wide.share == narrow.share == 5 / 16  # one of 2 frames, 5 of 8 columns
    assert found.share == 5 / 16
    assert found.gain == pytest.approx(4 / (4 * 5 / 16 + 1))


def test_what_lies_behind_the_objectives_layer_is_not_counted(network):
    found = plan_of(Occlusion(box=(1, 8, 4)), network, activation(Unit("wide", 0)))
    assert [row["layer"] for row in found.rows()] == ["wide"]


def test_it_is_told_as_a_table(network):
    told = str(plan_of(Occlusion(box=(1, 8, 4), stride=(1, 8, 4)), network, label("a")))
    assert told.splitlines()[1].split() == ["wide", "0.0", "31.2%"]
    assert told.endswith("4 boxes: 1.8 times fewer than in full passes")


def test_the_network_is_left_as_it_was(network):
    before = [each.clone() for each in network.parameters()]
    plan_of(Occlusion(box=(1, 8, 4)), network, label("a"))
    assert all(map(torch.equal, before, network.parameters()))
    assert all(each.requires_grad for each in network.parameters())
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_a_model_that_looks_at_values_is_run_in_earnest(network):
    forward = network.model.forward
    network.model.forward = lambda x: forward(x + 1 if bool(x.sum() > 0) else x)
    assert plan_of(Occlusion(box=(1, 8, 4), stride=(1, 8, 4)), network, label("a")).share > 0.3


def test_boxes_that_do_not_fit_are_refused(network):
    with pytest.raises(ClipError, match="3 frames"):
        plan_of(Occlusion(box=(3, 4, 4)), network, label("a"))
