import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.belief.cascade import cascade, layers_from_output
from kinetoscope.networks.network import Network
from tests.evidence.attribution.belief.known import joined


class Shortcut(nn.Module):
    """A block with a way past it, and a weight of its own that belongs to no layer."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.block = nn.Sequential(nn.Conv3d(4, 4, 1), nn.ReLU(), nn.Conv3d(4, 4, 1))
        self.first = nn.Conv3d(3, 4, 1)
        self.unused = nn.Linear(2, 2)

    def forward(self, frames):
        x = self.first(frames)
        x = x + self.block(x)
        return self.last(x.mean((2, 3, 4)))


def shortcut(layers=()):
    torch.manual_seed(0)
    spec = ClipSpec(frames=2, short_side=4, size=(4, 4))
    return Network(Shortcut(), labels=["a", "b"], expects=spec, name="shortcut", layers=layers)


BATCH = ClipBatch(frames=torch.rand(4, 3, 2, 4, 4))


def test_layers_are_told_from_the_output_also_past_a_shortcut():
    found = layers_from_output(shortcut(), BATCH)
    assert [[*level] for level in found] == [
        ["last"],
        ["block.2"],
        ["block.0"],
        ["first"],
        ["unused"],
    ]


def test_a_layer_that_the_network_names_stays_together():
    found = layers_from_output(shortcut(["first", "block", "last"]), BATCH)
    assert found[1] == {"block": ["block.0", "block.2"]}


def test_each_stage_draws_more_and_the_network_stays_as_it_is():
    network = shortcut()
    before = {name: weight.clone() for name, weight in network.model.state_dict().items()}
    drawn = []
    for stage in cascade(network, [BATCH], stages=3):
        found = stage.network.model.state_dict()
        drawn.append({name for name in before if not torch.equal(found[name], before[name])})
        assert stage.network.weights_hash != network.weights_hash
    assert drawn[0] == {
        f"{layer}.{part}" for layer in ("last", "block.2") for part in ("weight", "bias")
    }
    assert drawn[0] < drawn[1] < drawn[2] == set(before)
    assert stage.last
    assert all(torch.equal(network.model.state_dict()[name], before[name]) for name in before)


def test_normalization_is_measured_once_its_weights_are_random():
    question = joined()
    norm = question.network.model.norm
    batch = ClipBatch.of([question.clip] * 2)
    first, *_, last = [
        stage.network.model.norm.running_mean.clone()
        for stage in cascade(question.network, [batch], stages=3)
    ]
    assert torch.equal(first, norm.running_mean)
    assert not torch.equal(last, norm.running_mean)


def test_the_same_seed_draws_the_same_weights():
    found = []
    for seed in (1, 1, 2):
        *_, last = cascade(shortcut(), [BATCH], seed=seed)
        found.append(last.network.model.first.weight)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
