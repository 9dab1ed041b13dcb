"""How is a clip added to what is measured of several methods?

For each clip the same orders of chance, the same sets of segments and the same noise serve all
methods, so that methods are compared and not draws.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.attribution.attribution import Attribution
from kinetoscope.evidence.attribution.belief import curves, sensitivity
from kinetoscope.evidence.attribution.belief.curves import Taking
from kinetoscope.evidence.attribution.belief.found import Asked, Measure, Measured
from kinetoscope.evidence.attribution.belief.sanity import class_likeness
from kinetoscope.evidence.attribution.belief.segments import Segments
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.units.objective import Objective

_DRAWS = 3  # random orders of a clip

Answers = Mapping[str, Attribution]


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """How clips are measured.

    Args:
        methods: by name.
        segments: of each clip.
        fillings: what stands in for what is taken away.
        seed: of all that is drawn.
        found: is filled.
    """

    methods: Mapping[str, Asked]
    segments: Segments
    fillings: Sequence[str]
    seed: int
    found: Measured

    def add(self, clip: int, question: Question, rival: Objective | None) -> None:
        """Measure one more clip.

        Args:
            clip: its number.
            question: about it.
            rival: another objective, such as the next likely label.
        """
        answers = self._answers(clip, question)
        for name, answer in answers.items():
            self.found.heats[name][clip] = self.segments.sums(answer.whole).numpy()
        for filling in self.fillings:
            taking = Taking(question, self.segments, filling)
            self._curves(clip, taking, filling, answers)
            self._losses(clip, taking, filling, answers)
        self._over_fillings(clip, answers)
        steady = {name: each for name, each in answers.items() if clip in self.methods[name].steady}
        self._streams(clip, question, steady)
        for name, answer in steady.items():
            if clip in self.methods[name].noisy:
                self._noise(clip, name, question, answer)
                if rival is not None:
                    self._other_label(clip, name, question, rival)

    def _keep(self, clip: int, measure: Measure, value: float | Tensor) -> None:
        self.found.values[measure][clip] = float(value)

    def _answers(self, clip: int, question: Question) -> Answers:
        """Of the methods that are asked of this clip; one that refuses is asked no more."""
        answers: dict[str, Attribution] = {}
        for name, asked in self.methods.items():
            if clip not in asked.clips or name in self.found.refused:
                continue
            begun = time.perf_counter()
            try:
                answers[name] = asked.method.answer(question)
            except KinetoscopeError as error:
                self.found.refused[name] = error
                continue
            self._keep(clip, Measure(name, "seconds"), time.perf_counter() - begun)
        return answers

    def _curves(self, clip: int, taking: Taking, filling: str, answers: Answers) -> None:
        """The random orders' curves stand for both ways: read backwards they are random again."""
        segments = self.segments
        orders = [segments.by_heat(each.whole, self.seed) for each in answers.values()]
        orders = torch.stack([*orders, segments.from_the_centre(self.seed)])
        names = [*answers, "centre"]
        chance = curves.deletion(taking, segments.at_random(_DRAWS, self.seed + clip))
        found = {
            "deletion": curves.deletion(taking, orders),
            "insertion": curves.insertion(taking, orders),
        }
        random = self._areas(chance).mean()
        for way, lines in found.items():
            drawn = chance if way == "deletion" else chance.flip(1)
            self.found.curves[Measure("random", way, filling)][clip] = drawn.mean(0)
            better = self._areas(lines) - random
            for name, line, more in zip(names, lines, better, strict=True):
                self.found.curves[Measure(name, way, filling)][clip] = line
                self._keep(clip, Measure(name, way, filling), -more if way == "deletion" else more)

    def _areas(self, lines: curves.Curves) -> Tensor:
        return curves.area(lines, len(self.segments))

    def _losses(self, clip: int, taking: Taking, filling: str, answers: Answers) -> None:
        lost = sensitivity.losses(taking, seed=self.seed + clip)
        for name, answer in answers.items():
            heat = self.segments.sums(answer.whole)
            for measure, value in (
                ("sensitivity-n", sensitivity.sensitivity_n(heat, lost)),
                ("infidelity", sensitivity.infidelity(heat, lost)),
                ("completeness gap", sensitivity.completeness_gap(answer, lost.to_lose)),
            ):
                self._keep(clip, Measure(name, measure, filling), value)

    def _over_fillings(self, clip: int, answers: Answers) -> None:
        """Deletion and insertion, the mean over what stands in; and both, which is the gain."""
        for name in (*answers, "centre"):
            means = {}
            for way in ("deletion", "insertion"):
                each = [self.found.values[Measure(name, way, f)][clip] for f in self.fillings]
                told = [value for value in each if not np.isnan(value)]
                means[way] = float(np.mean(told)) if told else float("nan")
                self._keep(clip, Measure(name, way), means[way])
            self._keep(clip, Measure(name, "gain"), sum(means.values()) / 2)
        centre = self.found.values[Measure("centre", "gain")][clip]
        for name in answers:
            gain = self.found.values[Measure(name, "gain")][clip]
            self._keep(clip, Measure(name, "over centre"), gain - centre)

    def _noise(self, clip: int, name: str, question: Question, answer: Attribution) -> None:
        method = self.methods[name].method
        try:
            most = sensitivity.max_sensitivity(method, question, answer, seed=self.seed + clip)
        except KinetoscopeError:  # a noisy clip may be what the method can't answer
            most = float("nan")
        self._keep(clip, Measure(name, "max-sensitivity"), most)

    def _other_label(self, clip: int, name: str, question: Question, rival: Objective) -> None:
        method, heat = self.methods[name].method, self.found.heats[name][clip]
        alike = class_likeness(method, question, heat, rival, self.segments)
        self._keep(clip, Measure(name, "another label"), alike)

    def _streams(self, clip: int, question: Question, answers: Answers) -> None:
        """Deletion from one stream alone, by its own heat, where methods tell streams apart."""
        chance = self.segments.at_random(_DRAWS, self.seed + clip)
        for stream in question.streams if len(question.streams) > 1 else ():
            heats = {
                name: each.heat[stream] for name, each in answers.items() if stream in each.heat
            }
            if heats:
                taking = Taking(question, self.segments, self.fillings[0], (stream,))
                own = [self.segments.by_heat(heat, self.seed) for heat in heats.values()]
                orders = torch.cat([torch.stack(own), chance])
                areas = self._areas(curves.deletion(taking, orders))
                random = areas[len(heats) :].mean()
                for name, found in zip(heats, areas, strict=False):
                    self._keep(clip, Measure(name, f"{stream} alone"), random - found)
