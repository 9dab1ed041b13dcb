"""What do all units of some layers answer to clips, in a number a clip and unit?

The largest answer over all positions and the mean over them, as a scan keeps them, of clips that
are in memory: those that were changed, and those that were made.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Activation
from kinetoscope.units.reading import SCORES, read_normalized

Change = Callable[[ClipBatch], ClipBatch]


@dataclass(frozen=True, kw_only=True)
class Responses:
    """What units answered.

    Args:
        largest: of each layer the largest answer over all positions, `clip channel`.
        mean: the mean answer, likewise.
        scores: before softmax, `clip label`; None where the network was not run to its end.
    """

    largest: dict[str, Tensor]
    mean: dict[str, Tensor]
    scores: Tensor | None


def respond(
    network: Network,
    batches: Iterable[ClipBatch],
    layers: Sequence[str],
    *,
    normalized_change: Change | None = None,
) -> Responses:
    """Show a network clips and keep what its units answer.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        batches: clips in display space.
        layers: by name; with `units.reading.SCORES` among them the network is run to its end.
        normalized_change: what is done to clips after they were normalized, such as blanking a
            stream: zero is the mean colour, and no motion.

    Returns:
        On the CPU, in the order of the clips.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
    """
    largest: dict[str, list[Tensor]] = {layer: [] for layer in layers if layer != SCORES}
    mean: dict[str, list[Tensor]] = {layer: [] for layer in layers if layer != SCORES}
    scores: list[Tensor] = []
    with evaluating(network), torch.inference_mode():
        for batch in batches:
            shown = network.normalize(batch.to(network.device))
            answers = read_normalized(
                network, shown if normalized_change is None else normalized_change(shown), layers
            )
            if SCORES in answers:
                scores.append(answers.pop(SCORES).cpu())
            for layer, answer in answers.items():
                lines = _lines(answer)
                largest[layer].append(lines.amax(dim=2).cpu())
                mean[layer].append(lines.mean(dim=2).cpu())
    return Responses(
        largest={layer: torch.cat(parts) for layer, parts in largest.items()},
        mean={layer: torch.cat(parts) for layer, parts in mean.items()},
        scores=torch.cat(scores) if scores else None,
    )


def _lines(answer: Activation) -> Tensor:
    """`clip channel place`; of an answer without places there is one."""
    return answer.reshape(*answer.shape[:2], -1)
