import pytest
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.cost import Cost, cost_of, multiply_adds
from kinetoscope.networks.network import Network
from kinetoscope.networks.trial import run
from kinetoscope.networks.zoo import ZOO, build_network

SMALL = ClipSpec(frames=4, short_side=16, size=(16, 16))
COUNTED = [name for name, row in ZOO.items() if getattr(row, "gmacs", None)]


def on_meta(name):
    with torch.device("meta"):
        return build_network(name)


def network_of(model):
    return Network(model, labels=["a", "b"], expects=SMALL, name="planted")


class Attending(nn.Module):
    """Attention over 4 frames of 3 features, then one score a label."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(3, 1, batch_first=True)
        self.fc = nn.Linear(3, 2)

    def forward(self, frames):
        tokens = frames.mean(dim=(3, 4)).movedim(1, 2)
        attended, _ = self.attend(tokens, tokens, tokens, need_weights=False)
        return self.fc(attended.mean(dim=1))


class Remembering(nn.Module):
    """An LSTM of 5 features over 4 frames of 3."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 5, batch_first=True)
        self.fc = nn.Linear(5, 2)

    def forward(self, frames):
        return self.fc(self.lstm(frames.mean(dim=(3, 4)).movedim(1, 2))[0][:, -1])


class LooksAtValues(nn.Module):
    """Computes a convolution before it does what shapes alone do not allow."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 2, 1)

    def forward(self, frames):
        x = self.conv(frames)
        return x.mean(dim=(2, 3, 4)) if x.sum().item() < 1e9 else x.amax(dim=(2, 3, 4))


def test_attention_is_counted_apart_from_the_layers():
    found = cost_of(network_of(Attending()))
    assert found == Cost(layers=4 * (9 + 3 * 3 * 3) + 3 * 2, products=2 * 4 * 4 * 3)
    assert multiply_adds(network_of(Attending())) == found.total == found.layers + found.products


def test_recurrent_layers_are_counted():
    assert multiply_adds(network_of(Remembering())) == 4 * 4 * 5 * (3 + 5) + 5 * 2


def test_a_module_that_looks_at_values_is_counted_once():
    assert multiply_adds(network_of(LooksAtValues())) == 3 * 2 * 4 * 16 * 16


@pytest.mark.parametrize(
    ("name", "gmacs"),
    [("r3d_18", 40.70), ("mc3_18", 43.34), ("r2plus1d_18", 40.52), ("c3d", 38.55)],
)
def test_the_cost_is_the_published_one(name, gmacs):
    assert multiply_adds(on_meta(name)) / 1e9 == pytest.approx(gmacs, abs=0.005)


def test_agrees_with_counting_layer_by_layer():
    network, counted = on_meta("two_stream_small"), []

    def count(module, taken, answer):
        counted.append(answer[0].numel() * module.weight[0].numel())

    for module in network.modules():
        if isinstance(module, nn.Conv3d | nn.Linear):
            module.register_forward_hook(count)
    run(network.model, network.expects)
    assert sum(counted) == multiply_adds(network)


def test_the_network_is_left_as_it_was():
    network = network_of(Attending()).train()
    multiply_adds(network)
    assert all(module.training for module in network.modules())
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("name", COUNTED)
def test_the_table_says_what_a_view_costs(name):
    assert multiply_adds(on_meta(name)) / 1e9 == pytest.approx(ZOO[name].gmacs, rel=0.01)
