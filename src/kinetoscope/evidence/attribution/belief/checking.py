"""How are methods measured on a sample of clips, and told?

First clip by clip with the network as it is (`measuring.py`), then stage by stage while its weights
are drawn anew (`cascade.py`).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.attribution.belief.agreement import agreement
from kinetoscope.evidence.attribution.belief.cascade import Stage, cascade
from kinetoscope.evidence.attribution.belief.curves import shares_of
from kinetoscope.evidence.attribution.belief.found import Asked, Measured
from kinetoscope.evidence.attribution.belief.measuring import Measuring
from kinetoscope.evidence.attribution.belief.ranking import (
    RULE,
    Gains,
    contenders,
    first_of,
    ranked,
    recommended,
    to_first,
)
from kinetoscope.evidence.attribution.belief.sanity import Randomization, alike_after, chance_of
from kinetoscope.evidence.attribution.belief.segments import Segments
from kinetoscope.evidence.attribution.belief.telling import controls_of, told_of
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.sample import Sample
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Scores
from kinetoscope.units.objective import Objective, label

STAGES = 4  # of the network whose weights are drawn anew
_METHODS = "kinetoscope.evidence.attribution.methods"  # whose modules log


@dataclass(frozen=True, kw_only=True)
class Checking:
    """Methods, a network, and clips.

    Args:
        network: comes back as it went.
        sample: two clips or more.
        methods: by name, and what each is asked.
        fillings: what stands in for what is removed.
        seed: of all that is drawn.
        memory: that a method may take beside the weights [bytes]; None for what is there.
        found: is filled by `measure`.
        random: likewise.
        rounds: likewise; which methods were asked of all clips, because they could come first.
    """

    network: Network
    sample: Sample
    methods: Mapping[str, Asked]
    fillings: Sequence[str]
    seed: int
    memory: int | None
    found: Measured = field(default_factory=Measured)
    random: dict[str, Randomization] = field(default_factory=dict)
    rounds: list[Sequence[str]] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """How often `measure` says that it went on, as far as is known by now."""
        return len(self.sample) * (1 + len(self.rounds)) + STAGES

    def measure(self, one_more: Callable[[], None]) -> None:
        """Measure everything."""
        with _quietly():
            self._measure_clips(one_more)
            self._measure_stages(one_more)
            self._measure_contenders(one_more)

    def _measure_clips(self, one_more: Callable[[], None]) -> None:
        for clip in range(len(self.sample)):
            self._add(clip, [name for name, each in self.methods.items() if clip in each.clips])
            one_more()

    def _measure_stages(self, one_more: Callable[[], None]) -> None:
        for name in self._left():
            chance = chance_of(self.found.heats[name], self.methods[name].steady)
            self.random[name] = Randomization(chance=chance)
        batches = [*self.sample.batches(self.network.expects)]
        for stage in cascade(self.network, batches, stages=STAGES, seed=self.seed):
            self._draw(stage)
            one_more()

    def _measure_contenders(self, one_more: Callable[[], None]) -> None:
        """Ask methods of all clips while one that was not could come first."""
        while more := contenders(self._gains(), len(self.sample), self.seed):
            self.rounds.append(more)
            for clip in range(len(self.sample)):
                self._add(clip, [name for name in more if clip not in self.found.heats[name]])
                one_more()

    def _gains(self) -> dict[str, Gains]:
        """Of the methods that may come first: whose heat changes with the weights."""
        changing = [name for name in self._left() if self.random[name].changes(self.seed)]
        return {name: self.found.gains(name) for name in changing}

    def _add(self, clip: int, methods: Sequence[str]) -> None:
        several = len(self.network.labels) > 1
        rival = self._objective(clip, 1) if several else None
        self._measuring.add(clip, self.questions[clip], rival, methods)

    def told(self, refused: Mapping[str, KinetoscopeError]) -> dict[str, Any]:
        """The answer, as `check.py` tells it.

        Args:
            refused: methods that did not fit before anything was computed.
        """
        methods = ranked(self._told_of_each())
        heats = {each["name"]: self.found.heats[each["name"]] for each in methods}
        alike = agreement(heats, self.seed)
        return {
            **self._about(),
            "recommended": recommended(methods),
            "methods": methods,
            "controls": controls_of(self.found, self.fillings, self.seed),
            "agreement": [[each.to_json() for each in line.values()] for line in alike.values()],
            "refused": [
                {"method": name, "reason": str(error)}
                for name, error in {**refused, **self.found.refused}.items()
            ],
            "failures": list(self.sample.failures),
        }

    def _told_of_each(self) -> list[dict[str, Any]]:
        gains = {name: self.found.gains(name) for name in self._left()}
        first = gains[first_of(self._gains() or gains)] if gains else {}
        found, fillings, seed = self.found, self.fillings, self.seed
        return [
            {
                **told_of(self.methods[name], found, self.random[name], fillings, seed),
                "to_first": to_first(own, first, seed).to_json(),
            }
            for name, own in gains.items()
        ]

    @cached_property
    def questions(self) -> list[Question]:
        """About each clip, of the label that the network finds most likely."""
        clips = self.sample.clips
        others = (*clips[1:], clips[0])
        return [
            Question.about(
                self.network, clip, self._objective(place, 0), memory=self.memory, other=other
            )
            for place, (clip, other) in enumerate(zip(clips, others, strict=True))
        ]

    @cached_property
    def segments(self) -> Segments:
        """Of every clip."""
        return Segments.of(self.questions[0].extent)

    @cached_property
    def _measuring(self) -> Measuring:
        return Measuring(
            methods=self.methods,
            segments=self.segments,
            fillings=self.fillings,
            seed=self.seed,
            found=self.found,
        )

    @cached_property
    def _scores(self) -> Scores:
        with evaluating(self.network), torch.inference_mode():
            batches = self.sample.batches(self.network.expects)
            return torch.cat([self._scores_of(batch) for batch in batches])

    def _scores_of(self, batch: ClipBatch) -> Scores:
        return self.network.scores(batch.to(self.network.device)).cpu()

    def _objective(self, clip: int, place: int) -> Objective:
        """The most likely label of a clip, or one of the next."""
        order = self._scores[clip].argsort(descending=True, stable=True).tolist()
        return label(self.network.labels[order[place]])

    def _left(self) -> list[str]:
        """Methods that have not refused while they computed."""
        return [name for name in self.methods if name not in self.found.refused]

    def _draw(self, stage: Stage) -> None:
        for name in self._left():
            asked = self.methods[name]
            if asked.every_stage or stage.last:
                questions = {clip: self.questions[clip] for clip in asked.steady}
                heats = self.found.heats[name]
                alike = alike_after(stage, asked.method, questions, heats, self.segments)
                self.random[name].stages.append((stage.layers, alike))

    def _about(self) -> dict[str, Any]:
        truth = self.sample.truth(self.network.labels)
        return {
            "clips": len(self.sample),
            "labels": dict(Counter(str(each) for each in self.sample.labels)),
            "right": int((self._scores.argmax(1) == truth).sum()),
            "segments": list(self.segments.parts),
            "streams": list(self.network.expects.streams),
            "fillings": list(self.fillings),
            "tell": {each: self.found.tell(each) for each in self.fillings},
            "shares": shares_of(len(self.segments)),
            "rule": RULE,
        }


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what methods say of single clips: here it is measured, and would be said often."""
    said = logging.getLogger(_METHODS)
    before = said.level
    said.setLevel(logging.ERROR)
    try:
        yield
    finally:
        said.setLevel(before)
