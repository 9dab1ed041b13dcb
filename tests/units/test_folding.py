"""Planted networks: which batch normalizations go into a convolution, and which may not."""

import copy
import threading

import pytest
import torch
from torch import nn
from torchvision.models.video import r3d_18

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import evaluating
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.folding import folded
from kinetoscope.units.reading import read

SPEC = ClipSpec(frames=4, stride=1, short_side=12, size=(12, 12))


class Planted(nn.Module):
    """A convolution, a norm and a rectifier twice, then the mean of each channel."""

    def __init__(self):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv3d(3, 4, 3, padding=1), nn.BatchNorm3d(4)
        self.conv2, self.norm2 = nn.Conv3d(4, 5, 3, bias=False), nn.BatchNorm3d(5)

    def forward(self, frames):
        x = self.norm1(self.conv1(frames)).relu()
        return self.norm2(self.conv2(x)).relu().mean(dim=(2, 3, 4))


class ElsewhereToo(Planted):
    """The first convolution's answer goes past its norm as well."""

    def forward(self, frames):
        x = self.conv1(frames)
        x = self.norm1(x).relu() + 0.1 * x
        return self.norm2(self.conv2(x)).relu().mean(dim=(2, 3, 4))


class Twice(Planted):
    """The first convolution and its norm are called twice."""

    def forward(self, frames):
        x = self.norm1(self.conv1(frames)) + self.norm1(self.conv1(frames.flip(2)))
        return self.norm2(self.conv2(x.relu())).relu().mean(dim=(2, 3, 4))


class Around(Planted):
    """A module around the first convolution answers what that one does."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(self.conv1)


class Doubled(nn.Conv3d):
    """No convolution, though it is one by descent."""

    def forward(self, input):
        return 2 * super().forward(input)


class ByDescent(Planted):
    def __init__(self):
        super().__init__()
        self.conv1 = Doubled(3, 4, 3, padding=1)


def settle(model):
    """Norms as training leaves them."""
    torch.manual_seed(0)
    for norm in norms(model):
        if norm.running_mean is not None:
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2.0)
        nn.init.uniform_(norm.weight, -2.0, 2.0)
        nn.init.normal_(norm.bias)
    return model.eval()


def norms(model):
    return [each for each in model.modules() if isinstance(each, nn.BatchNorm3d)]


def network_of(model, labels=5, spec=SPEC, layers=()):
    return as_network(
        settle(model), labels=numbered(labels), expects=spec, name="planted", layers=layers
    )


def same(one, other, layers):
    spec = one.expects
    chance = torch.Generator().manual_seed(1)
    batch = ClipBatch(
        frames=torch.rand(2, 3, spec.frames, *spec.size, generator=chance),
        flow=torch.randn(2, 2, spec.frames, *spec.size, generator=chance),
    )
    with torch.inference_mode(), evaluating(one):
        answers = [read(each, batch, layers) for each in (one, other)]
        scores = [each.scores(batch) for each in (one, other)]
    torch.testing.assert_close(*answers, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(*scores, rtol=1e-4, atol=1e-4)


def test_norms_go_into_their_convolutions_and_the_network_stays_as_it_was():
    network = network_of(Planted())
    before = copy.deepcopy(network.state_dict())
    lean = folded(network, ["norm2"])
    assert [type(lean.layer(name)) for name in ("norm1", "norm2")] == [nn.Identity, nn.BatchNorm3d]
    same(network, folded(network, []), ["norm1", "norm2"])
    assert len(norms(folded(network, []))) == 0
    assert len(norms(network)) == 2
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


@pytest.mark.parametrize("layer", ["conv1", "norm1"])
def test_what_is_wanted_stays(layer):
    network = network_of(Planted())
    lean = folded(network, [layer])
    assert len(norms(lean)) == 1
    same(network, lean, [layer])


def test_a_module_around_a_convolution_is_wanted():
    network = network_of(Around())
    lean = folded(network, ["conv1"])
    assert len(norms(lean)) == 1
    same(network, lean, ["conv1"])


@pytest.mark.parametrize("model", [ElsewhereToo, Twice, ByDescent])
def test_a_convolution_whose_answer_is_not_its_norms_alone_stays(model):
    network = network_of(model())
    lean = folded(network, ["norm2"])
    assert len(norms(lean)) == 2
    lean = folded(network, [])
    assert isinstance(lean.layer("norm1"), nn.BatchNorm3d)
    same(network, lean, ["norm2"])


def test_a_norm_that_looks_at_the_clips_stays():
    model = Planted()
    model.norm1 = nn.BatchNorm3d(4, track_running_stats=False)
    assert isinstance(folded(network_of(model), []).layer("norm1"), nn.BatchNorm3d)
    training = network_of(Planted())
    training.layer("norm1").train()
    assert isinstance(folded(training, []).layer("norm1"), nn.BatchNorm3d)


def test_a_convolution_that_somebody_listens_to_stays():
    network = network_of(Planted())
    network.layer("conv1").register_forward_hook(lambda module, given, answer: 2 * answer)
    lean = folded(network, [])
    assert len(norms(lean)) == 1
    same(network, lean, ["norm2"])


def test_a_network_that_can_not_be_copied_or_rehearsed_is_used_as_it_is():
    network = network_of(Planted())
    network.model.lock = threading.Lock()
    assert folded(network, []) is network

    class Choosy(Planted):
        def forward(self, frames):
            return super().forward(frames if frames.sum().item() > 0 else -frames)

    network = network_of(Choosy())
    assert folded(network, []) is network


def test_a_network_without_norms_is_used_as_it_is():
    network = build_network("c3d_toy", labels=["walk", "run"]).eval()
    assert folded(network, network.layers) is network


class Rectified(Planted):
    """With rectifiers of its own; what the second is given goes past it as well."""

    def __init__(self):
        super().__init__()
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, frames):
        x = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(frames)))))
        return (self.relu2(x) - 0.1 * x).mean(dim=(2, 3, 4))


def test_a_rectifier_writes_over_what_it_alone_is_given():
    network = network_of(Rectified())
    layers = ["relu1", "relu2", "norm2"]
    assert [folded(network, []).layer(name).inplace for name in layers[:2]] == [True, False]
    assert not folded(network, ["norm1"]).layer("relu1").inplace
    assert not network.layer("relu1").inplace
    same(network, folded(network, layers), layers)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["two_stream_small_toy", "i3d_toy", "slowfast_toy"])
def test_networks_of_the_zoo_have_no_norm_left(name):
    network = build_network(name, labels=["walk", "run"]).eval()
    settle(network.model)
    lean = folded(network, network.layers)
    assert norms(network)
    assert not norms(lean)
    same(network, lean, list(network.layers))


@pytest.mark.slow
def test_a_published_network_has_no_norm_left():
    spec = ClipSpec(frames=4, size=(32, 32))
    network = as_network(
        r3d_18(weights=None).eval(), labels=numbered(400), expects=spec, name="r3d_18"
    )
    assert not norms(folded(network, network.layers))
