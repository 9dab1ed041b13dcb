import numpy as np
import pytest
import torch
from sklearn import metrics as known
from torchmetrics.functional.classification import multiclass_calibration_error

from kinetoscope.training.metrics import (
    calibration_error,
    confusion_matrix,
    label_accuracies,
    mean_class_accuracy,
    mutual_information,
    reliability,
    top_accuracy,
)


@pytest.fixture
def answers():
    torch.manual_seed(0)
    truth = torch.randint(7, (300,))
    scores = torch.randn(300, 7)
    scores[torch.arange(300), truth] += 1.5
    return scores.softmax(dim=1), truth


@pytest.mark.parametrize("count", [1, 2, 5])
def test_top_accuracy_agrees_with_scikit_learn(answers, count):
    probabilities, truth = answers
    expected = known.top_k_accuracy_score(truth, probabilities, k=count, labels=range(7))
    assert top_accuracy(probabilities, truth, count) == pytest.approx(expected)


def test_confusion_and_mean_class_accuracy_agree_with_scikit_learn(answers):
    probabilities, truth = answers
    predicted = probabilities.argmax(dim=1)
    found = confusion_matrix(predicted, truth, 7)
    np.testing.assert_array_equal(found, known.confusion_matrix(truth, predicted))
    assert mean_class_accuracy(found) == pytest.approx(
        known.balanced_accuracy_score(truth, predicted)
    )


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_agrees_with_torchmetrics(answers, bins):
    probabilities, truth = answers
    expected = multiclass_calibration_error(probabilities, truth, num_classes=7, n_bins=bins)
    found = calibration_error(reliability(probabilities, truth, bins))
    assert found == pytest.approx(expected.item(), abs=1e-5)


def test_calibration_error_agrees_with_its_definition(answers):
    probabilities, truth = answers
    confidence, predicted = probabilities.max(dim=1)
    expected = 0.0
    for place in range(10):
        inside = (confidence > place / 10) & (confidence <= (place + 1) / 10)
        if inside.any():
            gap = confidence[inside].mean() - (predicted == truth)[inside].float().mean()
            expected += inside.float().mean().item() * abs(gap.item())
    found = calibration_error(reliability(probabilities, truth, 10))
    assert found == pytest.approx(expected, abs=1e-6)


def test_every_clip_is_in_one_bin(answers):
    found = reliability(*answers)
    assert sum(each.count for each in found) == 300
    assert [each.low for each in found[1:]] == [each.high for each in found[:-1]]


def test_a_network_that_says_the_same_of_all_labels_is_right_by_chance_only():
    same = torch.full((8, 4), 0.25)
    assert top_accuracy(same, torch.arange(8) % 4, 1) == 0.25


def test_a_label_without_clips_does_not_count():
    confusion = confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 3)
    assert label_accuracies(confusion)[2].isnan()
    assert mean_class_accuracy(confusion) == pytest.approx((0.5 + 1) / 2)


def test_mutual_information_agrees_with_scikit_learn(answers):
    probabilities, truth = answers
    choice = probabilities.argmax(dim=1)
    expected = known.mutual_info_score(truth, choice) / np.log(2)
    found = mutual_information(confusion_matrix(choice, truth, 7))
    assert found == pytest.approx(expected)


def test_a_choice_that_never_changes_tells_nothing():
    assert mutual_information(torch.tensor([[0, 3, 0], [0, 5, 0]])) == 0
