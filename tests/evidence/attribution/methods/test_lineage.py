"""Layers are found by what is computed from what."""

import gc
import weakref

import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.methods.lineage import lineage_of
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.methods.pooled import (
    BOTH,
    Beside,
    Fused,
    Late,
    mean_then_linear,
    network_of,
)

RUN = label("run")


@pytest.mark.parametrize(
    ("model", "expects", "expected"),
    [(Fused, BOTH, ("fusion",)), (Late, BOTH, ("motion", "appearance"))],
)
def test_the_layers_heard_first_are_where_ways_end(model, expects, expected):
    lineage = lineage_of(network_of(model(), expects))
    heard = lineage.heard(RUN, [name for name in lineage.spacious() if "." not in name])
    assert heard.layers == expected
    assert not heard.clip


def test_a_way_around_the_layers_leads_to_the_clip():
    lineage = lineage_of(network_of(Beside()))
    assert lineage.heard(RUN, ["tower"]).clip


def test_operations_are_told_with_how_many_signals_they_join():
    lineage = lineage_of(network_of(mean_then_linear()))
    passed = dict(lineage.heard(RUN, ["tower"]).operations)
    assert passed["Mean"] == 1
    assert "Relu" not in passed
    assert "Relu" in dict(lineage.heard(RUN, ["tower.conv1"]).operations)


def test_of_layers_that_answer_the_same_the_first_is_told():
    lineage = lineage_of(network_of(mean_then_linear()))
    for names in (["tower", "tower.rectify"], ["tower.rectify", "tower"]):
        assert lineage.heard(RUN, names).layers == (names[0],)


def test_a_unit_hears_its_own_layer_and_nothing_above_it():
    lineage = lineage_of(network_of(mean_then_linear()))
    unit = activation(Unit("tower.conv1", 0))
    assert lineage.heard(unit, ["tower", "tower.conv1"]).layers == ("tower.conv1",)
    assert lineage.heard(unit, ["tower"]).layers == ()


class ByValue(nn.Module):
    """Looks at values, which a rehearsal does not have."""

    def __init__(self):
        super().__init__()
        self.maps, self.label = nn.Conv3d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, frames):
        x = self.maps(frames)
        return self.label((x if x.sum().item() > 1e9 else -x).mean((2, 3, 4)))


def test_a_model_that_looks_at_values_is_followed_on_a_blank_clip():
    network = network_of(ByValue())
    assert lineage_of(network).heard(RUN, ["maps"]).layers == ("maps",)
    assert all(weight.requires_grad for weight in network.parameters())


def test_a_model_that_fails_is_refused():
    network = network_of(nn.Sequential(nn.Conv3d(4, 3, 1)))
    with pytest.raises(ClipError, match="fails on clips"):
        lineage_of(network)


def test_a_network_is_rehearsed_once_and_can_be_forgotten():
    network = network_of(mean_then_linear())
    before = torch.get_rng_state()
    lineage = lineage_of(network)
    assert lineage_of(network) is lineage
    assert torch.equal(before, torch.get_rng_state())
    alive = weakref.ref(network)
    del network
    gc.collect()
    assert alive() is None
