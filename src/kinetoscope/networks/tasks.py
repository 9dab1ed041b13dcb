"""Which labels are rivals, where one network has learned several sets of them?

A network that is trained on two data sets at once has the labels of both, and each clip is of one
of them: `ucf101/archery` is a rival of `ucf101/basketball`, and not of `hmdb51/shoot bow`. What
stands before the first slash is the task; probabilities are shares within one task, and each sums
to 1. Where a network was not told that it has several tasks, a slash means nothing.

Source: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in
Videos", NIPS 2014, section 5 (multi-task learning). The label layer has a row for every label, so
its rows of one task are the head of that task.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from kinetoscope.errors import RecipeError
from kinetoscope.tensors import Scores

Tasks = tuple[str, ...]
"""The task of each label, in the order of the labels; none where all labels are rivals."""


def task_of(label: str) -> str:
    """The task that a label carries in its name.

    >>> task_of("hmdb51/brush hair"), task_of("archery")
    ('hmdb51', '')
    """
    task, slash, _ = label.partition("/")
    return task if slash else ""


def tasks_of(labels: Sequence[str]) -> Tasks:
    """The task of each label.

    Raises:
        RecipeError: a label carries none.
    """
    if without := [label for label in labels if not task_of(label)]:
        raise RecipeError(
            "with several tasks, every label carries its task",
            got=", ".join(without[:8]) + (", ..." if len(without) > 8 else ""),
            expected="a task, a slash and a label, such as ucf101/archery",
            hint="multi_task = false makes all labels rivals",
        )
    return tuple(task_of(label) for label in labels)


def log_probabilities(scores: Scores, tasks: Tasks) -> Scores:
    """The logarithm of each label's share among its rivals."""
    if not tasks:
        return scores.log_softmax(dim=1)
    logs = torch.zeros_like(scores)
    for task in dict.fromkeys(tasks):
        rivals = among(tasks, task, scores.device)
        logs = torch.where(rivals, scores.masked_fill(~rivals, -torch.inf).log_softmax(dim=1), logs)
    return logs


def own_scores(scores: Scores, truth: Tensor, tasks: Tasks) -> Scores:
    """The scores of each clip's own task; of the labels of others, minus infinity.

    Args:
        scores: raw ones, or the logarithms of probabilities.
        truth: the place of each clip's label.
        tasks: of each label; without any the scores stay as they are.
    """
    if not tasks:
        return scores
    numbers = {task: number for number, task in enumerate(dict.fromkeys(tasks))}
    of_label = torch.tensor([numbers[task] for task in tasks], device=scores.device)
    return scores.masked_fill(of_label[truth][:, None] != of_label, -torch.inf)


def among(tasks: Tasks, task: str, device: torch.device | None = None) -> Tensor:
    """Which labels are of one task, a truth value a label."""
    return torch.tensor([each == task for each in tasks], device=device)
