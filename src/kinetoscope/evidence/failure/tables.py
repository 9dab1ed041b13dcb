"""Which numbers stand beside the evidence of confusion, as tables?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kinetoscope.evidence.evidence import write_table


def write_tables(folder: Path, answer: Mapping[str, Any]) -> None:
    """Write a row a pair, a unit that was removed, a unit of a mistaken clip, a near clip."""
    plain = ("one", "other", "cost", "expected")
    _rows(
        folder,
        "pairs",
        [
            {
                **{name: pair[name] for name in plain},
                "one_taken_for_other": pair["taken"][0],
                "other_taken_for_one": pair["taken"][1],
                **{f"share_{name}": value for name, value in pair["share"].items()},
            }
            for pair in answer["pairs"]
        ],
    )
    _rows(folder, "removals", [row for pair in answer["worst"] for row in _removal_rows(pair)])
    clips = [(pair, clip) for pair in answer["worst"] for clip in pair["clips"]]
    told = ("path", "label", "predicted", "probability")
    for name, key in (("clips", "units"), ("neighbours", "neighbours")):
        _rows(
            folder,
            name,
            [
                {**{f"clip_{part}": clip[part] for part in told}, **each}
                for _, clip in clips
                for each in clip[key]
            ],
        )


def _removal_rows(pair: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "one": pair["one"],
            "other": pair["other"],
            "why": why,
            **{name: unit[name] for name in ("unit", "apart", "rate", "push")},
            **{
                f"{measure}_{end}": value
                for measure, ends in pair["removed"][unit["unit"]].items()
                for end, value in zip(("value", "low", "high"), ends, strict=True)
            },
        }
        for why in ("both", "apart", "pushing", "random")
        for unit in pair[why]
    ]


def _rows(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        write_table(folder, name, {key: [row[key] for row in rows] for key in rows[0]})
