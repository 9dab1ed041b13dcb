"""How is it told from the command line how clips lie on a plane, as a layer sees them?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option
from kinetoscope.cli.scans import scanned, scanned_with_random_weights
from kinetoscope.cli.telling import sure, table, tell_failures

if TYPE_CHECKING:
    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.representation.embedding import Laying

METHODS = click.Choice(["tsne", "umap"])
POOLS = click.Choice(["mean", "largest"])
VIDEO = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("embed")
@about()
@layers_option
@click.option("--method", "methods", type=METHODS, multiple=True, help="t-SNE if not given.")
@click.option("--pool", type=POOLS, default="mean", help="Of a channel's answers at all places.")
@click.option("--perplexity", type=click.FloatRange(1), help="About how many neighbours count.")
@click.option("--most", type=click.IntRange(5), default=2000, help="Clips that are laid out.")
@click.option("--place", type=VIDEO, multiple=True, help="A new video; may be repeated.")
@click.option("--no-control", is_flag=True, help="Without the same network of random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the maps, and of weights.")
def command(
    subject: Subject,
    out: Path,
    layers: tuple[str, ...],
    place: tuple[Path, ...],
    **how: Any,
) -> None:
    """Lay the clips of CATALOG out on a plane, as layers of NETWORK see them.

    Beside each map stands how far it can be trusted: whether neighbours on it are neighbours in the
    layer, and whether they have the same label, on the map, in the layer, and in the layer with
    random weights. Videos that are given with --place are put into the maps, which stay as they
    are. Needs a scan, which is made where it is not there. What is found goes into
    FOLDER/evidence/embedding and placed, where kinetoscope report finds it. The exit code is 1 if a
    video could not be read.

    Example: kinetoscope embed trained data/jumps --split test --layer fusion --out looks/jumps
    """
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.clips.catalog import Entry
    from kinetoscope.evidence.representation.embedding import write_embedding
    from kinetoscope.evidence.representation.placed import write_placed
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    evidence, control = out / "evidence", None
    scan = scanned(opened, videos, evidence / "scan", layers)
    if not how["no_control"]:
        drawn = evidence / "scan-random"
        control = scanned_with_random_weights(opened, videos, drawn, scan, how["seed"])
    with counted("pictures", shown=True) as progress:
        written = write_embedding(
            scan,
            videos,
            evidence / "embedding",
            layers=layers,
            control=control,
            how=_laying(how),
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    _show(written)
    failures = list(written.answer["failures"])
    if place:
        entries = [Entry(path=path) for path in place]
        placed = write_placed(opened, written, entries, evidence / "placed")
        _show_placed(placed)
        failures += placed.answer["failures"]
    tell_failures([scan], failures)


def _laying(how: dict[str, Any]) -> "Laying":
    from kinetoscope.evidence.representation.embedding import Laying

    given = {"methods": how["methods"]} if how["methods"] else {}
    plain = {name: how[name] for name in ("pool", "perplexity", "most", "seed")}
    return Laying(**plain, **given)


def _show(found: "Evidence") -> None:
    from rich.console import Console

    rows = [
        (
            f"{each['layer']} {each['method']}",
            sure(each["trustworthiness"]),
            sure(each["agreement"]),
            sure(each["in_features"]),
            sure(each["random"]),
        )
        for each in found.answer["maps"]
    ]
    columns = ("map", "trusted", "label: on map", "in layer", "random weights")
    Console().print(table(columns, rows))
    click.echo(f"{len(found.answer['clips'])} clips in {found.folder}")


def _show_placed(found: "Evidence") -> None:
    for each in found.answer["maps"]:
        for clip, placed in zip(found.answer["clips"], each["clips"], strict=True):
            near = ", ".join(f"{count} {label}" for label, count in placed["labels"].items())
            click.echo(f"{each['layer']} {each['method']}  {clip['path']}  is near {near}")
