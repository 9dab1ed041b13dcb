"""What comes of the objectives of one batch, in the time that is left?

They are maximized together, at every seed, and measured. It is one item of a long job, and travels
to whichever process does it. Where time is short, two steps of a first objective tell how long one
takes, and only as many are begun as will be ready; the most important come first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import time
from typing import Any

from kinetoscope.evidence.beside.nature import Nature
from kinetoscope.evidence.beside.reference import Reference
from kinetoscope.evidence.stimuli.asking import Failure
from kinetoscope.evidence.stimuli.maximize import Maximized, kind_of, maximize
from kinetoscope.evidence.stimuli.measures.measuring import measured
from kinetoscope.evidence.stimuli.measures.seeds import stable
from kinetoscope.evidence.stimuli.measures.streams import tie_gap
from kinetoscope.evidence.stimuli.settings import SLOWNESS, Maximizing
from kinetoscope.evidence.stimuli.stimulus import Stimulus
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective

Batch = tuple[Objective, ...]
Progress = Callable[[int], None]
"""Is told how many steps of clips were made."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is wanted of every objective.

    Args:
        slowness: values of chi, one stimulus each.
        maximizing: how stimuli are made.
        seed: of everything random.
        seeds: from how many seeds, the first of them `seed`, the slowest stimulus is made, to tell
            how much it owes to chance.
    """

    slowness: tuple[float, ...] = SLOWNESS
    maximizing: Maximizing = field(default_factory=Maximizing)
    seed: int = 0
    seeds: int = 1

    @property
    def clips(self) -> int:
        """Of each objective."""
        return self.maximizing.diverse * len(self.slowness)

    @property
    def steps(self) -> int:
        """Of clips, of each objective, those of other seeds among them."""
        untied = self.clips if self.maximizing.tie else 0
        others = self.maximizing.diverse * (self.seeds - 1)
        return self.maximizing.steps * (self.clips + untied + others)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of a batch.

    Args:
        stimuli: of every objective that has any.
        failures: objectives that have none, and why. There was no time for those that are in
            neither.
    """

    stimuli: Mapping[Objective, list[Stimulus]] = field(default_factory=dict)
    failures: Sequence[Failure] = ()


@dataclass(kw_only=True)
class Maker:
    """Makes batches, and remembers how long they took.

    Args:
        network: whose units they are.
        wanted: of every objective.
        reference: what answers are held against.
        nature: what spectra and speeds are held against.
        deadline: when to end [seconds of `time.time`]; None makes everything.
        progress: is told of steps, in the process that makes them.
    """

    network: Network
    wanted: Wanted
    reference: Reference | None = None
    nature: Nature | None = None
    deadline: float | None = None
    progress: Progress | None = None
    _seconds: dict[object, float] = field(default_factory=dict)  # an objective, by kind

    def __call__(self, batch: Batch) -> Made:
        """Make what can be made of a batch in time."""
        fitting = batch[: self._fitting(batch)]
        if not fitting:
            return Made()
        began = time()
        made = self._make(fitting)
        self._seconds[kind_of(batch[0])] = (time() - began) / len(fitting)
        return made

    def _fitting(self, batch: Batch) -> int:
        """How many of a batch will be ready in time."""
        if self.deadline is None:
            return len(batch)
        if time() >= self.deadline:
            return 0
        kind = kind_of(batch[0])
        if kind not in self._seconds:
            self._seconds[kind] = self._tried(batch[0])
        return max(0, int((self.deadline - time()) / max(self._seconds[kind], 1e-9)))

    def _tried(self, objective: Objective) -> float:
        """How long an objective takes by itself, by its second and third step [seconds]."""
        wanted, ends = self.wanted, list[float]()
        maximize(
            self.network,
            [objective],
            slowness=wanted.slowness,
            settings=replace(wanted.maximizing, steps=3),
            seed=wanted.seed,
            progress=lambda _: ends.append(time()),
        )
        steps = (len(ends) - 1) * min(wanted.clips, wanted.maximizing.clips_at_once)
        return (ends[-1] - ends[0]) / max(1, steps) * wanted.steps

    def _make(self, batch: Batch) -> Made:
        wanted = self.wanted
        made = self._maximize(batch, wanted.slowness, wanted.seed)
        stimuli = measured(self.network, made.stimuli, reference=self.reference, nature=self.nature)
        if wanted.maximizing.tie:
            stimuli = self._with_gaps(batch, stimuli)
        if wanted.seeds > 1:
            stimuli = self._held_against_other_seeds(stimuli)
        found: dict[Objective, list[Stimulus]] = {}
        for each in stimuli:
            name = self.reference and self.reference.name
            found.setdefault(each.objective, []).append(replace(each, reference=name))
        return Made(stimuli=found, failures=made.failures)

    def _with_gaps(self, batch: Batch, stimuli: list[Stimulus]) -> list[Stimulus]:
        """The stimuli, each with what is lost where flow has to explain the frames."""
        free = self._maximize(batch, self.wanted.slowness, self.wanted.seed, tie=0.0).stimuli
        untied = {(each.objective, each.slowness, each.number): each for each in free}
        found = []
        for each in stimuli:
            other = untied.get((each.objective, each.slowness, each.number))
            gap = None if other is None else tie_gap(other, each)
            found.append(replace(each, measures=replace(each.measures, tie_gap=gap)))
        return found

    def _held_against_other_seeds(self, stimuli: list[Stimulus]) -> list[Stimulus]:
        """The stimuli, the slowest of which know how alike those of other seeds are."""
        wanted = self.wanted
        batch = tuple(dict.fromkeys(each.objective for each in stimuli))
        others = [
            stimulus
            for seed in range(wanted.seed + 1, wanted.seed + wanted.seeds)
            for stimulus in self._maximize(batch, (max(wanted.slowness),), seed).stimuli
        ]
        return stable(self.network, [*stimuli, *others])[: len(stimuli)]

    def _maximize(
        self, batch: Batch, slowness: tuple[float, ...], seed: int, **other: Any
    ) -> Maximized:
        """Maximize a batch; `other` settings than those that are wanted."""
        return maximize(
            self.network,
            batch,
            slowness=slowness,
            best_real=largest_answers(self.reference, batch),
            settings=replace(self.wanted.maximizing, **other),
            seed=seed,
            progress=self.progress,
        )


def batches(objectives: Sequence[Objective], clips: int, at_once: int) -> list[Batch]:
    """Objectives that share a batch each, the batch of the most important first.

    They depend on the list and on nothing else, such as what is there already, so that a job that
    was interrupted ends with the same digits.

    Args:
        objectives: the most important first.
        clips: of each objective.
        at_once: how many clips a batch may have.
    """
    together, alike = max(1, at_once // clips), dict[object, list[Objective]]()
    for objective in objectives:
        alike.setdefault(kind_of(objective), []).append(objective)
    found = [
        tuple(own[first : first + together])
        for own in alike.values()
        for first in range(0, len(own), together)
    ]
    rank = {objective: place for place, objective in enumerate(objectives)}
    return sorted(found, key=lambda batch: rank[batch[0]])


def largest_answers(
    reference: Reference | None, objectives: Sequence[Objective]
) -> dict[Objective, float]:
    """The largest answer to reference clips of every objective, and of every goal in a sum."""
    found: dict[Objective, float] = {}
    if reference is None:
        return found
    for objective in objectives:
        alone = [Objective(((1.0, goal),)) for _, goal in objective.terms]
        for each in (objective, *alone):
            largest = reference.largest(each)
            if largest is not None:
                found[each] = largest
    return found
