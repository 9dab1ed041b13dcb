"""How is a clip added to what is measured of several methods?

For each clip the same orders of chance, the same sets of segments and the same noise serve all
methods, so that methods are compared and not draws.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.attribution.attribution import Attribution
from kinetoscope.evidence.attribution.belief import curves, sensitivity
from kinetoscope.evidence.attribution.belief.curves import Taking
from kinetoscope.evidence.attribution.belief.found import Asked, Measure, Measured
from kinetoscope.evidence.attribution.belief.sanity import class_likeness
from kinetoscope.evidence.attribution.belief.segments import Order, Segments
from kinetoscope.evidence.attribution.belief.sensitivity import Losses
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
    _lost: dict[tuple[int, str], Losses] = field(default_factory=dict, init=False)

    def add(
        self, clip: int, question: Question, rival: Objective | None, methods: Sequence[str]
    ) -> None:
        """Measure methods on one more clip.

        Args:
            clip: its number.
            question: about it.
            rival: another objective, such as the next likely label.
            methods: their names; they were not asked of this clip before.
        """
        answers = self._answers(clip, question, methods)
        for name, answer in answers.items():
            self.found.heats[name][clip] = self.segments.sums(answer.whole).numpy()
        for filling in self.fillings:
            taking = Taking(question, self.segments, filling)
            self._controls(clip, taking)
            self._curves(clip, taking, answers)
            self._losses(clip, taking, answers)
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

    def _answers(self, clip: int, question: Question, methods: Sequence[str]) -> Answers:
        """Of methods; one that refuses is asked no more."""
        answers: dict[str, Attribution] = {}
        for name in methods:
            if name in self.found.refused:
                continue
            begun = time.perf_counter()
            try:
                answers[name] = self.methods[name].method.answer(question)
            except KinetoscopeError as error:
                self.found.refused[name] = error
                continue
            self._keep(clip, Measure(name, "seconds"), time.perf_counter() - begun)
        return answers

    def _controls(self, clip: int, taking: Taking) -> None:
        """The orders that need no method, once for each clip.

        The curve of random orders stands for both ways: read backwards they are random again.
        """
        drawn = self.found.curves[Measure("random", "deletion", taking.filling)]
        if clip in drawn:
            return
        orders = self.segments.at_random(_DRAWS, self.seed + clip)
        drawn[clip] = curves.deletion(taking, orders).mean(0)
        backwards = self.found.curves[Measure("random", "insertion", taking.filling)]
        backwards[clip] = drawn[clip].flip(0)
        self._along(clip, taking, {"centre": self.segments.from_the_centre(self.seed)})

    def _curves(self, clip: int, taking: Taking, answers: Answers) -> None:
        by_heat = {
            name: self.segments.by_heat(each.whole, self.seed) for name, each in answers.items()
        }
        if by_heat:
            self._along(clip, taking, by_heat)

    def _along(self, clip: int, taking: Taking, orders: Mapping[str, Order]) -> None:
        """Take away and put in by some orders, and hold the areas against the random one."""
        stacked = torch.stack([*orders.values()])
        random = self.found.curves[Measure("random", "deletion", taking.filling)][clip]
        for way, curve, sign in (
            ("deletion", curves.deletion, -1),
            ("insertion", curves.insertion, 1),
        ):
            lines = curve(taking, stacked)
            more = sign * (self._areas(lines) - self._areas(random[None]))
            for name, line, better in zip(orders, lines, more, strict=True):
                self.found.curves[Measure(name, way, taking.filling)][clip] = line
                self._keep(clip, Measure(name, way, taking.filling), better)

    def _areas(self, lines: curves.Curves) -> Tensor:
        return curves.area(lines, len(self.segments))

    def _losses(self, clip: int, taking: Taking, answers: Answers) -> None:
        lost = self._lost.get((clip, taking.filling))
        if lost is None:
            lost = sensitivity.losses(taking, seed=self.seed + clip)
            self._lost[clip, taking.filling] = lost
        for name, answer in answers.items():
            heat = self.segments.sums(answer.whole)
            for measure, value in (
                ("sensitivity-n", sensitivity.sensitivity_n(heat, lost)),
                ("infidelity", sensitivity.infidelity(heat, lost)),
                ("completeness gap", sensitivity.completeness_gap(answer, lost.to_lose)),
            ):
                self._keep(clip, Measure(name, measure, taking.filling), value)

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
