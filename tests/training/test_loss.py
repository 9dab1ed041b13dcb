import pytest
import torch
from torch.nn import functional

from kinetoscope.training.loss import losses
from kinetoscope.training.recipe import Recipe


def recipe(**settings):
    return Recipe(network="c3d_toy", catalog="videos", **settings)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_agrees_with_the_definition_written_out(smoothing):
    scores, truth = torch.randn(4, 3, generator=torch.manual_seed(0)), torch.tensor([0, 2, 1, 1])
    targets = functional.one_hot(truth, 3).float()
    smooth = targets * (1 - smoothing) + smoothing / 3
    expected = -(smooth * scores.log_softmax(dim=1)).sum(dim=1)
    found = losses(scores, targets, recipe(label_smoothing=smoothing))
    torch.testing.assert_close(found, expected)


def test_rare_labels_can_count_more():
    scores, targets = torch.zeros(2, 2), torch.eye(2)
    weights = torch.tensor([1.0, 3.0])
    found = losses(scores, targets, recipe(label_smoothing=0.0), label_weights=weights)
    torch.testing.assert_close(found, weights * torch.tensor(2.0).log())
