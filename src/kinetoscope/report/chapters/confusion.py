"""What is told of confusion: the pairs, and of the worst why they are mixed up."""

from collections.abc import Mapping
from typing import Any

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of confusion shows."""
    return Told(summary=_summary(found.answer), data=found.answer)


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """How many clips are mistaken, the costliest pair, and the unit that does most harm there."""
    worst = answer["worst"][0] if answer["worst"] else None
    return {
        "wrong": answer["wrong"],
        "clips": answer["clips"],
        "pair": None if worst is None else {key: worst[key] for key in ("one", "other", "taken")},
        "unit": None if worst is None else _most_harmful(worst),
    }


def _most_harmful(pair: Mapping[str, Any]) -> dict[str, Any] | None:
    """The unit whose removal puts most mistakes right; None where none puts any right."""
    changes = [
        (unit["unit"], pair["removed"][unit["unit"]])
        for why in ("pushing", "both", "apart")
        for unit in pair[why]
    ]
    told = [
        {"unit": unit, "mended": change["mended"], "taken": change["taken"]}
        for unit, change in changes
        if change["mended"][0]
    ]
    return max(told, key=lambda each: each["mended"][0], default=None)
