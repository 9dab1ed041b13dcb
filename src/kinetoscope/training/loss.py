"""How wrong are a batch's scores?

Source: cross entropy with smoothed labels, Szegedy et al., "Rethinking the Inception Architecture",
CVPR 2016, section 7.
"""

from torch import Tensor
from torch.nn import functional

from kinetoscope.tensors import Scores
from kinetoscope.training.recipe import Recipe


def losses(
    scores: Scores, targets: Tensor, recipe: Recipe, *, label_weights: Tensor | None = None
) -> Tensor:
    """The loss of each clip.

    Args:
        scores: raw ones.
        targets: how much of each label a clip shows, `clip label`, of 1.
        recipe: says how much labels are smoothed.
        label_weights: how much each label counts.
    """
    return functional.cross_entropy(
        scores.float(),
        targets,
        weight=label_weights,
        label_smoothing=recipe.label_smoothing,
        reduction="none",
    )
