"""Does the heat change when what was learnt is taken away, or another label is asked for?

Heat that stays when weights are random tells of the clip and of the architecture, not of what was
learnt: so do maps of edges. For each stage of a cascade (`cascade.py`) the heat of a clip is
compared with its own for the trained network (`agreement.alike`). What would be found by chance is
told beside it: how alike the method's heats of two different clips are. A method `changes` if, with
all weights random, a clip's heat is not surely more like its own than another clip's is.

And heat that is the same for the label that is most likely and for the next one tells what is
salient, not what speaks for the label.

Source: Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018, section 3.1 (cascading
randomization); Sixt, Granz and Landgraf, "When Explanations Lie", ICML 2020, for the other label.
Differs: what is found by chance stands beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.belief.agreement import PerSegment, alike
from kinetoscope.evidence.attribution.belief.cascade import Stage
from kinetoscope.evidence.attribution.belief.segments import Segments
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.intervals import Interval, interval
from kinetoscope.units.objective import Objective

Heats = Mapping[int, PerSegment]
"""Of each segment, clip by clip."""


@dataclass(kw_only=True)
class Randomization:
    """How alike heats are to those of the trained network.

    Args:
        chance: how alike the heat of each clip is to those of the other clips, on average.
        stages: the layers that each stage drew, and how alike the heat of each clip is after it.
    """

    chance: Mapping[int, float]
    stages: list[tuple[tuple[str, ...], Mapping[int, float]]] = field(default_factory=list)

    def more_than_chance(self, seed: int = 0) -> Interval:
        """With all weights random, how much more alike than by chance: the median over clips."""
        last = self.stages[-1][1]
        return interval([last[clip] - self.chance[clip] for clip in last], seed=seed)

    def changes(self, seed: int = 0) -> bool:
        """Whether that is not surely above 0; also where nothing is left to compare."""
        return not self.more_than_chance(seed).low > 0


def chance_of(heats: Heats, clips: Sequence[int]) -> dict[int, float]:
    """How alike the heat of each of some clips is to those of all others, on average."""
    return {
        clip: _mean([alike(heats[clip], heats[other]) for other in heats if other != clip])
        for clip in clips
    }


def alike_after(
    stage: Stage,
    method: Method,
    questions: Mapping[int, Question],
    heats: Heats,
    segments: Segments,
) -> dict[int, float]:
    """How alike the heat of each clip is to its own once a stage has drawn its weights.

    Not a number where the method can't answer there, or says the same of every segment.
    """
    return {
        clip: _alike(method, question.put_to(stage.network), heats[clip], segments)
        for clip, question in questions.items()
    }


def class_likeness(
    method: Method, question: Question, heat: PerSegment, rival: Objective, segments: Segments
) -> float:
    """How alike the heat of a clip is to that for a rival objective; 1 is no class sensitivity."""
    return _alike(method, question.asking(rival), heat, segments)


def _alike(method: Method, question: Question, heat: PerSegment, segments: Segments) -> float:
    try:
        found = method.answer(question)
    except KinetoscopeError:
        return float("nan")
    return alike(heat, segments.sums(found.whole).numpy())


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
