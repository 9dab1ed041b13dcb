"""What do units, and the whole network, answer to clips and to every change of them?

Each change is shown once, for all layers and the scores together. Of a unit's answers over all
positions the mean is kept, or the largest: the mean is the default, because the largest over many
different frames is larger than over one frame shown many times, also for a unit that does not know
what motion is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np
from jaxtyping import Float

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.evidence.cues.changes import BOTH_BLANK, FROZEN, OTHER_STILL, Change
from kinetoscope.evidence.cues.partners import Partners
from kinetoscope.evidence.responses import Responses, respond
from kinetoscope.networks.network import Network
from kinetoscope.units.reading import SCORES

Summary = Literal["mean", "largest"]
"""Of the answers of a unit at all positions."""

Values = Float[np.ndarray, "clip unit"]
Told = Callable[[], None]
"""Is told whenever a change was shown."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What was answered to one change of all clips.

    Args:
        units: of each layer; the mean over what was drawn anew.
        scores: before softmax, `clip label`, each time that something was drawn anew.
    """

    units: Mapping[str, Values]
    scores: tuple[Float[np.ndarray, "clip label"], ...]

    def of_clips(self, places: Partners) -> "Answers":
        """The same of these clips, in this order."""
        return Answers(
            units={layer: values[places] for layer, values in self.units.items()},
            scores=tuple(scores[places] for scores in self.scores),
        )


@dataclass(frozen=True, kw_only=True)
class Showing:
    """The clips, and how they are shown.

    Args:
        clips: as they are, with their flow.
        partners: who stands in for whom.
        changes: what is shown.
        layers: what is read, beside the scores.
        summary: of a unit's answers over all positions.
        batch: clips at once; changes nothing.
    """

    clips: Sequence[Clip]
    partners: Partners
    changes: Sequence[Change]
    layers: Sequence[str]
    summary: Summary = "mean"
    batch: int = 8

    def to(self, network: Network, told: Told | None = None) -> dict[str, Answers]:
        """What a network answers, by the name of each change, and to other clips' stills.

        Raises:
            UnknownNameError, ClipError: as for `respond`.
        """
        drawn: dict[str, list[Responses]] = {}
        for change in self.changes:
            drawn.setdefault(change.name, []).append(self._shown(network, change))
            if told is not None:
                told()
        found = {name: self._answers(each) for name, each in drawn.items()}
        return {**found, OTHER_STILL: found[FROZEN].of_clips(self.partners)}

    def _shown(self, network: Network, change: Change) -> Responses:
        others = [self.clips[other] for other in self.partners]
        clips = self.clips[:1] if change.name == BOTH_BLANK else self.clips  # all look alike
        return respond(
            network,
            self._batches(iter(change.clips(clips, others)), network),
            [*self.layers, SCORES],
            normalized_change=change.blanked,
        )

    def _batches(self, clips: Iterator[Clip], network: Network) -> Iterator[ClipBatch]:
        """Made only when they are shown, so that one batch of changed clips is held at a time."""
        while group := list(islice(clips, self.batch)):
            yield ClipBatch.of(group, network.expects)

    def _answers(self, drawn: Sequence[Responses]) -> Answers:
        units = {}
        for layer in self.layers:
            each = [getattr(responses, self.summary)[layer].numpy() for responses in drawn]
            mean = np.asarray(np.mean(each, axis=0, dtype=np.float64))
            units[layer] = self._for_every_clip(mean)
        scores = [responses.scores for responses in drawn if responses.scores is not None]
        return Answers(
            units=units,
            scores=tuple(self._for_every_clip(each.double().numpy()) for each in scores),
        )

    def _for_every_clip(self, values: np.ndarray) -> np.ndarray:
        return np.repeat(values, len(self.clips), axis=0) if len(values) == 1 else values
