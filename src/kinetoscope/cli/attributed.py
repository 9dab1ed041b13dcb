"""How is it told on the command line what an answer rests on?"""

from collections.abc import Mapping, Sequence
from typing import Any

import click

_MOST = 40  # answers that are printed; all are in answers.csv
_GAP = 0.05  # of a whole that a method says it tells: what may be missing


def tell_clips(answer: Mapping[str, Any]) -> None:
    """What the network says of each clip, what that is owed to, and what each method finds.

    Args:
        answer: of the evidence of attribution.
    """
    names = [method["name"] for method in answer["methods"]]
    lines, warnings = [], []
    for clip in answer["clips"]:
        is_ = f", and is {clip['label']}" if clip["label"] else ""
        lines.append(f"{clip['path']}: {clip['predicted']} {clip['probability']:.0%}{is_}")
        if filled := _filled(clip["seconds"]):
            warnings.append(
                f"{clip['path']} is too short for {filled} of {len(clip['seconds'])} frames; they"
                " were filled up, and heat there is of what was filled in"
            )
        for question in clip["questions"]:
            lines += [f"  {question['objective']} = {question['value']:.3g}", *_shares(question)]
            for each in question["answers"]:
                name = names[each["method"]]
                lines.append(f"    {name:<{max(map(len, names))}}  {_found(clip, each)}")
                warnings += _warnings(f"{clip['path']}, {name}", question, each)
    for line in lines[:_MOST]:
        click.echo(line)
    if len(lines) > _MOST:
        click.echo(f"and {len(lines) - _MOST} lines more, all of it in answers.csv and shares.csv")
    for warning in warnings[:_MOST]:
        click.echo(warning, err=True)


def unanswered(answer: Mapping[str, Any]) -> list[str]:
    """The errors, if no method answered anything; else none."""
    found = [
        each["error"]
        for clip in answer["clips"]
        for question in clip["questions"]
        for each in question["answers"]
    ]
    return [] if None in found else list(dict.fromkeys(found))


def _filled(seconds: Sequence[float]) -> int:
    """How many frames at the end of a clip were shown before.

    >>> _filled([0.0, 0.1, 0.2, 0.2]), _filled([0.0, 0.1, 0.0, 0.1])
    (1, 2)

    A slow video, whose frames stand for longer than a frame of the clip, is not filled up.

    >>> _filled([0.0, 0.0, 0.2, 0.2])
    0
    """
    new = sorted(set(seconds))
    return len(seconds) - len(new) if list(seconds[: len(new)]) == new else 0


def _found(clip: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Where a method finds most, and what it tells of itself."""
    if found["error"] is not None:
        return found["error"].splitlines()[0]
    box, shown = found["strongest"], clip["seconds"]
    when = _when(shown[box["frames"][0]], shown[box["frames"][1] - 1])
    where = f"rows {_span(box['rows'])}, columns {_span(box['columns'])}"
    return "; ".join([f"most at {when}, {where}", *_facts(found["facts"])])


def _when(first: float, last: float) -> str:
    return f"{first:.2f} s" if first == last else f"{first:.2f}-{last:.2f} s"


def _span(span: Sequence[int]) -> str:
    return f"{span[0]}-{span[1] - 1}"


def _facts(facts: Mapping[str, float]) -> list[str]:
    """Without what is told twice, as a number and as a part."""
    return [f"{name} {value:.3g}" for name, value in facts.items() if ", " not in name]


def _shares(question: Mapping[str, Any]) -> list[str]:
    """What motion and appearance add, and each stream."""
    if question["shares"] is None:
        return [f"    {question['unshared'].splitlines()[0]}"]
    lines = []
    for game in ("motion", "streams"):
        found = question["shares"][game]
        if found is None:
            continue
        shares = found["shares"] or {}
        parts = [
            f"{name} adds {value:.3g}" + (f" ({shares[name]:.0%})" if name in shares else "")
            for name, value in found["adds"].items()
        ]
        lines.append(f"    {', '.join(parts)}")
    return lines


def _warnings(where: str, question: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a method says of itself that its user should know."""
    facts = found.get("facts") or {}
    share = facts.get("completeness gap, part of the difference")
    if share is None or abs(share) <= _GAP:
        return []
    return [
        f"{where}: the heat misses {abs(share):.0%} of what {question['objective']} rests on;"
        " more steps bring it nearer, such as --set steps=128"
    ]


def tell_along(answer: Mapping[str, Any]) -> None:
    """When a long video speaks most for what was asked, and where.

    Args:
        answer: of the evidence of attribution along a video.
    """
    from rich.console import Console

    from kinetoscope.cli.telling import table

    click.echo(
        f"{answer['path']}: {answer['objective']} in {len(answer['windows'])} windows of"
        f" {answer['seconds'][-1] - answer['seconds'][0]:.2f} s"
    )
    rows = []
    for method in answer["methods"]:
        box = method["strongest"]
        when = _when(*box["seconds"])
        rows.append([method["name"], when, _span(box["rows"]), _span(box["columns"])])
    Console().print(table(("method", "strongest at", "rows", "columns"), rows))
