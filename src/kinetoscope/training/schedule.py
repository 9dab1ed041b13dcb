"""How fast is learned at each step, and which weights are kept?

Source: Loshchilov and Hutter, "SGDR", ICLR 2017, equation 5 (one cosine without restarts); Polyak
and Juditsky 1992 for averaging weights. Where this differs: the average is over at most a tenth
of the steps so far, so that it forgets the random weights it began with.
"""

import math
from collections.abc import Callable

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from kinetoscope.training.recipe import Recipe

Weights = tuple[Tensor, ...] | list[Tensor]


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """The rate of a step, counted from 0 over the whole training.

    It rises in a line to `recipe.learning_rate`, reached at the last step of the warm-up; then it
    stays, or falls along half a cosine that would reach 0 one step after the last.
    """
    steps = recipe.epochs * steps_per_epoch
    warm = min(round(recipe.warm_up_epochs * steps_per_epoch), steps)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    if recipe.schedule == "constant":
        return recipe.learning_rate
    done = (step - warm) / max(1, steps - warm)
    return recipe.learning_rate * (1 + math.cos(math.pi * done)) / 2


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of a model whose weights follow the model's slowly.

    Args:
        model: what to follow; its running statistics are averaged as well.
        decay: how much of the average stays at each step; less over the first steps. 0 is the
            model itself.
    """
    return AveragedModel(model, multi_avg_fn=_following(decay), use_buffers=True)


def decay_at(decay: float, step: int) -> float:
    """How much of the average stays at a step, counted from 0.

    >>> [round(decay_at(0.99, step), 3) for step in (0, 9, 10_000)]
    [0.1, 0.526, 0.99]
    """
    return min(decay, (1 + step) / (10 + step))


def _following(decay: float) -> Callable[[Weights, Weights, Tensor | int], None]:
    def follow(average: Weights, current: Weights, step: Tensor | int) -> None:
        gain = 1 - decay_at(decay, int(step))
        for kept, new in zip(average, current, strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, gain)
            else:  # counters of batches
                kept.copy_(new)

    return follow
