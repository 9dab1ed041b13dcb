"""What would labels, units and pairs that are mixed up like to see?"""

from kinetoscope.evidence.beside.reference import reference_from_scan
from kinetoscope.evidence.evidence import (
    FILE,
    read_evidence,
)
from kinetoscope.evidence.failure.confusion import objectives_of_pairs
from kinetoscope.evidence.stimuli.jobs.batch import Wanted
from kinetoscope.evidence.stimuli.jobs.job import Job, maximize_all
from kinetoscope.look.bench import Bench
from kinetoscope.look.grounds import chosen_units, look_at_nature
from kinetoscope.units.objective import Objective, activation, label


def make_stimuli(bench: Bench) -> None:
    """Maximize labels and chosen units, a few at a time, and write each one's stimuli."""
    how, scanned = bench.how, bench.scanned
    nature = look_at_nature(bench)
    wanted = Wanted(
        slowness=how.slowness,
        maximizing=how.maximizing.as_free_as(nature),
        seed=how.seed,
        seeds=how.seeds,
    )
    objectives = [
        *map(label, bench.network.labels),
        *map(activation, chosen_units(bench)),
        *_contrasts(bench),
    ]
    with bench.counted("stimuli") as progress:
        maximize_all(
            bench.network,
            objectives,
            bench.out / "evidence",
            job=Job(wanted=wanted),
            reference=reference_from_scan(scanned),
            nature=nature,
            progress=progress,
        )


def _contrasts(bench: Bench) -> list[Objective]:
    """What tells the classes of a confused pair apart, and is none of the objectives already."""
    folder = bench.folder("confusion")
    if not (folder / FILE).exists():
        return []
    wanted = objectives_of_pairs(read_evidence(folder, "confusion"))
    return [each for each in wanted if each.label is None]
