"""How do verbs tell alike what they found, and what they could not read?"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.evidence.scan import Scan

_MOST = 20  # errors that are named; the others are counted


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Words in the first column, numbers in the others."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def sure(found: Mapping[str, Any] | None) -> str:
    """A number, and how far it is to the farther end of its interval.

    >>> sure({"value": 0.5, "low": 0.25, "high": 0.6})
    '0.50 ±0.25'
    """
    if found is None or found["value"] is None:
        return "-"
    value, low, high = found["value"], found["low"], found["high"]
    return f"{value:.2f}" + ("" if low is None else f" ±{max(value - low, high - value):.2f}")


def tell_errors(errors: Sequence[str], rest: str = "") -> None:
    """Name some errors and count the others.

    Args:
        errors: one for each video that could not be read.
        rest: said behind the count, such as where all of them stand.
    """
    for error in errors[:_MOST]:
        click.echo(error, err=True)
    if len(errors) > _MOST:
        click.echo(f"and {len(errors) - _MOST} more{rest}", err=True)


def end_with(errors: Sequence[str], rest: str = "") -> None:
    """Name errors as `tell_errors` does, and end the verb with exit code 1 if there are any."""
    tell_errors(errors, rest)
    if errors:
        click.get_current_context().exit(1)


def tell_failures(scans: Sequence["Scan"], failures: Sequence[Mapping[str, Any]]) -> None:
    """Name what was not possible; the exit code is 1 if a video could not be read.

    Args:
        scans: whose videos were to be read.
        failures: of a method, each with the `layer` or the `path` of the video, and the `error`.
    """
    unread = {failure["path"]: failure["error"] for scan in scans for failure in scan.failures}
    unread |= {each["path"]: each["error"] for each in failures if "path" in each}
    for each in failures:
        if "layer" in each:
            click.echo(f"{each['layer']} is left out: {each['error'].splitlines()[0]}", err=True)
    end_with(list(unread.values()))
