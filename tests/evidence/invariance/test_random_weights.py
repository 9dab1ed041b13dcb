"""A copy that has learnt nothing."""

import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.invariance.random_weights import (
    measure_normalization,
    with_random_weights,
)
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network

SPEC = ClipSpec(frames=4, short_side=8, size=(8, 8))


class Token(nn.Module):
    """Weights that nobody resets: many, and a single one."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.randn(4000) * 3 + 7)
        self.gain = nn.Parameter(torch.tensor(5.0))

    def forward(self, x):
        return x * self.gain + self.token.mean()


def wrapped(model):
    return Network(model, labels=["a", "b"], expects=SPEC, name="made", layers=["0"]).eval()


@pytest.fixture
def normalizing():
    torch.manual_seed(3)
    return wrapped(
        nn.Sequential(
            nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)
        )
    )


def clips(count=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return ClipBatch(frames=torch.rand(count, 3, 4, 8, 8, generator=generator))


def same_weights(one, other):
    pairs = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return [torch.equal(a, b) for a, b in pairs]


@pytest.fixture
def toy():
    torch.manual_seed(1)
    return build_network("two_stream_small_toy", labels=["a", "b"]).eval()


def test_all_weights_differ_and_those_of_the_original_stay(toy):
    kept = {name: weight.clone() for name, weight in toy.model.state_dict().items()}
    old = toy.weights_hash
    drawn = with_random_weights(toy, 0)
    weights = dict(drawn.model.named_parameters())
    for name, weight in toy.model.named_parameters():
        assert torch.equal(weight, kept[name])
        assert weights[name].std() == 0 or not torch.equal(weight, weights[name])
    assert toy.weights_hash == old != drawn.weights_hash
    assert drawn.layers == toy.layers
    assert drawn.expects == toy.expects


def test_a_seed_gives_the_same_weights_and_leaves_chance_outside_alone(toy):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    one, again, other = (with_random_weights(toy, seed) for seed in (5, 5, 6))
    assert torch.equal(torch.rand(3), expected)
    assert all(same_weights(one, again))
    assert not all(same_weights(one, other))


def test_modules_draw_as_they_initialize_themselves():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 8 * 8, 2))
    trained = wrapped(model)
    nn.init.constant_(model[1].weight, 9.0)
    torch.manual_seed(4)
    expected = nn.Linear(3 * 4 * 8 * 8, 2)
    drawn = with_random_weights(trained, 4)
    torch.testing.assert_close(drawn.model[1].weight, expected.weight)


def test_weights_that_nobody_resets_keep_their_mean_and_deviation():
    drawn = with_random_weights(wrapped(nn.Sequential(Token(), nn.Flatten())), 0).model[0]
    assert drawn.token.mean().item() == pytest.approx(7, abs=0.2)
    assert drawn.token.std().item() == pytest.approx(3, abs=0.2)
    assert drawn.gain.item() == 5


def test_weights_written_as_others_are_drawn_as_well():
    layer = nn.utils.parametrizations.weight_norm(nn.Conv3d(3, 2, 3))
    old = layer.weight.detach().clone()
    drawn = with_random_weights(wrapped(nn.Sequential(layer, nn.Flatten())), 0)
    assert not torch.allclose(drawn.model[0].weight, old)
    assert torch.equal(layer.weight, old)


def test_batch_normalization_begins_anew_without_clips(normalizing):
    normalizing(clips())
    normalizing.model[1].running_mean.fill_(4)
    drawn = with_random_weights(normalizing, 0)
    assert torch.equal(drawn.model[1].running_mean, torch.zeros(6))
    assert torch.equal(drawn.model[1].running_var, torch.ones(6))


def test_batch_normalization_is_measured_on_clips(normalizing):
    normalizing(clips())
    parts = [clips(seed=1), clips(seed=2)]
    drawn = with_random_weights(normalizing, 0, batches=parts)
    answers = [drawn.model[0](drawn.normalize(part).frames) for part in parts]
    means = torch.stack([answer.mean((0, 2, 3, 4)) for answer in answers]).mean(0)
    torch.testing.assert_close(drawn.model[1].running_mean, means)
    assert not drawn.model[1].training
    assert drawn.model[1].momentum == 0.1


def test_measuring_leaves_mode_and_other_layers(normalizing):
    normalizing(clips())
    normalizing.train()
    weight = normalizing.model[0].weight.clone()
    measure_normalization(normalizing, [clips()])
    assert all(module.training for module in normalizing.modules())
    assert torch.equal(normalizing.model[0].weight, weight)
