"""The numbers behind the plots, as tables: a row an answer, a row a frame, a row a question."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kinetoscope.evidence.evidence import write_table

_CLIP = ("path", "label", "predicted")
_QUESTION = ("objective", "value")


def write_tables(folder: Path, answer: Mapping[str, Any]) -> None:
    """Write answers.csv, time.csv and shares.csv beside what is answered."""
    names = [method["name"] for method in answer["methods"]]
    for name, rows in (
        ("answers", [_answer(*each) for each in _answers(answer, names)]),
        ("time", [row for each in _answers(answer, names) for row in _time(*each)]),
        ("shares", [_shares(*each) for each in _questions(answer)]),
    ):
        write_table(folder, name, _columns(rows))


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def _questions(answer: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for clip in answer["clips"]:
        for question in clip["questions"]:
            yield clip, question


def _answers(answer: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for clip, question in _questions(answer):
        for found in question["answers"]:
            if found["error"] is None:
                yield clip, question, names[found["method"]], found


def _said(clip: Mapping[str, Any], question: Mapping[str, Any]) -> dict[str, Any]:
    return {name: clip[name] for name in _CLIP} | {name: question[name] for name in _QUESTION}


def _answer(
    clip: Mapping[str, Any], question: Mapping[str, Any], method: str, found: Mapping[str, Any]
) -> dict[str, Any]:
    box, seconds = found["strongest"], clip["seconds"]
    first, past = box["frames"]
    return {
        **_said(clip, question),
        "method": method,
        "from_seconds": seconds[first] if seconds else None,
        "to_seconds": seconds[past - 1] if seconds else None,
        "top": box["rows"][0],
        "bottom": box["rows"][1],
        "left": box["columns"][0],
        "right": box["columns"][1],
        **{f"sum_{part}": each["sum"] for part, each in found["parts"].items()},
        **{name.replace(" ", "_"): value for name, value in found["facts"].items()},
        "took_seconds": found["took_seconds"],
    }


def _time(
    clip: Mapping[str, Any], question: Mapping[str, Any], method: str, found: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    for part, each in found["parts"].items():
        for frame, heat in enumerate(each["over_time"]):
            yield {
                **_said(clip, question),
                "method": method,
                "part": part,
                "frame": frame,
                "seconds": clip["seconds"][frame] if clip["seconds"] else None,
                "heat": heat,
                "share": each["share_of_time"] and each["share_of_time"][frame],
            }


def _shares(clip: Mapping[str, Any], question: Mapping[str, Any]) -> dict[str, Any]:
    shares = question["shares"] or {"values": {}}
    row = {**_said(clip, question), **shares["values"]}
    for game in ("motion", "streams"):
        for name, added in ((shares.get(game) or {}).get("adds") or {}).items():
            row[f"{name}_adds"] = added
        for name, share in ((shares.get(game) or {}).get("shares") or {}).items():
            row[f"{name}_share"] = share
    return row
