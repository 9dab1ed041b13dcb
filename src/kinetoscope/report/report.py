"""How do folders of evidence become a report that opens by double click?

Only files are read, never a network or a video. The page is written last, so a report is the old
one or the new one. The same evidence gives the same bytes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kinetoscope
from kinetoscope.evidence.evidence import FILE, Evidence, read_evidence
from kinetoscope.files import write_text
from kinetoscope.report.chapters.chapters import chapters_part
from kinetoscope.report.evaluations import evaluation_part, label_accuracies, variants_part
from kinetoscope.report.figure import figure_part
from kinetoscope.report.layers import (
    best_ratio,
    layer_part,
    sprites,
    streams_of,
    strongest,
    suspicious,
    units_part,
)
from kinetoscope.report.objectives import Objectives, label_part, maximization_part, read_objectives
from kinetoscope.report.page import LIBRARIES, VIEWER, handing_over, page
from kinetoscope.report.pictures import key_picture
from kinetoscope.report.scanned import Scanned, read_scanned, selective_units
from kinetoscope.report.shelf import Shelf

PAGE = "index.html"
_HERO = 16  # units on the overview
_NETWORK = ("name", "labels", "expects", "weights_count")


def write_report(look_folder: Path, out: Path | None = None) -> Path:
    """Write the report of a look; what is there already is replaced.

    Args:
        look_folder: holds the folder `evidence` that a look has filled, in part or whole.
        out: where to write it; the look's own folder if not given.

    Returns:
        The page to open.

    Raises:
        EvidenceError: there is no evidence of a network, or some of it can't be read.
    """
    out = out or look_folder
    shelf = Shelf(out)
    network = read_evidence(look_folder / "evidence" / "network", "network")
    evaluations = _evaluations(look_folder)
    scanned = read_scanned(look_folder, shelf)
    seen = {layer["name"]: streams_of(layer) for layer in network.answer["layers"]}
    objectives = read_objectives(look_folder, network.answer, shelf, seen)
    units = {
        layer["name"]: units_part(layer, objectives=objectives, scanned=scanned)
        for layer in network.answer["layers"]
    }
    layers = _layers(network.answer, units, shelf)
    look = {
        "network": {key: network.answer.get(key) for key in _NETWORK},
        "layers": layers,
        "evaluation": evaluation_part(evaluations),
        "variants": variants_part(evaluations),
        "labels": _labels(network.answer["labels"], evaluations, units),
        **_clips(scanned, shelf),
        **_sums(units, layers),
        **_made(look_folder, network.answer, objectives, shelf),
        "figure": figure_part(layers, units, scanned, labels=len(network.answer["labels"])),
        "key": shelf.strip("key", key_picture()),
        "chapters": chapters_part(look_folder, shelf),
        "not_done": _not_done(look_folder),
        "provenance": _provenance(look_folder),
    }
    title = f"{network.answer['name']} · Kinetoscope"
    libraries = [_library(name, shelf) for name in LIBRARIES]
    text = page(look, title=title, version=kinetoscope.__version__, libraries=libraries)
    write_text(out / PAGE, text)
    shelf.remove_others()
    return out / PAGE


def _evaluations(look_folder: Path) -> list[Evidence]:
    """All of them, that of the whole clip and those where part of it was taken away."""
    folders = sorted((look_folder / "evidence").glob(f"evaluation*/{FILE}"))
    return [read_evidence(path.parent, "evaluation") for path in folders]


def _layers(
    network: Mapping[str, Any], units: Mapping[str, list[dict[str, Any]]], shelf: Shelf
) -> list[dict[str, Any]]:
    streams = len(network["expects"]["streams"])
    parts = []
    for number, layer in enumerate(network["layers"]):
        own = units[layer["name"]]
        data = _kept_data(f"layer-{number}", own, shelf) if own else None
        sloped = layer["name"] not in network.get("without_stimuli", ())
        parts.append(layer_part(layer, own, streams=streams, sloped=sloped, data=data))
    return parts


def _kept_data(name: str, value: Any, shelf: Shelf) -> str:
    """Keep a part of the data that the viewer asks for when it needs it; gives its address."""
    return shelf.text(f"data/{name}.js", handing_over(value))


def _labels(
    labels: Sequence[str],
    evaluations: Sequence[Evidence],
    units: Mapping[str, list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """The last layer with a unit a label is left out: that its units prefer it tells nothing."""
    measured = label_accuracies(evaluations)
    scores = [layer for layer, own in units.items() if len(own) == len(labels)][-1:]
    together = [unit for layer, own in units.items() if layer not in scores for unit in own]
    parts = []
    for place, name in enumerate(labels):
        count, accuracy = measured.get(name, (None, None))
        own = selective_units(together, place)
        parts.append({"name": name, "count": count, "accuracy": accuracy, "units": own})
    return parts


def _clips(scanned: Scanned | None, shelf: Shelf) -> dict[str, Any]:
    if scanned is None:
        return {"clips": None, "clips_count": 0, "clips_full_colour": None, "failures": []}
    return {
        "clips": _kept_data("clips", scanned.clips, shelf),
        "clips_count": len(scanned.clips),
        "clips_full_colour": scanned.full_colour,
        "failures": scanned.failures,
    }


def _made(
    look_folder: Path, network: Mapping[str, Any], objectives: Objectives, shelf: Shelf
) -> dict[str, Any]:
    """The stimuli of labels; how making them went; and what belongs to no unit and no label."""
    labels = [label_part(name, objectives) for name in network["labels"]]
    any_label = any(part["stimuli"] or part["others"] for part in labels)
    return {
        "label_stimuli": _kept_data("labels", labels, shelf) if any_label else None,
        "maximization": maximization_part(look_folder, objectives),
        "objectives": [each.link for each in objectives.shown],
    }


def _sums(
    units: Mapping[str, list[dict[str, Any]]], layers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the overview says of all units together."""
    together = [unit for own in units.values() for unit in own]
    ratios = [ratio for unit in together if (ratio := best_ratio(unit)) is not None]
    asked = {each["slowness"] for unit in together for each in unit["stimuli"]}
    paces = Counter(pace for unit in together if (pace := _favourite_pace(unit)) is not None)
    return {
        "sprites": _hero(units, layers),
        "sums": {
            "above_one": sum(ratio > 1 for ratio in ratios),
            "measured": len(ratios),
            "stimuli": sum(bool(unit["stimuli"]) for unit in together),
            "suspicious": sum(suspicious(unit) for unit in together),
            "dead": sum(unit["dead"] is True for unit in together),
            "scanned": sum(unit["dead"] is not None for unit in together),
            "pace": [
                {"slowness": pace, "count": paces[pace]} for pace in sorted(asked, reverse=True)
            ],
        },
    }


def _hero(
    units: Mapping[str, list[dict[str, Any]]], layers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The units on the overview, in rows of four: from the last layers, of all streams first."""
    joined = [layer for layer in layers[::-1] if layer["lane"] == "both"]
    order = [*joined, *(layer for layer in layers[::-1] if layer["lane"] != "both")]
    shown = [each for layer in order for each in sprites(units[layer["name"]], _HERO // 2)][:_HERO]
    return shown[: len(shown) // 4 * 4] or shown


def _favourite_pace(unit: Mapping[str, Any]) -> float | None:
    """The slowness of the stimulus that excites most; None where there is no choice."""
    if unit["dead"] or len(unit["stimuli"]) < 2:
        return None
    return strongest(unit["stimuli"])["slowness"]


def _not_done(look_folder: Path) -> list[dict[str, str]]:
    """The stages of a look that could not be done for this network or this catalog, and why."""
    folder = look_folder / "evidence" / "stages"
    if not (folder / FILE).exists():
        return []
    return read_evidence(folder, "stages").answer["failures"]


def _provenance(look_folder: Path) -> list[dict[str, Any]]:
    """Of every folder of evidence; of the stimuli, which differ in their unit alone, the first."""
    root = look_folder / "evidence"
    stimuli = sorted(root.glob(f"stimuli/*/{FILE}"))[:1]
    folders = [path.parent for path in [*sorted(root.glob(f"*/{FILE}")), *stimuli]]
    return [
        {
            "kind": each.kind,
            "folder": each.folder.relative_to(look_folder).as_posix(),
            "provenance": vars(each.provenance),
        }
        for each in map(read_evidence, folders)
    ]


def _library(name: str, shelf: Shelf) -> str:
    text = (VIEWER / "vendor" / name).read_text(encoding="utf-8")
    return shelf.text(f"viewer/{name}", text)
