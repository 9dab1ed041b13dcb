"""How is a catalog run through a network once, so that its units can be looked at?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import NETWORK, open_network

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.scan import Scan
    from kinetoscope.networks.network import Network

_MAX_FAILURES = 20


@click.command("scan")
@click.argument("network", type=NETWORK)
@click.argument("catalog")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the look.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where NETWORK is a name.")
@click.option("--root", type=click.Path(path_type=Path), help="Where the videos lie.")
@click.option("--split", help="Only this split, such as test.")
@click.option("--layer", "layers", multiple=True, help="Only this layer; may be repeated.")
@click.option("--clips", type=click.IntRange(1), default=1, help="Of each video, spread evenly.")
@click.option("--batch", type=click.IntRange(1), default=8, help="Clips at once in each thread.")
@click.option("--workers", type=click.IntRange(1), help="Threads; one a core if not given.")
def command(
    network: str,
    catalog: str,
    out: Path,
    weights: Path | None,
    root: Path | None,
    split: str | None,
    **settings: Any,
) -> None:
    """Run CATALOG through NETWORK once and keep what every unit answers to every clip.

    NETWORK is a file of weights or a folder that kinetoscope train wrote, or a network's name
    together with --weights. What is found goes into FOLDER/evidence/scan, where kinetoscope report
    finds it. A scan that was stopped goes on where it was. The exit code is 1 if a video could
    not be read; the rest are scanned all the same.

    Example: kinetoscope scan weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.clips.catalog import read_catalog

    videos = read_catalog(catalog, root=root, split=split)
    opened = open_network(network, weights)
    found = _scanned(opened, videos, out / "evidence" / "scan", settings)
    _show(found)
    if found.failures:
        click.get_current_context().exit(1)


def _scanned(network: "Network", videos: "Catalog", folder: Path, settings: Any) -> "Scan":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from kinetoscope.evidence.scan import scan

    columns = ("scanning", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scanning", total=len(videos))
        return scan(
            network,
            videos,
            folder,
            **settings,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _show(found: "Scan") -> None:
    from rich.console import Console

    clips = len(found.clips) - len(found.failures)
    Console().print(_table(found))
    click.echo(f"{clips} clips of {found.provenance.catalog} in {found.folder}")
    for failure in found.failures[:_MAX_FAILURES]:
        click.echo(failure["error"], err=True)
    if len(found.failures) > _MAX_FAILURES:
        click.echo(f"and {len(found.failures) - _MAX_FAILURES} more, all in its clips", err=True)


def _table(found: "Scan") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from kinetoscope.evidence.retrieval import dead_units

    dead = [unit.layer for unit in dead_units(found)]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("layer", no_wrap=True)
    for column in ("units", "dead", "largest answer"):
        table.add_column(column, justify="right", no_wrap=True)
    for layer, about in found.layers.items():
        largest = found.channel_maxima(layer).max().item()
        cells = (layer, str(about["channels"]), str(dead.count(layer)), f"{largest:.3g}")
        table.add_row(*(Text(cell) for cell in cells))
    return table
