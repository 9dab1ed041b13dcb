"""How good are probabilities: how often right, on which labels, and do they mean what they say?

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2, for
reliability and the expected calibration error; Cover and Thomas, "Elements of Information Theory",
section 2.3, for mutual information.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from kinetoscope.tensors import Scores

Truth = Int[Tensor, "clip"]
"""The place of the right label of each clip."""

Confusion = Int[Tensor, "label label"]
"""How many clips of each label (row) are taken for each label (column)."""


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Clips whose highest probability lies within two limits.

    Args:
        low, high: the limits; `high` itself lies within.
        count: how many clips.
        confidence: mean of their highest probabilities; 0 where there are none.
        accuracy: how many of them are right, of 1; 0 where there are none.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def top_accuracy(probabilities: Scores, truth: Truth, count: int) -> float:
    """How many clips have the right label among the `count` most probable, of 1.

    Where labels are equally probable the one that comes first goes first, so that a network that
    says the same of all of them is not right about all of them.
    """
    order = probabilities.argsort(dim=1, descending=True, stable=True)[:, :count]
    return (order == truth[:, None]).any(dim=1).double().mean().item()


def confusion_matrix(predicted: Truth, truth: Truth, labels: int) -> Confusion:
    """How many clips of each label (row) are taken for each label (column)."""
    counts = torch.bincount(truth * labels + predicted, minlength=labels * labels)
    return counts.reshape(labels, labels)


def label_accuracies(confusion: Confusion) -> Tensor:
    """How many clips of each label are right, of 1; not a number where a label has no clip."""
    return confusion.diagonal().double() / confusion.sum(dim=1)


def mean_class_accuracy(confusion: Confusion) -> float:
    """The mean of the labels' accuracies, over the labels that have clips."""
    return label_accuracies(confusion).nanmean().item()


def reliability(probabilities: Scores, truth: Truth, bins: int = 15) -> tuple[Bin, ...]:
    """Of the clips a network is so sure about, how many are right? In bins of equal width."""
    confidence, predicted = probabilities.double().max(dim=1)
    right = (predicted == truth).double()
    limits = torch.linspace(0, 1, bins + 1, dtype=torch.float64)
    places = torch.bucketize(confidence, limits[1:-1])

    def bin_at(place: int) -> Bin:
        inside = places == place
        count = int(inside.sum())
        return Bin(
            low=limits[place].item(),
            high=limits[place + 1].item(),
            count=count,
            confidence=confidence[inside].mean().item() if count else 0.0,
            accuracy=right[inside].mean().item() if count else 0.0,
        )

    return tuple(bin_at(place) for place in range(bins))


def calibration_error(found: tuple[Bin, ...]) -> float:
    """How far confidence is from accuracy, averaged over clips; 0 is perfect."""
    clips = sum(each.count for each in found)
    return sum(each.count * abs(each.confidence - each.accuracy) for each in found) / max(1, clips)


def mutual_information(counts: Int[Tensor, "label choice"]) -> float:
    """How much a choice tells of the label, or the label of the choice [bits].

    Counts of few clips tell something by chance alone; shuffle the labels to see how much.

    Args:
        counts: how many clips of each label (row) were given each choice (column).

    >>> mutual_information(torch.tensor([[5, 0], [0, 5]]))
    1.0
    """
    joint = counts.double() / counts.sum()
    apart = joint.sum(dim=1, keepdim=True) * joint.sum(dim=0, keepdim=True)
    seen = joint > 0
    return (joint[seen] * (joint[seen] / apart[seen]).log2()).sum().item()
