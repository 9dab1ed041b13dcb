"""What is told of similarity: how alike every two layers are, and layers of two networks."""

from typing import Any

from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of similarity shows."""
    answer = found.answer
    own = [line[place]["value"] for place, line in enumerate(answer["random"] or ())]
    known = [(value, layer) for value, layer in zip(own, answer["layers"], strict=False) if value]
    summary: dict[str, Any] = {
        "layers": len(answer["layers"]),
        "first_and_last": answer["within"][0][-1],
        "ends": [answer["layers"][0], answer["layers"][-1]],
        "changed_most": min(known)[1] if known else None,
        "left_of_it": min(known)[0] if known else None,
    }
    return Told(summary=summary, data={"name": found.provenance.network, **answer})
