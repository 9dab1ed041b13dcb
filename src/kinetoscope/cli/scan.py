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


class PartArgument(click.ParamType):
    """Which part of how many, such as 0/4."""

    name = "part"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        which, _, of = value.partition("/")
        if not (which.isdigit() and of.isdigit() and int(which) < int(of)):
            self.fail(f"{value} is not a part such as 0/4, the first of four, or 3/4, the last")
        return int(which), int(of)


PART = PartArgument()


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
@click.option("--workers", type=click.IntRange(1), help="One a core if not given.")
@click.option(
    "--engine",
    type=click.Choice(["here", "ray"]),
    default="here",
    help="Threads of this process, or processes of a Ray cluster.",
)
@click.option("--part", type=PART, help="Such as 0/4: only the first of four parts of CATALOG.")
@click.option(
    "--merge",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Folder of the look of a part, for all parts; nothing is scanned.",
)
def command(
    network: str,
    catalog: str,
    out: Path,
    weights: Path | None,
    root: Path | None,
    split: str | None,
    merge: tuple[Path, ...],
    **settings: Any,
) -> None:
    """Run CATALOG through NETWORK once and keep what every unit answers to every clip.

    NETWORK is a file of weights or a folder that kinetoscope train wrote, or a network's name
    together with --weights. What is found goes into FOLDER/evidence/scan, where kinetoscope report
    finds it. A scan that was stopped goes on where it was. The exit code is 1 if a video could
    not be read; the rest are scanned all the same.

    Several machines may each scan a --part into a folder of its own. The same command with --merge
    for each of these folders, in place of --part, puts them together: the same as one scan of all.

    Example: kinetoscope scan weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.clips.catalog import read_catalog

    videos = read_catalog(catalog, root=root, split=split)
    opened = open_network(network, weights)
    folder = out / "evidence" / "scan"
    if merge:
        found = _merged(merge, opened, videos, folder)
    else:
        found = _scanned(opened, videos, folder, settings)
    _show(found)
    if found.failures:
        click.get_current_context().exit(1)


def _merged(looks: tuple[Path, ...], network: "Network", videos: "Catalog", folder: Path) -> "Scan":
    from kinetoscope.evidence.scan import read_scan
    from kinetoscope.evidence.scanning.merge import merge_scans

    folders = [look / "evidence" / "scan" for look in looks]
    for each in folders:
        read_scan(each).check_is_of(network, videos)
    return merge_scans(folders, folder)


def _scanned(network: "Network", videos: "Catalog", folder: Path, settings: Any) -> "Scan":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.scan import scan

    columns = ("scanning", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scanning", total=len(videos))
        return scan(
            network,
            videos,
            folder,
            **settings,
            clip_cache=default_clip_cache(),
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
