"""How are the stimuli of many objectives made, in a job that may be interrupted?

A folder holds what came of it:

    stimuli/<objective>/    the stimuli of one objective, written as soon as they are made
    maximization/           what was asked for, and what came of it: `asked`, `made` and `left` (for
                            lack of time) are lists of objectives, `failures` tells of others the
                            `reason`, `again` lists those that are tried once more when the job is
                            started again, `reference` names what answers are held against

A folder is whole or absent. A job that was killed goes on where it was when it is started again:
batches with anything missing are made again as they were, and so are their digits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import time
from typing import Any, Literal

from kinetoscope.engines.here import Done, map_here
from kinetoscope.engines.on_ray import map_on_ray
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.beside.nature import Nature
from kinetoscope.evidence.beside.reference import Reference
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.stimuli.asking import Failure
from kinetoscope.evidence.stimuli.jobs.batch import (
    Batch,
    Made,
    Maker,
    Wanted,
    batches,
    largest_answers,
)
from kinetoscope.evidence.stimuli.stimulus import write_stimuli
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective

Engine = Literal["here", "ray"]
Progress = Callable[[int, int], None]
"""Is told how many steps of clips are done, and of how many."""

STIMULI, MAXIMIZATION = "stimuli", "maximization"


@dataclass(frozen=True, kw_only=True)
class Job:
    """How a job is done.

    Args:
        wanted: of every objective.
        engine: on this machine, or spread over a cluster of Ray, with the same result.
        minutes: how long it may take; what can't be ready by then is left. None makes everything.
    """

    wanted: Wanted = field(default_factory=Wanted)
    engine: Engine = "here"
    minutes: float | None = None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job.

    Args:
        made: objectives that have stimuli.
        failures: those that have none, and why.
        left: those that there was no time for.
    """

    made: Sequence[Objective] = ()
    failures: Sequence[Failure] = ()
    left: Sequence[Objective] = ()


def maximize_all(
    network: Network,
    objectives: Sequence[Objective],
    out: Path,
    *,
    job: Job | None = None,
    reference: Reference | None = None,
    nature: Nature | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Make the stimuli of objectives, and write each one's as soon as they are made.

    Args:
        network: comes back as it went.
        objectives: the most important first.
        out: a folder.
        job: how.
        reference: what answers are held against; without it activations are told as they are.
        nature: what spectra and speeds are held against; without it they are not.
        progress: is told of steps of clips.

    Raises:
        UnknownNameError: a layer, a channel or a label is not there.
        MissingPackageError: the engine is not installed.
    """
    job = job or Job()
    asked = list(dict.fromkeys(objectives))
    for objective in asked:
        objective.bound(network)
    count = _Count(progress, job.wanted.steps, len(asked))
    maker = Maker(
        network=network,
        wanted=job.wanted,
        reference=reference,
        nature=nature,
        deadline=None if job.minutes is None else time() + 60 * job.minutes,
        progress=count.step if job.engine == "here" else None,
    )
    return _Run(maker, job, asked, out, count).finish()


@dataclass(frozen=True)
class _Run:
    maker: Maker
    job: Job
    asked: list[Objective]
    out: Path
    count: "_Count"

    def finish(self) -> Outcome:
        """Make what is missing, write it, and say what came of all."""
        failures, broken = self._failures_before(), list[Objective]()
        missing = {each for each in self.asked if each not in failures and not self._has(each)}
        items = self._items(missing)
        self.count.objectives(len(self.asked) - sum(map(len, items)))
        for done in self._map(items):
            made = done.answer or _failed(done)
            for objective in missing & made.stimuli.keys():
                stimuli, folder = made.stimuli[objective], self._folder(objective)
                write_stimuli(folder, stimuli, self._provenance(objective))
            failures |= {each.objective: each.reason for each in made.failures}
            broken += [] if done.error is None else done.item
            self.count.objectives(len(done.item))
        outcome = self._outcome(failures)
        self._tell(outcome, broken)
        return outcome

    def _items(self, missing: set[Objective]) -> list[Batch]:
        """The batches in which anything is missing; where time is short, of just that."""
        wanted = self.job.wanted
        every = batches(self.asked, wanted.clips, wanted.maximizing.clips_at_once)
        whole = [batch for batch in every if missing & {*batch}]
        if self.job.minutes is None:
            return whole
        return [tuple(each for each in batch if each in missing) for batch in whole]

    def _map(self, items: Sequence[Batch]) -> Iterator[Done[Batch, Made]]:
        if self.job.engine == "ray" and items:
            gpus = float(self.maker.network.device.type == "cuda")
            return map_on_ray(self.maker, items, gpus=gpus, in_order=False)
        return map_here(self.maker, items, workers=1)

    def _outcome(self, failures: Mapping[Objective, str]) -> Outcome:
        made = [each for each in self.asked if self._has(each)]
        return Outcome(
            made=made,
            failures=[
                Failure(objective=each, reason=failures[each])
                for each in self.asked
                if each in failures and each not in made
            ],
            left=[each for each in self.asked if each not in made and each not in failures],
        )

    # What is there already

    def _has(self, objective: Objective) -> bool:
        return has_evidence(self._folder(objective), self._provenance(objective))

    def _failures_before(self) -> dict[Objective, str]:
        """Of the same job, as far as they are not worth another try."""
        folder = self.out / MAXIMIZATION
        if not has_evidence(folder, self._of_all()):
            return {}
        answer = read_evidence(folder, MAXIMIZATION).answer
        reasons = {each["objective"]: each["reason"] for each in answer["failures"]}
        for objective in answer["again"]:
            reasons.pop(objective, None)
        return {each: reasons[str(each)] for each in self.asked if str(each) in reasons}

    # What is written

    def _tell(self, outcome: Outcome, broken: Sequence[Objective]) -> None:
        """Write what came of all, unless that is what is there."""
        told = {
            "asked": list(map(str, self.asked)),
            "made": list(map(str, outcome.made)),
            "failures": [
                {"objective": str(each.objective), "reason": each.reason}
                for each in outcome.failures
            ],
            "left": list(map(str, outcome.left)),
            "again": list(map(str, [*outcome.left, *broken])),
            "reference": self.maker.reference and self.maker.reference.name,
        }
        folder, provenance = self.out / MAXIMIZATION, self._of_all()
        if has_evidence(folder, provenance) and read_evidence(folder).answer == told:
            return
        with writing_evidence(folder, MAXIMIZATION, provenance) as (_, answer):
            answer.update(told)

    def _folder(self, objective: Objective) -> Path:
        return self.out / STIMULI / objective.file_name

    def _provenance(self, objective: Objective) -> Provenance:
        best = largest_answers(self.maker.reference, [objective])
        return self._asking(str(objective), best_real={str(o): value for o, value in best.items()})

    def _of_all(self) -> Provenance:
        return self._asking("preferred stimuli", asked=list(map(str, self.asked)))

    def _asking(self, objective: str, **settings: Any) -> Provenance:
        shared = self._shared
        return replace(shared, objective=objective, settings={**shared.settings, **settings})

    @cached_property
    def _shared(self) -> Provenance:
        """What the provenances of all objectives share."""
        maker, wanted = self.maker, self.job.wanted
        return Provenance.of(
            maker.network,
            catalog=maker.reference and maker.reference.name,
            settings={
                **wanted.maximizing.to_json(),
                "slowness": list(wanted.slowness),
                "seeds": wanted.seeds,
                "nature": maker.nature and _fingerprint(maker.nature),
            },
            seed=wanted.seed,
        )


class _Count:
    """Of objectives that are done, and of steps within a batch."""

    def __init__(self, progress: Progress | None, steps: int, total: int):
        self._progress, self._steps, self._total = progress, steps, total
        self._done = self._within = 0

    def step(self, clips: int) -> None:
        self._within += clips
        self._tell()

    def objectives(self, count: int) -> None:
        self._done, self._within = self._done + count, 0
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None:
            total = self._total * self._steps
            self._progress(min(self._done * self._steps + self._within, total), total)


def _fingerprint(nature: Nature) -> list[str]:
    """Tells one sample of clips from another."""
    strengths = (each.magnitude.double().sum().item() for each in nature.spectra.values())
    return [str(nature.clips), *(f"{strength:.6g}" for strength in strengths)]


def _failed(done: Done[Batch, Made]) -> Made:
    """A batch that broke off."""
    error = done.error
    reason = (
        str(error) if isinstance(error, KinetoscopeError) else f"{type(error).__name__}: {error}"
    )
    return Made(failures=[Failure(objective=each, reason=reason) for each in done.item])
