import copy

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from kinetoscope.errors import ClipError
from kinetoscope.units.softening import softened

LEAK = 0.3

FORMS = {
    "module": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": lambda x: F.relu(x, inplace=True),
    "F.relu in place by position": lambda x: F.relu(x, True),
    "F.relu by name": lambda x: F.relu(input=x),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "method": lambda x: x.relu(),
    "method in place": lambda x: x.relu_(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp in place": lambda x: x.clamp_(min=0.0),
    "torch.clamp": lambda x: torch.clamp(x, 0),
    "clip": lambda x: x.clip(0),
    "clamp_min": lambda x: x.clamp_min(0),
    "threshold": nn.Threshold(0.0, 0.0),
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "hardtanh": nn.Hardtanh(0.0, 6.0),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def leaking(x):
    """A rectifier whose gradient leaks, written out."""
    return torch.where(x > 0, x, LEAK * (x - x.detach()))


def gradient_of(call, x, leak=0.0):
    x = x.clone().requires_grad_()
    with softened(leak):
        answer = call(2 * x)
    (answer * torch.arange(answer.numel()).reshape(answer.shape)).sum().backward()
    return answer.detach(), x.grad


@forms
def test_every_form_of_rectifier_leaks_and_answers_the_same(form):
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    answer, gradient = gradient_of(form, x, LEAK)
    _, expected = gradient_of(leaking, x)
    torch.testing.assert_close(gradient, expected)
    assert torch.equal(answer, form(2 * x))


@forms
def test_in_place_or_not_is_as_it_was(form):
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    one, other = 2 * x, 2 * x
    plain = form(one)
    with softened(LEAK):
        leaky = form(other)
    assert (leaky is other) == (plain is one)
    assert torch.equal(one, other)


def test_a_part_can_be_rectified_in_place():
    def half(x):
        x[:, :2].relu_()
        return x

    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    answer, gradient = gradient_of(half, x, LEAK)
    _, expected = gradient_of(lambda x: torch.cat([leaking(x[:, :2]), x[:, 2:]], dim=1), x)
    torch.testing.assert_close(gradient, expected)
    assert torch.equal(answer, half(2 * x))


def test_what_was_rectified_can_be_changed_in_place():
    def go_on(x):
        return x.clamp(min=0).add_(1.0).mul_(2.0)

    x = torch.tensor([-1.0, 1.0])
    torch.testing.assert_close(gradient_of(go_on, x, LEAK)[1], torch.tensor([0.0, 4.0]))


def test_a_ceiling_stays_shut_and_what_is_no_rectifier_stays_as_it_is():
    x = torch.tensor([-2.0, 0.5, 9.0])
    ones = torch.ones(3)
    for call, expected in (
        (nn.ReLU6(), [LEAK, 1.0, 0.0]),
        (lambda x: x.clamp(min=-1.0), [0.0, 1.0, 1.0]),
        (lambda x: x.clamp(max=0.0), [1.0, 0.0, 0.0]),
        (nn.GELU(), None),
    ):
        leaf, other = x.clone().requires_grad_(), x.clone().requires_grad_()
        with softened(LEAK):
            call(leaf).backward(ones)
        call(other).backward(ones)
        torch.testing.assert_close(
            leaf.grad, other.grad if expected is None else torch.tensor(expected)
        )


class Functional(nn.Module):
    """Rectifies by functions, and by one module that is called twice."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv3d(3, 4, 3), nn.Conv3d(4, 4, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.relu(self.first(x))
        x = self.relu(self.second(x) - 0.1) + x
        return torch.relu(F.relu(x - 0.2) - 0.5 * x.relu()).flatten(1).sum(1)


class WithTwins(nn.Module):
    """The same with the rectifier written out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        x = leaking(self.model.first(x))
        x = leaking(self.model.second(x) - 0.1) + x
        return leaking(leaking(x - 0.2) - 0.5 * leaking(x)).flatten(1).sum(1)


class Leaking(nn.Module):
    def forward(self, x):
        return leaking(x)


def replaced(model):
    """A copy in which every module that rectifies is the one written out."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                setattr(module, name, Leaking())
    return model


def answer_and_gradient(model, x, leak=0.0):
    x = x.clone().requires_grad_()
    with softened(leak):
        answer = model(x)
    answer.square().sum().backward()
    return answer.detach(), x.grad


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        pytest.param(torchvision.models.resnet18, (1, 3, 32, 32), marks=pytest.mark.slow),
        pytest.param(torchvision.models.video.r3d_18, (1, 3, 4, 16, 16), marks=pytest.mark.slow),
        (Functional, (2, 3, 4, 6, 6)),
    ],
    ids=["resnet18", "r3d_18", "functional"],
)
def test_networks_get_the_gradient_of_rectifiers_that_leak(build, shape):
    torch.manual_seed(0)
    model = build().eval()
    twin = WithTwins(model) if isinstance(model, Functional) else replaced(model)
    x = torch.randn(shape)
    plain, without = answer_and_gradient(model, x)
    answer, gradient = answer_and_gradient(model, x, LEAK)
    assert torch.equal(answer, plain)
    largest = gradient.abs().max()
    torch.testing.assert_close(
        gradient, answer_and_gradient(twin, x)[1], rtol=1e-3, atol=1e-4 * largest.item()
    )
    assert (gradient - without).abs().max() > 0.01 * largest
    after, again = answer_and_gradient(model, x)
    assert torch.equal(after, plain)
    assert torch.equal(again, without)


def test_a_transformer_without_rectifiers_is_as_it_was():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True).eval()
    x = torch.randn(2, 3, 8)
    for plain, soft in zip(
        answer_and_gradient(layer, x), answer_and_gradient(layer, x, LEAK), strict=True
    ):
        assert torch.equal(plain, soft)


def test_a_silent_unit_is_heard():
    layer = nn.Sequential(nn.Conv3d(3, 1, 1), nn.ReLU())
    layer[0].bias.data.fill_(-100.0)
    x = torch.randn(1, 3, 2, 2, 2)
    assert not answer_and_gradient_of_sum(layer, x, 0.0).any()
    torch.testing.assert_close(
        answer_and_gradient_of_sum(layer, x, 0.05),
        0.05 * layer[0].weight.detach().expand_as(x).contiguous(),
    )


def answer_and_gradient_of_sum(model, x, leak):
    x = x.clone().requires_grad_()
    with softened(leak):
        model(x).sum().backward()
    return x.grad


def test_nothing_is_left_behind_even_by_an_error():
    model = Functional()
    before = {name: (type(module), module.forward) for name, module in model.named_modules()}
    model(torch.randn(1, 3, 3, 3, 3))
    with pytest.raises(RuntimeError, match="channels"), softened(LEAK):
        model(torch.randn(1, 2, 3, 3, 3))
    assert before == {name: (type(each), each.forward) for name, each in model.named_modules()}
    assert not any(module._forward_hooks for module in model.modules())
    assert not gradient_of(F.relu, -torch.ones(3))[1].any()


def test_no_leak_is_plain_and_a_block_within_a_block_has_its_own():
    x = -torch.ones(3)
    assert not gradient_of(F.relu, x, 0.0)[1].any()
    with softened(0.5):
        _, inner = gradient_of(F.relu, x, 0.25)
    torch.testing.assert_close(inner, 0.25 * 2 * torch.arange(3.0))


def test_where_nothing_is_differentiated_nothing_is_recorded():
    x = torch.randn(3, requires_grad=True)
    with torch.no_grad(), softened(LEAK):
        assert F.relu(x).grad_fn is None
    with softened(LEAK):
        assert torch.equal(torch.tensor([-1, 2]).clamp(min=0), torch.tensor([0, 2]))


@pytest.mark.parametrize("leak", [-0.1, 1.5, float("nan")], ids=str)
def test_refuses_a_leak_that_is_no_share(leak):
    with pytest.raises(ClipError, match="a share of the gradient"), softened(leak):
        pass
