import copy

import pytest
import torch
import torchvision
from captum.attr import Deconvolution, GuidedBackprop, Saliency
from torch import nn
from torch.nn import functional as F

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.units.backward import RULES, backward_rule, check_led_back
from tests.units.test_softening import FORMS, Functional

forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
rules = pytest.mark.parametrize("rule", RULES)


def led_back(call, x, rule, weights=None):
    """What the weighted sum of an answer owes to x."""
    x = x.clone().requires_grad_()
    with backward_rule(rule):
        answer = call(x)
    check_led_back(answer, rule)
    weights = torch.ones_like(answer) if weights is None else weights
    (answer * weights).sum().backward()
    return x.grad


# Known answer

X = torch.tensor([-2.0, 3.0, -5.0, 7.0])
G = torch.tensor([1.0, 1.0, -1.0, -1.0])
EXPECTED = {
    "gradient": [0.0, 1.0, 0.0, -1.0],
    "deconvolved": [1.0, 1.0, 0.0, 0.0],
    "guided": [0.0, 1.0, 0.0, 0.0],
}


@rules
def test_a_rectifier_lets_back_what_its_rule_says(rule):
    found = led_back(lambda x: F.relu(1 * x), X, rule, G)
    torch.testing.assert_close(found, torch.tensor(EXPECTED[rule]))


@pytest.mark.parametrize("rule", ["deconvolved", "guided"])
@forms
def test_every_form_of_rectifier_is_caught_and_answers_the_same(form, rule):
    x = X.clamp(max=5.0)
    found = led_back(lambda x: form(1 * x), x, rule, G)
    torch.testing.assert_close(found, torch.tensor(EXPECTED[rule]))
    with backward_rule(rule):
        answer = form(1 * x.clone().requires_grad_())
    assert torch.equal(answer, form(1 * x))


def test_a_ceiling_stops_the_guided_way_alone():
    x = torch.tensor([9.0])
    assert led_back(lambda x: F.relu6(1 * x), x, "gradient").item() == 0.0
    assert led_back(lambda x: F.relu6(1 * x), x, "deconvolved").item() == 1.0
    assert led_back(lambda x: F.relu6(1 * x), x, "guided").item() == 0.0


def test_pools_lead_back_to_where_their_maxima_were():
    x = torch.tensor([[[1.0, 4.0, 3.0, 2.0]]])
    found = led_back(lambda x: F.relu(F.max_pool1d(x, 2)), x, "deconvolved")
    torch.testing.assert_close(found, torch.tensor([[[0.0, 1.0, 1.0, 0.0]]]))


def test_local_response_normalization_is_skipped():
    x = torch.rand(1, 4, 3, 3)
    norm = nn.LocalResponseNorm(3, alpha=5.0)
    torch.testing.assert_close(led_back(norm, x, "deconvolved"), torch.ones_like(x))
    assert not led_back(norm, x, "gradient").allclose(torch.ones_like(x))


# Slow twin


class Written(nn.Module):
    """A rectifier that leads back by a rule, by hooks on what it was given and has answered."""

    def __init__(self, rule):
        super().__init__()
        self.rule = rule

    def forward(self, x):
        open_ = (x > 0).float()
        through = 1 * x
        if self.rule != "gradient":
            through.register_hook(lambda g: g * (g > 0))
        if self.rule != "deconvolved":
            return through * open_
        return through + (open_ * x - x).detach()


def written(model, rule):
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, Written(rule))
    return model


@pytest.mark.slow
@rules
def test_a_residual_network_agrees_with_rectifiers_written_out(rule):
    torch.manual_seed(0)
    model = torchvision.models.resnet.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
    model = model.eval().requires_grad_(False)
    x = torch.randn(1, 3, 32, 32)
    twin = x.clone().requires_grad_()
    written(model, rule)(twin)[0, 7].backward()
    weights = F.one_hot(torch.tensor([7]), 1000).float()
    found = led_back(model, x, rule, weights)
    torch.testing.assert_close(
        found, twin.grad, rtol=1e-3, atol=1e-4 * twin.grad.abs().max().item()
    )


# Equality with captum, on rectifiers that are modules


class Chain(nn.Sequential):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__(
            *(nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6), nn.ReLU(), nn.MaxPool3d(2)),
            *(nn.Conv3d(6, 5, 2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(4)),
        )


@pytest.mark.parametrize(
    ("rule", "method", "settings"),
    [
        ("deconvolved", Deconvolution, {}),
        ("guided", GuidedBackprop, {}),
        ("gradient", Saliency, {"abs": False}),
    ],
    ids=RULES,
)
@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_agrees_with_captum(rule, method, settings):
    model = Chain().eval()
    x = torch.randn(2, 3, 6, 9, 9)
    model(x)
    model.requires_grad_(False)
    expected = method(model).attribute(x.clone().requires_grad_(), target=2, **settings)
    weights = F.one_hot(torch.tensor([2, 2]), 4).float()
    torch.testing.assert_close(led_back(model, x, rule, weights), expected.detach())


# Promises


@pytest.mark.parametrize("rule", ["deconvolved", "guided"])
def test_functions_and_shared_modules_are_as_modules_of_their_own(rule):
    torch.manual_seed(0)
    model = Functional().requires_grad_(False)
    model.relu = nn.ReLU()  # in place it would change what is added
    x = torch.randn(2, 3, 4, 6, 6)

    def twin(x):
        relu = Written(rule)
        x = relu(model.first(x))
        x = relu(model.second(x) - 0.1) + x
        return relu(relu(x - 0.2) - 0.5 * relu(x)).flatten(1).sum(1)

    expected = x.clone().requires_grad_()
    twin(expected).sum().backward()
    torch.testing.assert_close(led_back(model, x, rule), expected.grad)


def test_without_rectifiers_all_rules_agree():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv3d(3, 4, 3), nn.MaxPool3d(2), nn.Conv3d(4, 2, 1))
    model.requires_grad_(False)
    x = torch.randn(1, 3, 6, 6, 6)
    gradient, *others = (led_back(model, x, rule) for rule in RULES)
    assert all(torch.equal(gradient, other) for other in others)


@rules
def test_nothing_is_left_behind_even_by_an_error(rule):
    model = Functional().eval()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    x = torch.randn(1, 3, 3, 3, 3)
    answer = model(x)
    led_back(copy.deepcopy(model).requires_grad_(False), x, rule)
    with pytest.raises(RuntimeError, match="channels"), backward_rule(rule):
        model(torch.randn(1, 2, 3, 3, 3))
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert torch.equal(model(x), answer)
    assert not any(module._forward_hooks for module in model.modules())
    leaf = torch.tensor([-1.0]).requires_grad_()
    F.relu(leaf).backward()
    assert leaf.grad is not None
    assert leaf.grad.item() == 0.0


# Refusals


class Gate(nn.Module):
    def forward(self, x):
        return x * x.mean(dim=1, keepdim=True)


class Attention(nn.Module):
    def forward(self, x):
        flat = x.flatten(2)
        return (flat.transpose(1, 2) @ flat).softmax(dim=2)


STRANGE = {
    "GELU": (nn.GELU(), "Gelu"),
    "SiLU": (nn.SiLU(), "Silu"),
    "LeakyReLU": (nn.LeakyReLU(), "LeakyRelu"),
    "sigmoid": (torch.sigmoid, "Sigmoid"),
    "gate": (Gate(), "Mul of two signals"),
    "attention": (Attention(), "Bmm of two signals, Softmax"),
    "clamp that rectifies nothing": (lambda x: x.clamp(min=-1.0), "Clamp"),
    "where": (lambda x: torch.where(x > 0, x, 0.0), "Where"),
    "maximum": (lambda x: torch.maximum(x, torch.zeros_like(x)), "Maximum with a constant"),
    "mask": (lambda x: x * (x > 0), "Mul by a mask"),
    "mask that was detached": (lambda x: x * (x.detach() > 0).float(), "Mul by a mask"),
    "absolute value": (lambda x: (x + x.abs()) / 2, "Abs"),
    "masked fill": (lambda x: x.masked_fill(x < 0, 0.0), "MaskedFill"),
    "operator": (torch.ops.aten.relu, "Relu"),
    "norm of a layer": (nn.LayerNorm(4, elementwise_affine=False), "NativeLayerNorm"),
}


@pytest.mark.parametrize(("call", "got"), STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("rule", ["deconvolved", "guided"])
def test_refuses_what_it_has_no_way_back_for_and_says_what_fits(call, got, rule):
    x = torch.randn(2, 3, 4, 4)
    with pytest.raises(ClipError, match="fits any network is gradient") as refused:
        led_back(lambda x: call(F.relu(2 * x) - 0.5), x, rule)
    assert refused.value.got == got
    led_back(lambda x: call(F.relu(2 * x) - 0.5), x, "gradient")


@pytest.mark.filterwarnings("ignore:.torch.jit.script")
def test_refuses_a_scripted_rectifier_which_is_out_of_sight():
    scripted = torch.jit.script(nn.ReLU())
    with pytest.raises(ClipError, match="has no guided view"):
        led_back(lambda x: scripted(2 * x), X, "guided")


def test_refuses_a_rule_that_is_none():
    with pytest.raises(UnknownNameError, match="near: deconv"), backward_rule("deconvolve"):
        pass
