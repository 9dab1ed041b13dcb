import pytest
import torch
from torch.nn import functional

from kinetoscope.networks.tasks import tasks_of
from kinetoscope.training.loss import losses, smoothed
from kinetoscope.training.recipe import Recipe

TASKS = tasks_of(["a/x", "b/x", "a/y", "b/y", "b/z"])
A, B = [0, 2], [1, 3, 4]


def recipe(smoothing):
    return Recipe(network="c3d", catalog="videos", label_smoothing=smoothing)


@pytest.fixture
def scores():
    return torch.randn(3, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)


@pytest.fixture
def targets():
    return functional.one_hot(torch.tensor([2, 3, 4]), 5).float()  # a/y, b/y, b/z


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5, 1.5, 3.0])])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_one_task_alone_is_cross_entropy(scores, targets, smoothing, weights):
    expected = losses(scores, targets, recipe(smoothing), label_weights=weights)
    found = losses(scores, targets, recipe(smoothing), label_weights=weights, tasks=("only",) * 5)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_agrees_with_two_heads_written_out(scores, targets, smoothing):
    found = losses(scores, targets, recipe(smoothing), tasks=TASKS)
    first = functional.cross_entropy(
        scores[:1, A], torch.tensor([1]), label_smoothing=smoothing, reduction="none"
    )
    others = functional.cross_entropy(
        scores[1:, B], torch.tensor([1, 2]), label_smoothing=smoothing, reduction="none"
    )
    torch.testing.assert_close(found, torch.cat([first, others]))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_neither_head_learns_from_the_clips_of_the_other(scores, targets, smoothing):
    losses(scores, targets, recipe(smoothing), tasks=TASKS).sum().backward()
    assert (scores.grad[:1, B] == 0).all()
    assert (scores.grad[1:, A] == 0).all()
    assert (scores.grad[:1, A] != 0).all()
    assert (scores.grad[1:, B] != 0).all()


def test_a_clip_that_is_blended_of_two_tasks_has_its_share_of_loss_in_each(scores):
    blended = torch.tensor([[0.3, 0.0, 0.0, 0.7, 0.0]])
    found = losses(scores[:1], blended, recipe(0.0), tasks=TASKS)
    parts = [scores[:1, part].log_softmax(dim=1) for part in (A, B)]
    torch.testing.assert_close(found, -(0.3 * parts[0][:, 0] + 0.7 * parts[1][:, 1]))


def test_targets_are_smoothed_within_their_task(targets):
    found = smoothed(targets, 0.3, TASKS)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(found[0], torch.tensor([0.15, 0.0, 0.85, 0.0, 0.0]))
