"""How is a catalog run through a network once, so that its units can be looked at?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.scan import Scan
    from kinetoscope.networks.network import Network


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
@about()
@layers_option
@click.option("--clips", type=click.IntRange(1), default=1, help="Of each video, spread evenly.")
@click.option(
    "--batch",
    type=click.IntRange(1),
    help="Clips at once in each thread.  [default: 8, of small clips 16]",
)
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
def command(subject: Subject, out: Path, merge: tuple[Path, ...], **settings: Any) -> None:
    """Run CATALOG through NETWORK once and keep what every unit answers to every clip.

    NETWORK is a file of weights or a folder that kinetoscope train wrote, or a network's name
    together with --weights. What is found goes into FOLDER/evidence/scan, where kinetoscope report
    finds it. A scan that was stopped goes on where it was. The exit code is 1 if a video could
    not be read; the rest are scanned all the same.

    Several machines may each scan a --part into a folder of its own. The same command with --merge
    for each of these folders, in place of --part, puts them together: the same as one scan of all.

    Example: kinetoscope scan weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.cli.telling import end_with

    opened, videos = subject.open()
    folder = out / "evidence" / "scan"
    if merge:
        found = _merged(merge, opened, videos, folder)
    else:
        found = _scanned(opened, videos, folder, settings)
    _show(found)
    end_with([failure["error"] for failure in found.failures], ", all in its clips")


def _merged(looks: tuple[Path, ...], network: "Network", videos: "Catalog", folder: Path) -> "Scan":
    from kinetoscope.evidence.scan import read_scan
    from kinetoscope.evidence.scanning.merge import merge_scans

    folders = [look / "evidence" / "scan" for look in looks]
    for each in folders:
        read_scan(each).check_is_of(network, videos)
    return merge_scans(folders, folder)


def _scanned(network: "Network", videos: "Catalog", folder: Path, settings: Any) -> "Scan":
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.scan import scan
    from kinetoscope.training.progress import counted

    cache = default_clip_cache()
    with counted("scanning", shown=True) as progress:
        return scan(network, videos, folder, **settings, clip_cache=cache, progress=progress)


def _show(found: "Scan") -> None:
    from rich.console import Console

    clips = len(found.clips) - len(found.failures)
    Console().print(_table(found))
    click.echo(f"{clips} clips of {found.provenance.catalog} in {found.folder}")


def _table(found: "Scan") -> "Table":
    from kinetoscope.cli.telling import table
    from kinetoscope.evidence.retrieval import dead_units

    dead = [unit.layer for unit in dead_units(found)]
    rows = []
    for layer, told in found.layers.items():
        largest = found.channel_maxima(layer).max().item()
        rows.append((layer, str(told["channels"]), str(dead.count(layer)), f"{largest:.3g}"))
    return table(("layer", "units", "dead", "largest answer"), rows)
