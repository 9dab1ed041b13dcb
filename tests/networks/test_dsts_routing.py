import math

import pytest
import torch
from torch.nn import functional

from kinetoscope.errors import RecipeError
from kinetoscope.networks.dsts_routing import (
    ActiveNeuron,
    Gates,
    LiteralPulse,
    Pulse,
    RoutingEntropy,
)


@pytest.fixture
def maps():
    return torch.randn(5, 8, 4, 3, 5, generator=torch.Generator().manual_seed(1))


# Known answers


def test_undecided_pulses_have_the_most_entropy():
    entropy = RoutingEntropy()(
        torch.tensor([[1.0, 1.0, 1.0, 1.0], [100.0, 0, 0, 0]]), torch.ones(())
    )
    torch.testing.assert_close(entropy, torch.tensor([[math.log(4)], [0.0]]))


def test_the_neuron_of_the_highest_pulse_is_active_in_eval_mode():
    choice = ActiveNeuron().eval()(torch.tensor([[0.1, 0.3, 0.2], [5.0, -1.0, 4.0]]))
    assert choice.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_the_temperature_falls_from_five_to_a_half():
    neuron, found = ActiveNeuron(), []
    for share in (0.0, 0.5, 1.0):
        neuron.anneal(share)
        found.append(neuron.temperature.item())
    assert found == pytest.approx([5.0, math.sqrt(2.5), 0.5])


# The definition written out


@pytest.mark.parametrize("kind", ["mean", "sum"])
def test_the_collapsed_pulse_equals_the_literal_one(maps, kind):
    torch.manual_seed(0)
    literal = LiteralPulse(8, 3, width=6, kind=kind)
    scores = functional.conv3d(maps, literal.weight).unflatten(1, (3, 6))
    written = getattr(scores, kind)(dim=(2, 3, 4, 5))
    torch.testing.assert_close(literal(maps), written, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(literal.collapsed()(maps), written, atol=1e-5, rtol=1e-5)


def test_the_gradients_of_all_rows_of_a_scoring_convolution_are_equal(maps):
    literal = LiteralPulse(8, 3, width=6)
    literal(maps).square().sum().backward()
    rows = literal.weight.grad.flatten(1).unflatten(0, (3, 6))
    torch.testing.assert_close(rows, rows[:, :1].expand_as(rows))


def test_the_gradient_of_the_choice_is_that_of_the_soft_one():
    pulses, neuron = torch.randn(4, 3, requires_grad=True), ActiveNeuron(0.7).train()
    torch.manual_seed(5)
    choice = neuron(pulses)
    torch.manual_seed(5)
    noise = -torch.empty(4, 3).exponential_().log()
    soft = ((pulses + noise) / 0.7).softmax(dim=1)
    assert torch.equal(choice, functional.one_hot(soft.argmax(dim=1), 3).float())
    goal = torch.randn(4, 3)
    found, expected = (
        torch.autograd.grad((each * goal).sum(), pulses, retain_graph=True)[0]
        for each in (choice, soft)
    )
    torch.testing.assert_close(found, expected)


def test_gates_are_improved_semantic_hashing_written_out():
    gates = Gates(6, 2).train()
    choice = functional.one_hot(torch.tensor([0, 1, 1, 0] * 10), 2).float()
    torch.manual_seed(3)
    found = gates(choice)
    torch.manual_seed(3)
    noisy = gates.weight[choice.argmax(dim=1)] + torch.randn(40, 6)
    shown_soft = torch.rand(40, 1) < 0.5
    alpha = (1.2 / (1 + torch.exp(-noisy)) - 0.1).clamp(0, 1)
    beta = (noisy > 0).float()
    torch.testing.assert_close(found, torch.where(shown_soft, alpha, beta))
    assert 10 < shown_soft.sum() < 30
    goal = torch.randn(40, 6)
    found, expected = (
        torch.autograd.grad((each * goal).sum(), gates.weight)[0] for each in (found, alpha)
    )
    torch.testing.assert_close(found, expected)


# Promises


def test_noise_chooses_as_often_as_the_softmax_says():
    torch.manual_seed(0)
    pulses = torch.tensor([[0.0, 1.0, -0.5]])
    often = ActiveNeuron().train()(pulses.expand(20_000, 3)).mean(dim=0)
    torch.testing.assert_close(often, pulses.softmax(dim=1)[0], atol=0.01, rtol=0)


def test_a_choice_in_training_is_hard_to_the_last_bit():
    choice = ActiveNeuron().train()(torch.randn(50, 7, requires_grad=True))
    assert set(choice.unique().tolist()) == {0.0, 1.0}


def test_gates_without_noise_are_their_signs():
    gates = Gates(6, 2).eval()
    found = gates(torch.eye(2))
    assert torch.equal(found, (gates.weight > 0).float())


def test_a_pulse_of_means_does_not_grow_with_the_clip(maps):
    pulse = Pulse(8, 3)
    larger = maps.repeat(1, 1, 2, 2, 2)
    torch.testing.assert_close(pulse(larger), pulse(maps))


# Refusals


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.inf, math.nan])
def test_refuses_a_temperature_that_is_not_above_zero(temperature):
    with pytest.raises(RecipeError, match="a number above 0"):
        ActiveNeuron(temperature)
