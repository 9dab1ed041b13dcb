"""What is told of embeddings: maps of clips, with pictures, and how far they can be trusted."""

from typing import Any

import torch
from safetensors.torch import load_file

from kinetoscope.evidence.evidence import FILE, Evidence, read_evidence
from kinetoscope.evidence.representation.placed import belongs
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf, Track

_HIDDEN = ("arrays",)  # what is only there to continue a map
_QUALITY = ("layer", "method", "trustworthiness", "agreement", "in_features", "random")


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of embeddings shows; clips that were placed stand among the others."""
    answer = found.answer
    best = max(
        answer["maps"], key=lambda each: (each["agreement"] or each["trustworthiness"])["value"]
    )
    data = {
        **{name: answer[name] for name in ("labels", "neighbours", "clips", "failures")},
        "maps": [
            {name: value for name, value in each.items() if name not in _HIDDEN}
            for each in answer["maps"]
        ],
        "pictures": _strip(found, shelf),
        "placed": _placed(found, shelf),
    }
    summary = {"clips": len(answer["clips"]), "best": {name: best[name] for name in _QUALITY}}
    return Told(summary=summary, data=data)


def _placed(found: Evidence, shelf: Shelf) -> dict[str, Any] | None:
    """What was put into these maps; None where nothing was, or into other ones."""
    folder = found.folder.parent / "placed"
    if not (folder / FILE).exists():
        return None
    placed = read_evidence(folder, "placed")
    if not belongs(placed, found):
        return None
    parts = {name: placed.answer[name] for name in ("clips", "maps", "failures")}
    return {**parts, "pictures": _strip(placed, shelf)}


def _strip(found: Evidence, shelf: Shelf) -> Track | None:
    name = found.answer["pictures"]
    if name is None:
        return None
    pictures: torch.Tensor = load_file(found.folder / name)["pictures"]
    return shelf.strip(f"{found.kind}-pictures", pictures)
