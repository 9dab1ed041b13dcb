"""What did a scan find, in the form the viewer shows: its clips, and each layer's answers?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinetoscope.evidence.evidence import FILE
from kinetoscope.evidence.examples.ranking import EPSILON
from kinetoscope.evidence.scan import Scan, read_scan
from kinetoscope.evidence.specificity.selectivity import Labels, Maxima, class_means, selectivity
from kinetoscope.report.answers import histogram, most_excited, plain, rounded, shares_of_best
from kinetoscope.report.retrieved import Retrieved, read_retrieved
from kinetoscope.report.shelf import Shelf

_LIKELY = 8  # labels shown of a clip's probabilities
_EXCITED = 4  # units of each layer shown of a clip
_TOP = 9  # clips shown of a unit
_SELECTIVE = 14  # units shown of a label
_NONE = {"middle": [], "bottom": [], "excited": None, "led_back": None}


@dataclass(frozen=True, kw_only=True)
class Scanned:
    """Clips, and what layers answered to them.

    Args:
        clips: as the viewer takes them; a clip's place in the list is its number.
        label_places: of each clip; -1 where it has none that the network knows.
        labels: how many the network has.
        maxima: of each layer.
        retrieved: the clips that excite units most, least, and middling.
        failures: where and why a video could not be read.
    """

    clips: list[dict[str, Any]]
    label_places: Labels
    labels: int
    maxima: dict[str, Maxima]
    retrieved: Retrieved
    failures: list[dict[str, str]]

    def answers_of(self, layer: str) -> list[dict[str, Any]] | None:
        """What is known of each unit of a layer; None where the scan did not read it."""
        if layer not in self.maxima:
            return None
        maxima = self.maxima[layer]
        means = class_means(maxima, self.label_places, self.labels)
        keen = selectivity(means)
        best = np.nanmax(maxima, axis=0, initial=-np.inf)
        return [
            {
                "dead": bool(best[channel] <= EPSILON),
                "best_real": rounded(best[channel]),
                "selectivity": rounded(keen[channel]),
                "preferred": _preferred(means[:, channel]),
                "profile": plain(means[:, channel]),
                "histogram": _histogram(maxima[:, channel]),
                **self._clips_of(f"{layer}:{channel}", maxima[:, channel]),
            }
            for channel in range(maxima.shape[1])
        ]

    def _clips_of(self, unit: str, answers: np.ndarray) -> Mapping[str, Any]:
        """The clips that excite a unit; the best alone where there is no retrieval of it."""
        found = self.retrieved.units.get(unit)
        return found if found and found["top"] else {**_NONE, "top": _best_clips(answers)}

    @property
    def full_colour(self) -> float | None:
        """The scale of the clips' motion [pixels per frame]; None without motion."""
        return self.retrieved.full_colour


def read_scanned(look_folder: Path, shelf: Shelf) -> Scanned | None:
    """Read the scan of a look, and the clips that were kept; None where there is no scan.

    Raises:
        EvidenceError: a folder is there and can't be read.
    """
    folder = look_folder / "evidence" / "scan"
    if not (folder / FILE).is_file():
        return None
    scan = read_scan(folder)
    places = {label: place for place, label in enumerate(scan.labels)}
    clips = [
        _clip(number, row, places) for number, row in enumerate(scan.clips.iter_rows(named=True))
    ]
    numbers = {clip: number for number, clip in enumerate(scan.clips["clip"])}
    scanned = Scanned(
        clips=clips,
        label_places=np.array([places.get(label, -1) for label in scan.clips["label"]], dtype=int),
        labels=len(places),
        maxima={layer: _maxima(scan, layer) for layer in scan.layers},
        retrieved=read_retrieved(look_folder / "evidence" / "retrieval", clips, numbers, shelf),
        failures=[
            {"where": f"{each['where']} {each['path']}", "error": each["error"]}
            for each in scan.failures
        ],
    )
    _add_excited_units(scanned)
    return scanned


def _maxima(scan: Scan, layer: str) -> Maxima:
    return scan.maxima(layer).double().numpy()


def _add_excited_units(scanned: Scanned) -> None:
    """Tell each clip which units of each layer it excites most, as a share of their best clip.

    The last layers come first; they tell the clip apart best.
    """
    for layer, maxima in reversed(scanned.maxima.items()):
        shares = shares_of_best(maxima, EPSILON)
        for clip, row, answers in zip(scanned.clips, shares, maxima, strict=True):
            clip["units"] += [
                {
                    "unit": f"{layer}:{channel}",
                    "activation": rounded(answers[channel]),
                    "share": rounded(row[channel]),
                }
                for channel in most_excited(row, _EXCITED)
            ]


def selective_units(units: Sequence[Mapping[str, Any]], label: int) -> list[dict[str, Any]]:
    """The units that prefer a label, the most selective first."""
    own = [unit for unit in units if unit["preferred"] == label and unit["selectivity"] is not None]
    own.sort(key=lambda unit: (-unit["selectivity"], unit["unit"]))
    return [{key: unit[key] for key in ("unit", "selectivity")} for unit in own[:_SELECTIVE]]


def _clip(number: int, row: Mapping[str, Any], places: Mapping[str, int]) -> dict[str, Any]:
    """A clip as the viewer takes it, before pictures and units are added."""
    probabilities = np.asarray(row["probabilities"] or [])
    order = most_excited(probabilities, _LIKELY)
    shown = [rounded(float(probabilities[place])) for place in order]
    seconds = row["seconds"]
    return {
        "id": number,
        "name": row["path"],
        "label": places.get(row["label"]),
        "other_label": None if row["label"] in places else row["label"],
        "predicted": order[0] if order else None,
        "probability": shown[0] if shown else None,
        "likely": order,
        "probabilities": shown,
        "error": row["error"],
        "seconds": [rounded(seconds[0]), rounded(seconds[-1])] if seconds else None,
        "frames": None,
        "flow": None,
        "units": [],
    }


def _best_clips(answers: np.ndarray) -> list[dict[str, Any]]:
    """The clips that excite a unit most, where no retrieval has told where in them."""
    return [
        {"clip": clip, "activation": rounded(answers[clip]), "seconds": None, "place": None}
        for clip in most_excited(answers, _TOP)
    ]


def _preferred(means: np.ndarray) -> int | None:
    known = np.where(np.isnan(means), -np.inf, means)
    return int(known.argmax()) if len(known) and known.max() > 0 else None


def _histogram(answers: np.ndarray) -> dict[str, list[Any]] | None:
    edges, counts = histogram(answers)
    return {"edges": plain(edges), "counts": counts} if counts else None
