"""Which objectives does a look have stimuli of, and to which pages do they belong?

An objective that speaks of a unit belongs to that unit's page, one that speaks of a label to that
label's; one that speaks of neither, such as a direction, has a page of its own only.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kinetoscope.engines.here import map_here
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.evidence import FILE, read_evidence
from kinetoscope.report.page import handing_over
from kinetoscope.report.shelf import Shelf
from kinetoscope.report.stimuli import in_brief, stimuli_part
from kinetoscope.units.objective import Channel, Label, Neuron, Objective
from kinetoscope.units.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The stimuli of one objective, as far as pages of many need them.

    Args:
        objective: what they were made for.
        stimuli: in brief, the slowest first.
        told: where all of it is kept.
        best_real: the objective's largest answer to the reference clips.
        reference: what these are.
    """

    objective: Objective
    stimuli: list[dict[str, Any]]
    told: str
    best_real: float | None
    reference: str | None

    @property
    def link(self) -> dict[str, str]:
        """What a page needs to ask for the whole of it."""
        return {"objective": str(self.objective), "told": self.told}


@dataclass(frozen=True, kw_only=True)
class Objectives:
    """All that a look has stimuli of.

    Args:
        shown: in the order of their folders.
        unread: objective and reason of those that can't be shown.
    """

    shown: list[Shown]
    unread: list[dict[str, str]]
    _by_name: Mapping[str, list[Shown]] = field(init=False)

    def __post_init__(self):
        by_name: dict[str, list[Shown]] = defaultdict(list)
        for each in self.shown:
            for name in _names(each.objective):
                by_name[name].append(each)
        object.__setattr__(self, "_by_name", by_name)

    def of_unit(self, unit: Unit) -> list[Shown]:
        """Those that speak of a unit: of all its places first, then of one, then all others."""
        return sorted(self._by_name.get(str(unit), []), key=_how_plainly)

    def of_label(self, label: str) -> list[Shown]:
        """Those that speak of a label: of nothing else first."""
        return sorted(self._by_name.get(str(Label(label)), []), key=_how_plainly)

    @property
    def reference(self) -> str | None:
        """What the activations are held against."""
        return next((each.reference for each in self.shown if each.reference), None)


def read_objectives(
    look_folder: Path,
    network: Mapping[str, Any],
    shelf: Shelf,
    streams: Mapping[str, Sequence[str]],
) -> Objectives:
    """Read all stimuli of a look, and keep what pages show of them.

    Args:
        look_folder: where the evidence is.
        network: its evidence.
        shelf: where pictures and parts are kept.
        streams: those that each layer sees.

    Raises:
        EvidenceError: some of it can't be read.
    """
    expects = network["expects"]
    extent = (expects["frames"], *expects["size"])

    def told(folder: Path) -> Shown:
        part = stimuli_part(folder, shelf, streams=streams, extent=extent)
        return Shown(
            objective=Objective.parse(part["objective"]),
            stimuli=in_brief(part),
            told=shelf.text(f"data/stimuli-{folder.name}.js", handing_over(part)),
            best_real=part["best_real"],
            reference=part["reference"],
        )

    shown, unread = [], []
    folders = sorted((look_folder / "evidence" / "stimuli").glob(f"*/{FILE}"))
    for done in map_here(told, [path.parent for path in folders]):
        if isinstance(done.error, UnknownNameError):
            written = read_evidence(done.item, "stimulus").answer["objective"]
            unread.append({"objective": written, "reason": str(done.error)})
        elif done.error is not None or done.answer is None:
            raise done.error or AssertionError("stimuli that are neither shown nor refused")
        else:
            shown.append(done.answer)
    return Objectives(shown=shown, unread=unread)


def label_part(label: str, objectives: Objectives) -> dict[str, Any]:
    """The stimuli of a label in brief, and where all that speaks of it is told."""
    shown = objectives.of_label(label)
    alone = shown[:1] if shown and shown[0].objective.label == label else []
    return {
        "label": label,
        "stimuli": alone[0].stimuli if alone else [],
        "told": alone[0].told if alone else None,
        "others": [each.link for each in shown if each not in alone],
    }


def maximization_part(look_folder: Path, objectives: Objectives) -> dict[str, Any] | None:
    """What was asked for, what was made of it, and why the rest was not; None if nothing was."""
    folder = look_folder / "evidence" / "maximization"
    answer: Mapping[str, Any] = {}
    if (folder / FILE).is_file():
        answer = read_evidence(folder, "maximization").answer
    elif not objectives.shown:
        return None
    return {
        "asked": len(answer.get("asked", objectives.shown)),
        "made": len(answer.get("made", objectives.shown)),
        "failures": [*answer.get("failures", []), *objectives.unread],
        "left": list(answer.get("left", [])),
        "reference": answer.get("reference") or objectives.reference,
    }


def _names(objective: Objective) -> set[str]:
    """The units and labels that it speaks of."""
    found = set()
    for _, goal in objective.terms:
        if isinstance(goal, Channel | Neuron):
            found.add(str(Unit(goal.layer, goal.channel)))
        elif isinstance(goal, Label):
            found.add(str(goal))
    return found


def _how_plainly(shown: Shown) -> tuple[int, str]:
    """An order: a channel or a label alone, a neuron alone, then sums and differences."""
    objective = shown.objective
    if objective.unit is None and objective.label is None:
        return 2, str(objective)
    return int(isinstance(objective.terms[0][1], Neuron)), str(objective)
