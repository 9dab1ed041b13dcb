"""How is it found out from the command line what is peculiar in a catalog?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.scan import Scan
    from kinetoscope.networks.network import Network

_MOST = 20  # lines of each list


@click.command("audit")
@about()
@click.option("--layer", help="Whose features tell suspicious labels; the last before the scores.")
@click.option("--no-scan", is_flag=True, help="Leave labels alone, and the network unused.")
@click.option("--shuffles", type=click.IntRange(1), default=20, help="Runs with shuffled labels.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of folds and shuffles.")
def command(subject: Subject, out: Path, **how: Any) -> None:
    """Find what is peculiar in CATALOG: telltale cues, copies, suspicious labels.

    Which classes can be told by a caption, the border, the file's form or length, the camera, the
    bit rate, the background or a single frame; which clips are copies, also across splits; which
    labels look wrong to a classifier on NETWORK's features. Clips are seen as NETWORK takes them.
    What is found goes into FOLDER/evidence/audit, and the scan it needs into FOLDER/evidence/scan.
    The exit code is 1 if a video could not be read; the rest are looked at all the same.

    Example: kinetoscope audit weights.safetensors data/jumps --out looks/jumps
    """
    from kinetoscope.cli.telling import end_with
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.audit.audit import write_audit
    from kinetoscope.training.progress import counted

    opened, videos = subject.open(strict=False)
    if how["layer"] is not None:
        opened.layer(how["layer"])  # better refused now than after the scan
    scanned = None if how["no_scan"] else _scanned(opened, videos, out / "evidence" / "scan")
    with counted("looking at clips", shown=True) as progress:
        found = write_audit(
            opened,
            videos,
            out / "evidence" / "audit",
            scan=scanned,
            layer=how["layer"],
            shuffles=how["shuffles"],
            seed=how["seed"],
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    _show(found)
    end_with([failure["error"] for failure in found.answer["failures"]])


def _scanned(network: "Network", videos: "Catalog", folder: Path) -> "Scan":
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.scan import scan
    from kinetoscope.training.progress import counted

    with counted("scanning", shown=True) as progress:
        return scan(network, videos, folder, clip_cache=default_clip_cache(), progress=progress)


def _show(found: "Evidence") -> None:
    from rich.console import Console

    answer = found.answer
    if answer["findings"]:
        Console().print(_table(answer["findings"][:_MOST]))
    else:
        click.echo("no class is told by what should not tell it")
    copies, suspects = answer["duplicates"], answer["suspects"]
    across = f"{copies['across']} of them in two splits, {copies['contrary']} under two labels"
    click.echo(f"pairs that look like copies: {copies['count']}; {across}")
    if suspects is not None:
        click.echo(f"labels that look wrong by {suspects['layer']}: {suspects['count']}")
    for small in answer["small"][:_MOST]:
        told = f"clips: {small['clips']}, and {answer['least']} are needed"
        click.echo(f"{small['label']} is too small to judge; {told}", err=True)
    click.echo(f"clips looked at: {answer['clips']}; all is in {found.folder}")


def _table(findings: list[dict[str, Any]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in ("class", "told by"):
        table.add_column(column)
    for column in ("area (95 %)", "shuffled", "clips"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in findings:
        area = each["area"]
        low, high = each["shuffled"]
        interval = f"{area['value']:.2f} ({area['low']:.2f} to {area['high']:.2f})"
        shuffled = f"{low:.2f} to {high:.2f}"
        cells = (each["label"], each["cue"], interval, shuffled, str(each["clips"]))
        table.add_row(*(Text(cell) for cell in cells))
    return table
