"""How wrong are a batch's scores?

Source: cross entropy with smoothed labels, Szegedy et al., "Rethinking the Inception Architecture",
CVPR 2016, section 7; of several tasks, Simonyan and Zisserman, "Two-Stream Convolutional Networks
for Action Recognition in Videos", NIPS 2014, section 5: a softmax for each, in which only its own
clips have a loss, and the losses are summed.
"""

import torch
from torch import Tensor
from torch.nn import functional

from kinetoscope.networks.tasks import Tasks, among, log_probabilities
from kinetoscope.tensors import Scores
from kinetoscope.training.recipe import Recipe


def losses(
    scores: Scores,
    targets: Tensor,
    recipe: Recipe,
    *,
    label_weights: Tensor | None = None,
    tasks: Tasks = (),
) -> Tensor:
    """The loss of each clip.

    Args:
        scores: raw ones.
        targets: how much of each label a clip shows, `clip label`, of 1.
        recipe: says how much labels are smoothed.
        label_weights: how much each label counts.
        tasks: of each label, where only those of one task are rivals; a clip's loss then says
            nothing of the labels of other tasks.
    """
    if not tasks:
        return functional.cross_entropy(
            scores.float(),
            targets,
            weight=label_weights,
            label_smoothing=recipe.label_smoothing,
            reduction="none",
        )
    shares = smoothed(targets, recipe.label_smoothing, tasks)
    if label_weights is not None:
        shares = shares * label_weights
    return -(shares * log_probabilities(scores.float(), tasks)).sum(dim=1)


def smoothed(targets: Tensor, smoothing: float, tasks: Tasks) -> Tensor:
    """Targets of which a share is spread over all labels of the same task."""
    spread = torch.zeros_like(targets)
    for task in dict.fromkeys(tasks):
        rivals = among(tasks, task, targets.device)
        shown = (targets * rivals).sum(dim=1, keepdim=True)
        spread = torch.where(rivals, shown / rivals.sum(), spread)
    return (1 - smoothing) * targets + smoothing * spread
