"""What is told of the check of attribution methods: which can be believed for this network."""

from collections.abc import Mapping
from typing import Any

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.answers import rounded
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of the check shows."""
    answer = found.answer
    best = next((e for e in answer["methods"] if e["name"] == answer["recommended"]), None)
    summary = {
        "methods": len(answer["methods"]),
        "clips": answer["clips"],
        "recommended": answer["recommended"],
        "gain": best and best["gain"],
        "stays": [each["name"] for each in answer["methods"] if not each["changes"]],
    }
    return Told(summary=_short(summary), data=_short(answer))


def _short(value: Any) -> Any:
    """The same, with numbers of few digits."""
    if isinstance(value, Mapping):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value]
    return rounded(value) if isinstance(value, float) else value
