"""Class activation maps: their mean and the bias are the score, or there is none."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.class_maps import CAM, averaged_layers
from kinetoscope.evidence.attribution.methods.grad_cam import GradCAM
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.methods.pooled import (
    BOTH,
    FRAMES,
    Beside,
    Ending,
    Fused,
    Late,
    asked,
    linear_then_mean,
    mean_then_linear,
    network_of,
)


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3, 4))


class Quarters(nn.Module):
    def forward(self, x):
        return F.avg_pool3d(x, (3, 3, 3)).flatten(1)


def overlapping():
    """As I3D ends: windows of an average that overlap in time, scores, and their mean."""
    windows = nn.AvgPool3d((2, 6, 6), stride=1)
    return Ending(windows, nn.Conv3d(6, 3, 1), nn.AdaptiveAvgPool3d(1), nn.Flatten())


@pytest.fixture(scope="module")
def question():
    return asked(network_of(mean_then_linear()))


def test_a_map_that_is_known_by_hand():
    maps, head = nn.Conv3d(3, 2, 1, bias=False), nn.Linear(2, 1)
    lighter_and_darker = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1, 1)
    maps.weight.data = lighter_and_darker.repeat(1, 3, 1, 1, 1)
    head.weight.data, head.bias.data = torch.tensor([[3.0, -1.0]]), torch.tensor([0.5])
    model = nn.Sequential(maps, nn.ReLU(), Mean(), head)
    network = Network(model, labels=["light"], expects=FRAMES, name="planted").eval()
    frames = torch.full((3, 6, 12, 12), 0.5)
    frames[:, 2, 4, 5], frames[:, 3, 0, 0] = 1.0, 0.25  # three times 1, and -0.5, when normalized
    found = CAM().answer(Question.about(network, Clip(frames=frames), label("light")))
    expected = torch.zeros(6, 12, 12)
    expected[2, 4, 5], expected[3, 0, 0] = 3 * 3.0, -1 * 1.5
    torch.testing.assert_close(found.heat["frames"], expected)
    assert found.facts == {"bias": 0.5}
    assert found.signed


@pytest.mark.parametrize("model", [mean_then_linear, linear_then_mean, overlapping])
def test_the_mean_of_the_map_and_the_bias_are_the_score(model):
    question = asked(network_of(model()))
    found = CAM().answer(question)
    score = found.native["frames"].mean().item() + found.facts["bias"]
    assert score == pytest.approx(question.value, rel=1e-5)
    assert found.value == pytest.approx(question.value, rel=1e-6)
    assert found.native["frames"].shape == (3, 6, 6)
    assert found.heat["frames"].shape == (6, 12, 12)


def test_the_map_of_a_mean_and_a_linear_head_is_as_it_was_published(question):
    network, head = question.network, question.network.model.ending[3]
    with torch.no_grad():
        maps = network.model.tower(question.streams["frames"])[0]
    expected = torch.einsum("c,cthw->thw", head.weight[1], maps)
    torch.testing.assert_close(CAM().answer(question).native["frames"], expected)


def test_grad_cam_of_the_same_layer_is_that_map_for_each_place(question):
    plain = GradCAM(layer="tower", rectified=False).answer(question).native["frames"]
    torch.testing.assert_close(plain * plain.numel(), CAM().answer(question).native["frames"])


def test_two_towers_whose_scores_are_averaged_have_a_map_each():
    question = asked(network_of(Late(), BOTH))
    found = CAM().answer(question)
    assert list(found.native) == ["frames", "flow"]
    means = sum(each.mean().item() for each in found.native.values())
    assert means + found.facts["bias"] == pytest.approx(question.value, rel=1e-5)


def test_fused_streams_have_one_map():
    question = asked(network_of(Fused(), BOTH))
    with pytest.raises(ClipError, match="Relu between"):  # behind the fusion it has no module
        CAM().check(question.network, question.objective)


def test_over_time_the_map_becomes_its_mean_or_its_maximum(question):
    each, mean, largest = (
        CAM(over_time=how).answer(question).native["frames"] for how in ("each", "mean", "max")
    )
    torch.testing.assert_close(mean, each.mean(0, keepdim=True).expand(3, -1, -1))
    torch.testing.assert_close(largest, each.amax(0, keepdim=True).expand(3, -1, -1))


def test_doubling_the_objective_doubles_the_map_and_the_bias(question):
    once, twice = (CAM().answer(question.asking(n * label("run"))) for n in (1, 2))
    torch.testing.assert_close(twice.heat["frames"], 2 * once.heat["frames"])
    assert twice.facts["bias"] == pytest.approx(2 * once.facts["bias"])


def test_a_difference_of_scores_has_a_map_too(question):
    question = question.asking(label("run") - label("walk"))
    found = CAM().answer(question)
    mean = found.native["frames"].mean().item()
    assert mean + found.facts["bias"] == pytest.approx(question.value, rel=1e-4)


def test_the_map_of_a_channel_is_its_own(question):
    question = question.asking(activation(Unit("tower", 2)))
    with torch.no_grad():
        own = question.network.model.tower(question.streams["frames"])[0, 2]
    torch.testing.assert_close(CAM().answer(question).native["frames"], own)


@pytest.mark.parametrize(
    ("model", "expects", "why"),
    [
        pytest.param(
            lambda: Ending(Mean(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)),
            FRAMES,
            "Relu between",
            id="hidden layer",
        ),
        pytest.param(
            lambda: Ending(nn.Flatten(), nn.Linear(6 * 3 * 6 * 6, 3)),
            FRAMES,
            "no average over places",
            id="no mean",
        ),
        pytest.param(
            lambda: Late(of_probabilities=True), BOTH, "Softmax", id="mean of probabilities"
        ),
        pytest.param(Beside, FRAMES, "goes around", id="a way around the maps"),
        pytest.param(
            lambda: Ending(nn.AdaptiveMaxPool3d(1), nn.Flatten(), nn.Linear(6, 3)),
            FRAMES,
            "MaxPool",
            id="maximum",
        ),
    ],
)
def test_scores_that_are_no_linear_function_of_a_mean_are_refused(model, expects, why):
    network = network_of(model(), expects)
    with pytest.raises(ClipError, match=why):
        CAM().check(network, label("run"))


def test_channels_that_weigh_otherwise_at_each_place_are_refused():
    question = asked(network_of(Ending(Quarters(), nn.Linear(6 * 4, 3))))
    with pytest.raises(ClipError, match="at each place"):
        CAM().answer(question)


def test_a_pooling_over_time_that_is_not_there_is_refused(question):
    with pytest.raises(UnknownNameError, match="mean"):
        CAM(over_time="framewise").check(question.network, label("run"))


@pytest.mark.slow
def test_the_layer_is_found_in_a_network_of_the_zoo():
    question = asked(build_network("two_stream_small", labels=["walk", "run", "jump"]).eval())
    assert averaged_layers(question.network, question.objective) == ("conv4",)
    found = CAM().answer(question)
    mean = found.native["both"].mean().item()
    assert mean + found.facts["bias"] == pytest.approx(question.value, rel=1e-4, abs=1e-6)
