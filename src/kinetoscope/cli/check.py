"""Which videos of a catalog are broken, too short, repeated, or in two splits at once?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import (
    catalog_argument,
    labels_option,
    root_option,
    split_option,
)

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.clips.checking import Check
    from kinetoscope.clips.spec import ClipSpec


@click.command("check")
@catalog_argument
@root_option
@split_option
@labels_option
@click.option("--first-label", type=int, help="Whether numbers count from 0 or from 1.")
@click.option("--frames", type=click.IntRange(1), default=2, help="How many a clip has.")
@click.option("--stride", type=click.IntRange(1), default=1, help="From one of them to the next.")
@click.option("--frames-per-second", type=float, help="The rate that videos are brought to.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Where to write it.")
def command(
    catalog: str,
    json_path: Path | None,
    frames: int,
    stride: int,
    frames_per_second: float | None,
    **reading: Any,
) -> None:
    """Decode every video of CATALOG and list what is wrong.

    CATALOG is a csv, a folder of class folders, the folder of UCF-101, HMDB51 or Kinetics, or one
    of the words folder, csv, ucf101, hmdb51 and kinetics, together with --root.

    Listed are files that are missing, can't be opened, end before they should, are shorter than a
    clip, of a frame rate far from the others', or the same as another; videos and groups (people,
    or the videos that clips were cut from) in two splits at once; labels out of range, and classes
    without a video. The exit code is 1 if there is anything, else 0.

    Example: kinetoscope check data/jumps --frames 16 --json check.json
    """
    from kinetoscope.clips.catalog import read_catalog
    from kinetoscope.clips.spec import ClipSpec

    # strict off: a label out of range is listed with all else that is wrong
    whole = read_catalog(catalog, strict=False, **reading)
    spec = ClipSpec(frames=frames, stride=stride, frames_per_second=frames_per_second)
    check = _check(whole, spec)
    _show(check)
    if json_path is not None:
        _write(check, json_path)
    if check.findings:
        click.get_current_context().exit(1)


def _check(catalog: "Catalog", spec: "ClipSpec") -> "Check":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from kinetoscope.clips.checking import check_catalog

    columns = ("decoding", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("decoding", total=len(catalog))
        return check_catalog(
            catalog,
            spec=spec,
            on_progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _show(check: "Check") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if check.findings:
        table = Table(box=None, header_style="bold")
        for column in ("what", "where", "file", "got", "expected"):
            table.add_column(column, overflow="fold")
        for found in check.findings:
            # as text: a name such as [bold] is not an order to the terminal
            cells = (found.kind, found.where, found.path, found.got, found.expected)
            table.add_row(*(Text(cell) for cell in cells))
        console.print(table)
    wrong = ", ".join(f"{count} {kind}" for kind, count in check.counts.items())
    click.echo(
        f"{check.catalog}: {check.entries} entries in {check.files} files, {check.frames} frames "
        f"at about {check.frames_per_second:.3g} a second: {wrong or 'nothing is wrong'}"
    )


def _write(check: "Check", path: Path) -> None:
    import json

    from kinetoscope.files import write_text

    write_text(path, json.dumps(check.to_json(), ensure_ascii=False, indent=1) + "\n")
