"""How strongly do units answer to clips that were not made for them?

An answer means little by itself: it is told in units of the unit's largest answer to reference
clips, and as the share of them that excite it less. The reference is a scan of a catalog where
there is one, and made clips otherwise; both are held in the same form.

Source: Feichtenhofer, Pinz, Wildes and Zisserman, CVPR 2018, section 3, for the largest answer to
real clips as the unit of a unit's answers. Differs: made clips stand in for real ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.beside.made_clips import made_clips
from kinetoscope.evidence.scan import Progress, Scan
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Activation
from kinetoscope.units.axes import layout_for
from kinetoscope.units.objective import Objective
from kinetoscope.units.reading import SCORES, watch

MADE_CLIPS = "made clips"
"""What the reference is called where there is no catalog."""

PerChannel = Float[Tensor, "clip channel"]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What the units of some layers answer to reference clips.

    Args:
        name: of the catalog, or `MADE_CLIPS`.
        maxima: by layer, the largest answer of every channel to every clip, over positions, `clip
            channel`; NaN where a clip could not be read. The scores stand under `SCORES`.
        means: the same of mean answers.
        labels: the names of the scores.
    """

    name: str
    maxima: Mapping[str, Tensor]
    means: Mapping[str, Tensor]
    labels: tuple[str, ...] = ()

    def __post_init__(self):
        for layer, maxima in self.maxima.items():
            means = self.means.get(layer)
            if maxima.ndim != 2 or means is None or means.shape != maxima.shape:
                raise EvidenceError(
                    f"the answers of {layer} to {self.name} do not fit each other",
                    got=f"maxima {tuple(maxima.shape)}, "
                    f"means {None if means is None else tuple(means.shape)}",
                    expected="clip x channel, the same for both",
                )

    def largest(self, objective: Objective) -> float | None:
        """The largest answer to any clip of what an objective asks for alone.

        Of a neuron, that of its channel anywhere. None for sums, directions and features, and where
        the layer was not read or no clip could be.

        Raises:
            UnknownNameError: there is no such label or channel.
        """
        if objective.label is not None:
            return self._largest(SCORES, self._place(objective.label))
        if objective.unit is not None:
            return self._largest(objective.unit.layer, objective.unit.channel)
        return None

    def channel_maxima(self, layer: str) -> Tensor:
        """Of every channel of a layer, the largest answer to any clip; NaN if none could be read.

        Raises:
            UnknownNameError: the layer was not read.
        """
        best = self._table(layer).nan_to_num(nan=-torch.inf).amax(dim=0)
        return best.where(best > -torch.inf, torch.nan)

    def percentile(self, layer: str, channel: int, activation: float) -> float | None:
        """The share of clips whose largest answer is less, in [0, 1]; None as for `largest`.

        Raises:
            UnknownNameError: there is no such channel.
        """
        answers = self._answers(layer, channel)
        if answers is None:
            return None
        return float((answers < activation).double().mean())

    def _largest(self, layer: str, channel: int) -> float | None:
        answers = self._answers(layer, channel)
        return None if answers is None else float(answers.max())

    def _answers(self, layer: str, channel: int) -> Tensor | None:
        if layer not in self.maxima:
            return None
        table = self.maxima[layer]
        if not 0 <= channel < table.shape[1]:
            raise UnknownNameError(
                f"{layer} has no such channel",
                got=channel,
                expected=f"0 to {table.shape[1] - 1}",
            )
        answers = table[:, channel]
        read = answers[~answers.isnan()]
        return read if len(read) else None

    def _table(self, layer: str) -> Tensor:
        if layer not in self.maxima:
            raise UnknownNameError(
                f"layer {layer} was not read for {self.name}",
                got=layer,
                expected=f"one of {', '.join(self.maxima) or 'none at all'}",
            )
        return self.maxima[layer]

    def _place(self, label: str) -> int:
        if not self.labels:
            return 0
        if label not in self.labels:
            raise UnknownNameError(
                f"no score of {self.name} is called {label}",
                got=label,
                expected=f"one of {', '.join(self.labels[:12])}",
            )
        return self.labels.index(label)


def reference_from_scan(scan: Scan) -> Reference:
    """What a scan of a catalog found."""
    scores = {} if scan.scores is None else {SCORES: scan.scores}
    return Reference(
        name=(scan.provenance.catalog or "catalog").rsplit(" ", 1)[0],
        maxima={layer: scan.maxima(layer) for layer in scan.layers} | scores,
        means={layer: scan.means(layer) for layer in scan.layers} | scores,
        labels=scan.labels,
    )


@torch.inference_mode()
def reference_of(
    network: Network,
    layers: Sequence[str],
    clips: Iterable[ClipBatch] | None = None,
    *,
    name: str = MADE_CLIPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> Reference:
    """Show clips to a network and keep what layers answer, and the scores.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        layers: by name.
        clips: in display space; made clips if not given.
        name: of the clips.
        seed: of made clips.
        progress: is told how many batches are done, and of how many that are known of.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
    """
    found: dict[str, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in (*layers, SCORES)}
    batches = made_clips(network.expects, seed=seed) if clips is None else iter(clips)

    def keep(layer: str, answer: Activation) -> None:
        lines = answer.flatten(2) if answer.ndim > 2 else answer[..., None]
        found[layer].append((lines.amax(2).float().cpu(), lines.mean(2).float().cpu()))

    with evaluating(network):
        for number, batch in enumerate(batches, start=1):
            batch = batch.laid_out(layout_for(network)).to(network.device)
            keep(SCORES, watch(network, batch, layers, keep) if layers else network.scores(batch))
            if progress is not None:
                progress(number, number)
    maxima, means = (
        {layer: torch.cat([pair[which] for pair in pairs]) for layer, pairs in found.items()}
        for which in (0, 1)
    )
    return Reference(name=name, maxima=maxima, means=means, labels=network.labels)
