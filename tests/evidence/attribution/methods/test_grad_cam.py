"""Grad-CAM and its kin: equal to captum, to the formulas written out, and to pictures."""

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.grad_cam import (
    GradCAM,
    GradCAMPlusPlus,
    LayerCAM,
    layers_for,
)
from kinetoscope.evidence.attribution.methods.owed import owed_to
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.methods.pooled import (
    BOTH,
    LABELS,
    Ending,
    Fused,
    Late,
    asked,
    mean_then_linear,
    network_of,
)


def hidden():
    """Scores that are no linear function of maps."""
    return Ending(
        nn.AdaptiveAvgPool3d((1, 2, 2)), nn.Flatten(), nn.Linear(24, 8), nn.ReLU(), nn.Linear(8, 3)
    )


@pytest.fixture(scope="module")
def question():
    return asked(network_of(hidden()))


@pytest.fixture(scope="module")
def of_both():
    return asked(network_of(Fused(), BOTH))


# Equal to what is known


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("layer", ["tower", "tower.conv1"])
def test_equal_to_captum_in_space_and_time(question, layer, rectified):
    network = question.network
    theirs = LayerGradCam(network.model, network.layer(layer)).attribute(
        question.streams["frames"], target=1, relu_attributions=rectified
    )
    # The layer after conv1 works in place: captum is shown what it becomes, we what it answers.
    if layer == "tower.conv1":
        theirs = _plain_grad_cam(network, question, rectified)
    found = GradCAM(layer=layer, rectified=rectified).answer(question)
    torch.testing.assert_close(found.native["frames"], theirs[0, 0].detach())
    assert found.signed is not rectified


def _plain_grad_cam(network, question, rectified):
    """By hand at conv1, with nothing done in place."""
    tower, ending = network.model.tower, network.model.ending
    maps = tower.conv1(question.streams["frames"]).detach().requires_grad_()
    scores = ending(tower.conv2(maps.relu()).relu())
    (slope,) = torch.autograd.grad(scores[0, 1], maps)
    heat = (slope.mean((2, 3, 4), keepdim=True) * maps).sum(1, keepdim=True)
    return heat.relu() if rectified else heat


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize(("layer", "part"), [("fusion", "both"), ("motion", "flow")])
def test_equal_to_captum_for_two_streams(of_both, layer, part, rectified):
    question, network = of_both, of_both.network
    theirs = LayerGradCam(network.model, network.layer(layer)).attribute(
        tuple(question.streams.values()), target=1, relu_attributions=rectified
    )
    found = GradCAM(layer=layer, rectified=rectified).answer(question)
    assert list(found.heat) == [part]
    torch.testing.assert_close(found.native[part], theirs[0, 0].detach())


def test_grad_cam_plus_plus_agrees_with_equation_19_written_out(question):
    owed = owed_to(question, ["tower"])[1]["tower"]
    slope, maps = owed.slope[0].double().numpy(), owed.answer[0].double().numpy()
    heat = np.zeros(maps.shape[1:])
    for g, a in zip(slope, maps, strict=True):
        weight = 0.0
        for place in np.ndindex(g.shape):
            below = 2 * g[place] ** 2 + (a * g[place] ** 3).sum()
            alpha = g[place] ** 2 / below if below != 0 else 0.0
            weight += alpha * max(g[place], 0.0)
        heat += weight * a
    found = GradCAMPlusPlus().answer(question).native["frames"]
    np.testing.assert_allclose(found.numpy(), np.maximum(heat, 0), rtol=1e-4, atol=1e-6)
    assert found.max() > 0


def test_layer_cam_agrees_with_its_definition_written_out(question):
    owed = owed_to(question, ["tower"])[1]["tower"]
    slope, maps = owed.slope[0].numpy(), owed.answer[0].numpy()
    heat = np.zeros(maps.shape[1:])
    for channel, *place in np.ndindex(maps.shape):
        at = (channel, *place)
        heat[tuple(place)] += max(slope[at], 0.0) * maps[at]
    found = LayerCAM().answer(question).native["frames"]
    np.testing.assert_allclose(found.numpy(), np.maximum(heat, 0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", [GradCAM, GradCAMPlusPlus])
def test_framewise_the_weights_of_each_time_are_those_of_a_picture(question, method):
    owed = owed_to(question, ["tower"])[1]["tower"]
    found = method(over_time="framewise").answer(question).native["frames"]
    for time in range(3):
        slope, maps = owed.slope[0, :, time], owed.answer[0, :, time]
        weights = slope.mean((1, 2))
        if method is GradCAMPlusPlus:
            total = maps.sum((1, 2), keepdim=True)
            weights = (slope.relu() / (2 + slope * total)).sum((1, 2))
        expected = torch.einsum("c,chw->hw", weights, maps).relu()
        torch.testing.assert_close(found[time], expected)


def test_a_clip_of_one_frame_is_a_picture():
    torch.manual_seed(0)
    flat = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 3),
    )  # fmt: skip
    deep = nn.Sequential(
        nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1)), nn.ReLU(), nn.AdaptiveAvgPool3d((1, 2, 2)),
        nn.Flatten(), flat[4],
    )  # fmt: skip
    deep[0].weight.data, deep[0].bias.data = flat[0].weight.data[:, :, None], flat[0].bias.data
    spec = ClipSpec(frames=1, short_side=8, size=(8, 8), mean=(0.5,) * 3, std=(0.5,) * 3)
    question = asked(Network(deep, labels=LABELS, expects=spec, name="picture").eval())
    theirs = LayerGradCam(flat, flat[1]).attribute(
        question.streams["frames"][:, :, 0], target=1, relu_attributions=True
    )
    for how in ("each", "framewise", "mean", "max"):
        found = GradCAM(layer="1", over_time=how).answer(question)
        torch.testing.assert_close(found.native["frames"], theirs[0].detach())


# Promises


@pytest.mark.parametrize("method", [GradCAM, LayerCAM])
def test_doubling_the_objective_doubles_the_heat(question, method):
    once, twice = (method().answer(question.asking(n * label("run"))) for n in (1, 2))
    torch.testing.assert_close(twice.heat["frames"], 2 * once.heat["frames"])
    assert twice.value == pytest.approx(2 * once.value)


def test_over_time_the_map_becomes_its_mean_or_its_maximum(question):
    each, mean, largest = (
        GradCAM(over_time=how).answer(question).native["frames"] for how in ("each", "mean", "max")
    )
    torch.testing.assert_close(mean, each.mean(0, keepdim=True).expand(3, -1, -1))
    torch.testing.assert_close(largest, each.amax(0, keepdim=True).expand(3, -1, -1))


def test_nothing_below_the_layer_is_recorded(of_both):
    question, network = of_both, of_both.network
    recorded = {}

    def note(name):
        def hook(module, given, answer):
            recorded[name] = answer.requires_grad

        return hook

    modules = dict(network.model.named_modules())
    hooks = [module.register_forward_hook(note(name)) for name, module in modules.items()]
    GradCAM(layer="motion").answer(question)
    for hook in hooks:
        hook.remove()
    assert {name for name, grad in recorded.items() if grad} == {"fusion", "label", ""}


def test_without_a_layer_the_last_one_with_space_before_pools_is_taken():
    network = network_of(hidden())
    assert layers_for(network, label("run").bound(network)) == ("tower",)
    named = network_of(hidden(), layers=["tower.conv1", "tower", "ending.4"])
    assert layers_for(named, label("run").bound(named)) == ("tower",)


def test_streams_that_meet_in_the_scores_alone_have_a_heat_each():
    found = GradCAM().answer(asked(network_of(Late(of_probabilities=True), BOTH)))
    assert list(found.heat) == ["frames", "flow"]


def test_of_a_fused_network_with_a_tower_of_its_own_the_fused_layer_is_taken():
    network = network_of(Fused(and_motion=True), BOTH)
    assert layers_for(network, label("run").bound(network)) == ("fusion",)


def test_a_unit_is_told_of_by_its_own_layer():
    question = asked(network_of(hidden())).asking(activation(Unit("tower", 2)))
    found = GradCAM(rectified=False).answer(question).native["frames"]
    with torch.no_grad():
        own = question.network.model.tower(question.streams["frames"])[0, 2]
    torch.testing.assert_close(found * found.numel(), own)


# Tokens


class Tokens(nn.Module):
    """A class token that adds up what it is near to; the scores are read off it, or off a mean."""

    def __init__(self, *, with_class_token):
        super().__init__()
        self.patches = nn.Conv3d(3, 8, (2, 4, 4), stride=(2, 4, 4))
        self.first, self.second = Block(8), Block(8)
        self.norm, self.label = nn.LayerNorm(8), nn.Linear(8, 3)
        self.token = nn.Parameter(torch.randn(1, 1, 8)) if with_class_token else None

    def forward(self, frames):
        x = self.patches(frames).flatten(2).transpose(1, 2)
        if self.token is not None:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
        x = self.norm(self.second(self.first(x)))
        return self.label(x.mean(1) if self.token is None else x[:, 0])


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, x):
        return x + self.attention(x, x, x, need_weights=False)[0]


def transformer(*, with_class_token):
    grid = TokenGrid(size=(3, 3, 3), before=int(with_class_token))
    layers = ("patches", "first", "second", "norm", "label")
    return network_of(Tokens(with_class_token=with_class_token), layers=layers, tokens=grid)


def test_tokens_are_put_back_where_they_come_from():
    network = transformer(with_class_token=False)
    question = asked(network)
    theirs = LayerGradCam(network.model, network.model.first).attribute(
        question.streams["frames"], target=1, attr_dim_summation=False
    )
    found = GradCAM(layer="first", rectified=False).answer(question).native["frames"]
    owed = owed_to(question, ["first"])[1]["first"]
    expected = (owed.slope.mean((2, 3, 4), keepdim=True) * owed.answer).sum(1)[0]
    torch.testing.assert_close(found, expected)
    assert theirs.shape[1:] == (27, 8)  # captum takes tokens for channels


def test_with_a_class_token_the_last_layer_whose_places_it_hears_is_taken():
    question = asked(transformer(with_class_token=True))
    found = GradCAM(rectified=False).answer(question).native["frames"]
    torch.testing.assert_close(
        found, GradCAM(layer="first", rectified=False).answer(question).native["frames"]
    )
    assert found.count_nonzero() > 0


# Refusals


def test_a_layer_whose_places_are_not_heard_is_refused():
    with pytest.raises(ClipError, match="nothing of the places"):
        GradCAM(layer="norm").answer(asked(transformer(with_class_token=True)))


@pytest.mark.parametrize("method", [GradCAM, GradCAMPlusPlus, LayerCAM])
def test_a_layer_without_space_is_refused_and_those_with_space_are_named(method):
    network = network_of(mean_then_linear())
    with pytest.raises(ClipError, match=r"(?s)ending.3 has no space.*tower") as refused:
        method(layer="ending.3").check(network, label("run"))
    assert refused.value.hint.startswith("those that do: tower")


def test_a_layer_that_the_objective_does_not_hear_is_refused():
    network = network_of(Late(), BOTH)
    with pytest.raises(ClipError, match="nothing leads back"):
        GradCAM(layer="motion").check(network, activation(Unit("appearance.conv2", 0)))


def test_a_model_without_layers_with_space_is_refused():
    network = network_of(nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 12 * 12, 3)))
    with pytest.raises(ClipError, match="no layer that has space"):
        GradCAM().check(network, label("run"))


@pytest.mark.parametrize(
    ("settings", "what"), [({"layer": "tour"}, "tower"), ({"over_time": "median"}, "framewise")]
)
def test_names_that_are_not_there_are_refused(settings, what):
    with pytest.raises(UnknownNameError, match=what):
        GradCAM(**settings).check(network_of(mean_then_linear()), label("run"))


def test_grad_cam_plus_plus_of_answers_far_below_zero_is_refused():
    question = asked(network_of(Ending(nn.Hardtanh(-1e6, 0), nn.Flatten(), nn.Linear(648, 3))))
    network = question.network
    network.model.tower.rectify, network.model.tower.conv2.bias.data[:] = nn.Identity(), -1e4
    with pytest.raises(ClipError, match="no weights at layer"):
        GradCAMPlusPlus(layer="ending.0").answer(question)


def test_the_network_comes_back_as_it_went():
    network = network_of(hidden()).train()
    question = asked(network)
    hooks = {name: len(module._forward_hooks) for name, module in network.named_modules()}
    GradCAM().answer(question)
    with pytest.raises(RuntimeError, match="inside"), _failing(network.model.ending):
        GradCAM(layer="tower").answer(question)
    assert network.model.training
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())
    assert hooks == {name: len(each._forward_hooks) for name, each in network.named_modules()}


class _failing:  # noqa: N801 - reads as a verb
    def __init__(self, module):
        self._module = module

    def __enter__(self):
        self._hook = self._module.register_forward_pre_hook(self._fail)

    def __exit__(self, *raised):
        self._hook.remove()

    @staticmethod
    def _fail(*given):
        raise RuntimeError("inside")
