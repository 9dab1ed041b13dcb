"""What is told of an audit: findings with their pictures, pairs side by side, suspicious labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from kinetoscope.evidence.audit.audit import GRAVITY
from kinetoscope.evidence.audit.keeping import CLIPS, PICTURES
from kinetoscope.evidence.evidence import FILE, Evidence
from kinetoscope.evidence.scan import read_scan
from kinetoscope.report.answers import rounded
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.shelf import Shelf, Track

_SUSPECTS = 30
_PAIRS = 30
_PLAIN = ("labels", "splits", "videos", "clips", "unlabelled", "failures", "small", "least")
_BOUNDS = ("threshold", "rate", "shuffles")


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of an audit shows."""
    answer = found.answer
    shown = _shown(found, shelf)
    findings = [
        _finding(found, place, finding, shelf) for place, finding in enumerate(answer["findings"])
    ]
    duplicates, suspects = answer["duplicates"], answer["suspects"]
    data = {
        **{name: answer[name] for name in (*_PLAIN, *_BOUNDS)},
        "cues": [
            {"cue": cue, "told": [_told(each) for each in answer["told"] if each["cue"] == cue]}
            for cue in GRAVITY
        ],
        "findings": findings,
        "duplicates": duplicates | {"pairs": duplicates["pairs"][:_PAIRS]},
        "suspects": suspects and suspects | {"list": suspects["list"][:_SUSPECTS]},
        "shown": shown,
    }
    return Told(summary=_summary(answer), data=data)


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The gravest findings, and how many copies and suspects there are."""
    grave = [each for each in answer["findings"] if each["cue"] in GRAVITY[:5]]
    return {
        "findings": [
            {"cue": each["cue"], "label": each["label"], "area": rounded(each["area"]["value"])}
            for each in grave
        ],
        "others": len(answer["findings"]) - len(grave),
        "duplicates": answer["duplicates"]["count"],
        "across": answer["duplicates"]["across"],
        "suspects": answer["suspects"] and answer["suspects"]["count"],
        "clips": answer["clips"],
        "failures": len(answer["failures"]),
    }


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "label": row["label"],
        "clips": row["clips"],
        "area": {name: rounded(value) for name, value in row["area"].items()},
        "shuffled": [rounded(value) for value in row["shuffled"]],
        "rate": rounded(row["rate"]),
        "reported": row["reported"],
    }


def _finding(
    found: Evidence, place: int, finding: Mapping[str, Any], shelf: Shelf
) -> dict[str, Any]:
    """A finding, with the pictures of its cue where it has any."""
    pictures: dict[str, Track | None] = {"own": None, "others": None}
    if finding["pictures"]:
        arrays = load_file(found.folder / PICTURES)
        for name in pictures:
            picture = arrays[f"{place}.{name}"]
            pictures[name] = shelf.strip(f"audit-{place}-{name}", picture[None])
    return {
        "cue": finding["cue"],
        **_told(finding),
        "telling": finding["telling"],
        "numbers": [
            {**each, "own": _all_rounded(each["own"]), "others": _all_rounded(each["others"])}
            for each in finding["numbers"]
        ],
        **pictures,
    }


def _all_rounded(values: list[float]) -> list[float | None]:
    return [rounded(value) for value in values]


def _shown(found: Evidence, shelf: Shelf) -> dict[str, dict[str, Any]]:
    """By video, what is known of the clips that are shown, with their frames."""
    numbers = _numbers_in_report(found)
    arrays: dict[str, torch.Tensor] = load_file(found.folder / CLIPS)
    told = {}
    for video, about in found.answer["shown"].items():
        frames = arrays.get(video)
        told[video] = {
            "name": about["path"],
            "label": about["label"],
            "split": about["split"],
            "clip": numbers.get(about["clip"]),
            "frames": None if frames is None else shelf.strip(f"audit-clip-{video}", frames),
        }
    return told


def _numbers_in_report(found: Evidence) -> dict[int | None, int]:
    """Where in the report each clip of the scan is, if the look is of the same catalog."""
    folder: Path = found.folder.parent / "scan"
    if not (folder / FILE).is_file():
        return {}
    scan = read_scan(folder)
    if scan.provenance.catalog != found.provenance.catalog:
        return {}
    return {clip: number for number, clip in enumerate(scan.clips["clip"].to_list())}
