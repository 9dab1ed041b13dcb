"""Which units push a clip from one label towards another, all of them at once?

With s the scores, a unit's answer a at all places and g the gradient of s[towards] - s[from] there,

    push    = sum over places of g * a           what its answer adds, to first order
    excess  = sum over places of g * (a - m)     what it adds by answering otherwise than m, the
                                                 mean answer to clips of the true label

It costs one pass forward and one back for all units of all layers, and is exact for layers above
which the network is linear. It is used to find units; what they do is then told by removing them.

Source: gradient times input as in Shrikumar, Greenside and Kundaje, "Learning Important Features
Through Propagating Activation Differences", ICML 2017, section 2; for units Dhamdhere,
Sundararajan and Yan, "How Important Is a Neuron?", ICLR 2019, equation 2, with one step.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.specificity.ablation import changing
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Activation


@dataclass(frozen=True, kw_only=True)
class Pushes:
    """Of one layer.

    Args:
        push: what each unit's answer adds, `clip channel`.
        slope: the sum of the gradient over places, `clip channel`.
        mean: its mean answer, `clip channel`.
    """

    push: Tensor
    slope: Tensor
    mean: Tensor

    def excess(self, typical: Tensor) -> Tensor:
        """What answering otherwise than the typical answers of a clip or of all adds."""
        return self.push - self.slope * typical


def pushes(
    network: Network,
    batches: Iterable[ClipBatch],
    layers: Sequence[str],
    *,
    towards: Sequence[int],
    away: Sequence[int],
) -> dict[str, Pushes]:
    """Find what every unit adds to the score of one label over that of another.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        batches: clips in display space.
        layers: by name.
        towards: of each clip the place of the label whose score is looked at.
        away: of each clip the place of the label that it is held against.

    Returns:
        On the CPU, in the order of the clips; zeros where scores have no slope.

    Raises:
        ClipError: the units of a layer can't be told apart.
    """
    found: dict[str, list[Pushes]] = {layer: [] for layer in layers}
    done = 0
    with evaluating(network), torch.enable_grad():
        for batch in batches:
            own = slice(done, done + len(batch))
            done += len(batch)
            steps = _slopes(network, batch, layers, list(towards[own]), list(away[own]))
            for layer, (answer, slope) in steps.items():
                lines, slopes = (each.reshape(*each.shape[:2], -1) for each in (answer, slope))
                push, steepness = (lines * slopes).sum(2), slopes.sum(2)
                found[layer].append(
                    Pushes(push=push.cpu(), slope=steepness.cpu(), mean=lines.mean(2).cpu())
                )
    return {layer: _joined(parts) for layer, parts in found.items()}


def _joined(parts: Sequence[Pushes]) -> Pushes:
    return Pushes(
        push=torch.cat([part.push for part in parts]),
        slope=torch.cat([part.slope for part in parts]),
        mean=torch.cat([part.mean for part in parts]),
    )


def _slopes(
    network: Network,
    batch: ClipBatch,
    layers: Sequence[str],
    towards: list[int],
    away: list[int],
) -> dict[str, tuple[Activation, Activation]]:
    """What layers answer, and the gradient there; read at a zero that is added to each answer."""
    answers: dict[str, Tensor] = {}
    added: dict[str, Tensor] = {}

    def add_to(layer: str, answer: Activation) -> None:
        answers[layer] = answer.detach().clone()
        added[layer] = torch.zeros_like(answer, requires_grad=True)
        answer += added[layer]

    with ExitStack() as stack:
        for layer in layers:
            stack.enter_context(changing(network, layer, lambda each, of=layer: add_to(of, each)))
        scores = network.scores(batch.to(network.device))
    each = torch.arange(len(scores), device=scores.device)
    aim = (scores[each, towards] - scores[each, away]).sum()
    slopes: Sequence[Tensor | None] = [None] * len(added)
    if aim.requires_grad:
        slopes = torch.autograd.grad(aim, [*added.values()], allow_unused=True)
    return {
        layer: (answers[layer], torch.zeros_like(answers[layer]) if slope is None else slope)
        for layer, slope in zip(added, slopes, strict=True)
    }
