from itertools import permutations

import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.measures.streams import contributions, shapley, shares, tie_gap
from kinetoscope.units.objective import activation, label, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted
from tests.evidence.stimuli.made import made_stimulus

STREAMS = {"streams": ("frames", "flow"), "flow_scale": 2.0}


class SumAndProduct(nn.Module):
    """Of brightness and motion to the right: a weighted sum, the product, the first alone."""

    def forward(self, frames, flow):
        bright, right = frames.mean(1, keepdim=True), flow[:, :1]
        return torch.cat([3 * bright + right + 5, bright * right, bright + 0 * right], dim=1)


def two_streams():
    return planted(SumAndProduct(), 3, **STREAMS)


def bright_and_moving(objective):
    """Normalized, brightness is 1 and motion is 2."""
    frames, flow = torch.full((3, 8, 16, 16), 0.75), torch.zeros(2, 8, 16, 16)
    flow[0] = 4.0
    return made_stimulus(objective, frames=frames, flow=flow)


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (0, {"frames": 3.0, "flow": 2.0}),
        (1, {"frames": 1.0, "flow": 1.0}),
        (2, {"frames": 1.0, "flow": 0.0}),
    ],
    ids=["a sum", "a product", "one stream alone"],
)
@pytest.mark.parametrize("ask", [activation, neuron])
def test_the_planted_contributions_are_found(channel, expected, ask):
    stimulus = bright_and_moving(ask(Unit("layer", channel)))
    (found,) = contributions(two_streams(), [stimulus])
    assert found == pytest.approx(expected, abs=1e-5)


def test_they_add_up_to_what_the_stimulus_adds_to_a_blank_clip():
    torch.manual_seed(0)
    layer = nn.Conv3d(5, 4, 3, padding=1)

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, frames, flow):
            return self.layer(torch.cat([frames, flow], dim=1)).relu()

    network = planted(Mixed(), 4, **STREAMS)
    stimuli = [
        made_stimulus(
            activation(Unit("layer", channel)),
            frames=torch.rand(3, 8, 16, 16),
            flow=torch.randn(2, 8, 16, 16),
        )
        for channel in range(4)
    ]
    for stimulus, found in zip(stimuli, contributions(network, stimuli), strict=True):
        frames, flow = (stimulus.frames - 0.5) / 0.25, stimulus.flow / 2
        answers = layer(torch.cat([torch.cat([frames, flow])[None], torch.zeros(1, 5, 8, 16, 16)]))
        both, blank = answers.relu()[:, stimulus.objective.unit.channel].mean((1, 2, 3)).tolist()
        assert sum(found.values()) == pytest.approx(both - blank, abs=1e-5)


def test_each_stimulus_is_measured_by_itself():
    network = two_streams()
    stimuli = [
        bright_and_moving(objective)
        for objective in (label("unit 1"), activation(Unit("layer", 0)), neuron(Unit("layer", 2)))
    ]
    together = contributions(network, stimuli)
    assert together == [each for one in stimuli for each in contributions(network, [one])]
    assert contributions(network, stimuli, clips_at_once=2) == together
    assert contributions(network, stimuli[::-1]) == together[::-1]


def test_a_network_of_one_stream_owes_everything_to_it():
    network = planted(nn.Conv3d(3, 2, 1), 2)
    network.model.layer.weight.data.fill_(1.0)
    bright = made_stimulus(activation(Unit("layer", 1)), frames=torch.full((3, 8, 16, 16), 0.9))
    (found,) = contributions(network, [bright])
    assert shares(found) == {"frames": 1.0}


def test_what_hinders_has_a_share_below_zero_and_nothing_has_none():
    assert shares({"frames": 3.0, "flow": -1.0}) == {"frames": 1.5, "flow": -0.5}
    assert shares({"frames": 1.0, "flow": -1.0}) == {}
    assert shares({"frames": 0.0, "flow": 0.0}) == {}


def test_shapley_values_agree_with_all_orders_written_out():
    torch.manual_seed(0)
    players = ("a", "b", "c")
    subsets = [
        frozenset(p for p, bit in zip(players, f"{n:03b}", strict=True) if bit == "1")
        for n in range(8)
    ]
    worth = {subset: torch.randn(5) for subset in subsets}
    expected = dict.fromkeys(players, torch.zeros(5))
    for order in permutations(players):
        for place, player in enumerate(order):
            before = frozenset(order[:place])
            expected[player] = expected[player] + (worth[before | {player}] - worth[before]) / 6
    found = shapley(worth, players)
    for player in players:
        torch.testing.assert_close(found[player], expected[player])


def test_the_gap_is_the_share_that_is_lost():
    unit = activation(Unit("layer", 0))
    free, tied = (made_stimulus(unit, activation=value) for value in (4.0, 3.0))
    assert tie_gap(free, tied) == pytest.approx(0.25)
    assert tie_gap(made_stimulus(unit, activation=0.0), tied) is None


def test_stimuli_of_different_questions_are_not_compared():
    free = made_stimulus(activation(Unit("layer", 0)))
    with pytest.raises(ClipError, match="slowness 5"):
        tie_gap(free, made_stimulus(activation(Unit("layer", 0)), slowness=5.0))
    with pytest.raises(ClipError, match="layer:1"):
        tie_gap(free, made_stimulus(activation(Unit("layer", 1))))


def test_the_network_comes_back_as_it_went():
    network = two_streams().train()
    contributions(network, [bright_and_moving(label("unit 0"))])
    assert all(module.training for module in network.modules())
