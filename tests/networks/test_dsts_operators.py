import pytest
import torch
from torch import nn
from torch.nn import functional

from kinetoscope.networks.dsts_operators import SPACE, TIME, NeuronNorm, Operator


@pytest.fixture
def maps():
    return torch.randn(6, 8, 4, 3, 5, generator=torch.Generator().manual_seed(1))


def choice_of(*neurons, count=4):
    return functional.one_hot(torch.tensor(neurons), count).float()


@pytest.mark.parametrize("kernel", [SPACE, TIME], ids=["space", "time"])
def test_clips_in_groups_are_answered_as_each_with_its_own_weights(maps, kernel):
    torch.manual_seed(0)
    operator = Operator(8, 6, neurons=4, kernel=kernel)
    operator.norm.mean.normal_()
    operator.norm.variance.uniform_(0.5, 2)
    nn.init.normal_(operator.norm.scale)
    nn.init.normal_(operator.norm.shift)
    active = torch.tensor([2, 0, 2, 3, 2, 0])
    gates = (torch.rand(4, 8) > 0.5).float()[active]
    operator.eval()
    torch.testing.assert_close(
        operator.grouped(maps, gates, active),
        operator.gathered(maps, gates, active),
        atol=1e-5,
        rtol=1e-4,
    )


def test_the_answer_in_training_is_that_of_eval_mode_once_the_statistics_stand_still(maps):
    operator, gates = Operator(8, 6, neurons=4, kernel=SPACE), torch.ones(6, 8)
    choice = choice_of(2, 0, 2, 0, 2, 0)
    for _ in range(200):
        trained = operator.train()(maps, gates, choice)
    torch.testing.assert_close(operator.eval()(maps, gates, choice), trained, atol=1e-4, rtol=1e-3)


def test_the_first_batch_of_a_neuron_is_normalized_as_by_batch_norm(maps):
    torch.manual_seed(0)
    norm, known = NeuronNorm(8, 3).train(), nn.BatchNorm3d(8).train()
    mine, theirs = maps.clone().requires_grad_(), maps.clone().requires_grad_()
    goal = torch.randn_like(maps)
    (norm(mine, 1) * goal).sum().backward()
    (known(theirs) * goal).sum().backward()
    torch.testing.assert_close(norm(maps, 1), known(maps), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(mine.grad, theirs.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.scale.grad[8:16], known.weight.grad, atol=1e-4, rtol=1e-4)


def test_the_first_batches_of_a_neuron_count_alike_in_its_statistics():
    norm = NeuronNorm(1, 2).train()
    batches = [torch.randn(4, 1, 2, 2, 2) for _ in range(3)]
    for batch in batches:
        norm(batch, 1)
    torch.testing.assert_close(norm.mean[1, 0], torch.stack(batches).mean())
    assert (norm.batches.tolist(), norm.mean[0, 0].item()) == ([0, 3], 0.0)


def test_a_neuron_that_sees_one_value_a_channel_does_not_fail():
    operator = Operator(8, 6, neurons=4, kernel=SPACE).train()
    answer = operator(torch.randn(1, 8, 1, 1, 1), torch.ones(1, 8), choice_of(3))
    assert answer.isfinite().all()
    assert operator.norm.batches.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("kernel", [SPACE, TIME], ids=["space", "time"])
def test_it_sees_along_its_own_axes_alone(kernel):
    operator = Operator(1, 1, neurons=1, kernel=kernel).eval()
    operator.weight.data.fill_(1.0)
    dot = torch.zeros(1, 1, 5, 5, 5)
    dot[..., 2, 2, 2] = 1
    seen = operator(dot, torch.ones(1, 1), torch.ones(1, 1))[0, 0].nonzero()
    assert (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist() == list(kernel)
