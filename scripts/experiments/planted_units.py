"""Does maximizing a unit find what was planted in it?

A hundred units whose favourite clip is known (tests/evidence/bank.py) are maximized, from noise, at
several values of slowness, and what excites a unit most is measured against what was planted: the
direction, the speed and the spatial frequency, and the activation against the best there is. Once
with quadratic priors, of which the best is known in closed form, and once with the default ones.

    python scripts/experiments/planted_units.py
"""

import argparse
import os
import platform
import resource
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the bank stands among the tests

from kinetoscope.evidence.stimuli.maximize import maximize  # noqa: E402
from kinetoscope.evidence.stimuli.settings import Maximizing  # noqa: E402
from kinetoscope.units.objective import Objective  # noqa: E402
from tests.evidence.bank import SETTINGS, PlantedUnit, planted_bank  # noqa: E402
from tests.evidence.recovery import ACTIVATION, DEGREES, SHARE, Recovery, recovery  # noqa: E402

DOCUMENT = ROOT / "docs" / "experiments" / "planted-units.md"
SLOWNESS = (0.0, 1.0, 10.0)
DEFAULT = Maximizing(steps=SETTINGS.steps)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of one unit.

    Args:
        family: its kind.
        recovery: of the stimulus that excites it most.
        kept: what it answers at the largest slowness, as a share of that.
    """

    family: str
    recovery: Recovery
    kept: float


def main() -> None:
    """Maximize all units in both ways, and write down what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    networks: dict[int, list[PlantedUnit]] = {}
    for unit in planted_bank():
        networks.setdefault(id(unit.network), []).append(unit)
    largest_first = sorted(networks.values(), key=_work, reverse=True)
    with ProcessPoolExecutor(given.workers, initializer=torch.set_num_threads, initargs=(1,)) as at:
        found = [at.map(way, largest_first) for way in (with_closed_form, by_default)]
        closed, default = ([run for runs in each for run in runs] for each in found)
    minutes = sum(map(_processor_minutes, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))
    given.document.parent.mkdir(parents=True, exist_ok=True)
    given.document.write_text(text(closed, default, minutes), encoding="utf-8")


def _processor_minutes(who: int) -> float:
    used = resource.getrusage(who)
    return (used.ru_utime + used.ru_stime) / 60


def _work(units: Sequence[PlantedUnit]) -> int:
    return sum(stream.numel() for unit in units for stream in unit.clip.values())


def with_closed_form(units: Sequence[PlantedUnit]) -> list[Run]:
    """Units of one network, with the priors for which their best clips are known."""
    return _runs(units, SETTINGS, {})


def by_default(units: Sequence[PlantedUnit]) -> list[Run]:
    """The same with the default ones, as if real clips had come up to the closed form."""
    return _runs(units, DEFAULT, {unit.objective: unit.optimum for unit in units})


def _runs(
    units: Sequence[PlantedUnit], settings: Maximizing, best_real: dict[Objective, float]
) -> list[Run]:
    made = maximize(
        units[0].network,
        [unit.objective for unit in units],
        slowness=SLOWNESS,
        best_real=best_real,
        settings=settings,
    )
    if made.failures:
        raise SystemExit(f"{made.failures[0].objective} failed: {made.failures[0].reason}")
    runs = []
    for unit in units:
        stimuli = made.of(unit.objective)
        best = max(stimuli, key=lambda each: each.activation)
        kept = stimuli[-1].activation / best.activation
        runs.append(Run(family=unit.family, recovery=recovery(unit, best), kept=kept))
    return runs


def text(closed: Sequence[Run], default: Sequence[Run], minutes: float) -> str:
    """The document."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("kinetoscope", "torch"))
    return "\n".join(
        [
            HEADING,
            "## With quadratic priors, whose best clip is known",
            "",
            *_table(closed, lambda run: run.recovery.passes, of_best=True),
            "",
            f"`{SETTINGS!r}`",
            "",
            "## With the default priors and shifts",
            "",
            *_table(default, lambda run: run.recovery.near, of_best=False),
            "",
            f"`{DEFAULT!r}`",
            "",
            READING,
            f"Slowness {', '.join(f'{chi:g}' for chi in SLOWNESS)}; seed 0; Python "
            f"{platform.python_version()}, {versions}; {minutes:.1f} minutes of processor time.",
            "",
        ]
    )


HEADING = f"""# Is what was planted found?

<!-- Written by scripts/experiments/planted_units.py; change that, not this. -->

    python scripts/experiments/planted_units.py

A hundred units whose favourite clip is known are maximized from noise, and the stimulus that
excites each most, over all values of slowness, is measured. A unit passes if its direction is
found within {DEGREES:g} degrees, its speed and its spatial frequency within {SHARE:.0%}, each where
it has one, and if it is excited at least {ACTIVATION:.0%} as much as by the best clip there is.

| family | what its units like |
|---|---|
| linear | a grating that drifts, in one phase |
| energy | the same in any phase: two filters in quadrature |
| opponent | the same, and the one that drifts the other way puts them off |
| looming | rings that grow or shrink; or, in flow, motion from the centre or to it |
| motion | flow of one direction and speed |
| two streams | a texture in frames *and* a motion in flow: the smaller of both, or the product |

Directions are spread over the circle, speeds are 0.5 to 1.5 pixels per frame in frames and 1 to 3
in flow, gratings have 6, 8 and 11 pixels; `tests/evidence/bank.py` has them all, and the closed
forms.
"""

READING = """## How to read this

Errors are the median of the family and, in brackets, the worst; an activation is a share of the
closed form's, and in brackets is the least. What is left at the largest slowness of the activation
at the best says how much speed matters to a unit. Gratings come out a little wider than they were
planted, and so a little faster, because the priors charge for fine detail: what is found is what is
best under the priors, and the closed form has it so as well. The motion of rings is measured as
seen from the centre, where outwards is one direction. With the default priors there is no closed
form: most pixels are stopped by the bound, and the activation is held against that of the closed
form above, whose clips come half way to the bound.
"""


def _table(runs: Sequence[Run], good: Callable[[Run], bool], *, of_best: bool) -> list[str]:
    activation = "activation, of the best" if of_best else "activation, in units of the above"
    rows = [
        "| family | units | found | direction [degrees] | speed [%] | frequency [%] |"
        f" {activation} | left where slowest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    families = [*Counter(run.family for run in sorted(runs, key=_order)), None]
    for family in families:
        mine = [run for run in runs if family in (run.family, None)]
        found = [run.recovery for run in mine]
        reached = [each.activation for each in found]
        cells = [
            family or "**all**",
            str(len(mine)),
            str(sum(map(good, mine))),
            _worst([each.direction for each in found], 1, 2),
            _worst([each.speed for each in found], 100, 1),
            _worst([each.frequency for each in found], 100, 1),
            f"{statistics.median(reached):.3f} ({min(reached):.3f})",
            f"{statistics.median(run.kept for run in mine):.0%}",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


FAMILIES = ("linear", "energy", "opponent", "looming", "motion", "two streams")


def _order(run: Run) -> int:
    return FAMILIES.index(run.family)


def _worst(values: Sequence[float | None], scale: float, places: int) -> str:
    known = [scale * value for value in values if value is not None]
    if not known:
        return ""
    return f"{statistics.median(known):.{places}f} ({max(known):.{places}f})"


if __name__ == "__main__":
    main()
