"""What is told of probes: how well labels are read from each layer, beside its controls."""

from typing import Any

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of probes shows."""
    answer = found.answer
    return Told(summary=_summary(answer), data=answer)


def _summary(answer: dict[str, Any]) -> dict[str, Any]:
    """The first layer, and the first of those that no other is better than, by the first probe."""
    kind = (answer["probes"][0]["machine"], answer["probes"][0]["pool"])
    own = [probe for probe in answer["probes"] if (probe["machine"], probe["pool"]) == kind]
    best = max(own, key=lambda probe: probe["accuracy"]["value"])
    parts = ("layer", "accuracy", "random", "since_first")
    return {
        "first": {name: own[0][name] for name in parts},
        "best": {name: best[name] for name in parts},
        "layers": len(own),
        "chance": answer["chance"],
    }
