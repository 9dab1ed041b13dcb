"""How are the clips that excite a unit found from the command line, and those that are like one?"""

from collections.abc import Sequence
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
    from kinetoscope.units.objective import Objective
    from kinetoscope.units.unit import Unit

_SHOWN = 12  # objectives whose clips are printed
_RULES = ("deconvolved", "guided", "gradient")


@click.command("retrieve")
@about()
@click.argument("units", nargs=-1)
@click.option("--count", type=click.IntRange(1), default=9, help="Clips that excite most.")
@click.option("--others", type=click.IntRange(0), default=6, help="Least, and as many middling.")
@click.option(
    "--rule",
    "rules",
    type=click.Choice(_RULES),
    multiple=True,
    default=("deconvolved", "gradient"),
    help="How the answers of single units are led back to the pixels; may be repeated.",
)
@click.option("--like", help="A video, or the number of a clip: show those that are like it.")
@click.option("--layer", help="As which layer has them; with --like.")
def command(
    subject: Subject,
    units: tuple[str, ...],
    out: Path,
    like: str | None,
    layer: str | None,
    **how: Any,
) -> None:
    """Find the clips of CATALOG that excite UNITS of NETWORK most, least, and middling.

    UNITS are channels (fusion:17), neurons (fusion:17@3,4,4), classes (label:archery), sums of
    these, layers, labels for every class, or all; every unit of every layer if there are none. Of
    channels that are named by themselves, what excites them in their best clips is led back to the
    pixels. What is found goes into FOLDER/evidence/retrieval, in place of what is there, and
    kinetoscope report shows it. Needs a scan, which is made in FOLDER where it is not there.

    With --like and --layer, the clips of CATALOG are shown that are nearest to one, and nothing is
    written but the scan.

    Example: kinetoscope retrieve trained data/jumps fusion:17 label:jump --out looks/jumps
    """
    if (like is None) != (layer is None):
        raise click.UsageError("--like VIDEO and --layer LAYER go together")
    from kinetoscope.cli.scans import scanned
    from kinetoscope.cli.telling import tell_failures
    from kinetoscope.evidence.stimuli.jobs.chosen import read_words
    from kinetoscope.units.objective import Channel, Objective
    from kinetoscope.units.reading import SCORES

    words = read_words(units)
    opened, videos = subject.open()
    if like is not None and layer is not None:
        opened.layer(layer)
        scan = scanned(opened, videos, out / "evidence" / "scan", [layer])
        _show_like(opened, videos, scan, layer, like, how["count"])
        return
    named = [word for word in words if isinstance(word, Objective)]
    needed = {goal.layer for each in named for _, goal in each.terms if isinstance(goal, Channel)}
    needed |= {word for word in words if isinstance(word, str) and word not in ("labels", "all")}
    scan = scanned(opened, videos, out / "evidence" / "scan", sorted(needed - {SCORES}))
    asked = _asked(opened, words, scan)
    found = _written(opened, videos, scan, asked, [_unit(each) for each in named], out, how)
    _show(found)
    tell_failures([scan], [])


def _asked(
    network: "Network", words: "Sequence[Objective | str]", scan: "Scan"
) -> "list[Unit | Objective]":
    from kinetoscope.evidence.stimuli.jobs.chosen import choose
    from kinetoscope.units.unit import Unit

    if not words:
        return [
            Unit(name, channel)
            for name, layer in scan.layers.items()
            for channel in range(layer["channels"])
        ]
    return [_unit(each) or each for each in choose(network, words, scan)]


def _unit(objective: "Objective") -> "Unit | None":
    """The unit that an objective asks for, with all of its places."""
    from kinetoscope.units.objective import Channel

    return objective.unit if isinstance(objective.terms[0][1], Channel) else None


def _written(
    network: "Network",
    catalog: "Catalog",
    scan: "Scan",
    asked: "Sequence[Unit | Objective]",
    views: "Sequence[Unit | None]",
    out: Path,
    how: dict[str, Any],
) -> "Evidence":
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.retrieval import write_retrieval
    from kinetoscope.training.progress import counted

    with counted("clips", shown=True) as progress:
        return write_retrieval(
            network,
            catalog,
            scan,
            asked,
            out / "evidence" / "retrieval",
            how["count"],
            others=how["others"],
            views=[unit for unit in views if unit is not None],
            rules=how["rules"],
            clip_cache=default_clip_cache(),
            progress=progress,
        )


def _show(found: "Evidence") -> None:
    from rich.console import Console

    answer = found.answer
    every = [*answer["objectives"], *answer["units"]]
    for each in every[:_SHOWN]:
        excited = f" · excited by {each['excited']} of {each['videos']} videos"
        click.echo((each["unit"] + excited) if "unit" in each else each["objective"])
        rows = [
            (which, *_told(hit, answer["clips"][str(hit["clip"])]))
            for which in ("top", "middle", "bottom")
            for hit in each[which]
        ]
        Console().print(_table(("", "activation", "second", "label", "clip"), rows))
    if len(every) > _SHOWN:
        click.echo(f"and {len(every) - _SHOWN} more")
    for each in answer["refused"]:
        click.echo(f"{each['layer']} has no {each['rule']} views: {each['error']}", err=True)
    gone = [clip for clip in answer["clips"].values() if clip["error"]]
    for clip in gone:
        click.echo(clip["error"], err=True)
    click.echo(f"{len(answer['clips']) - len(gone)} clips kept in {found.folder}")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Numbers are whole; names are broken where there is no room."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for column in columns:
        named = column in ("label", "taken for", "clip")
        made.add_column(
            column,
            justify="left" if named or not column else "right",
            no_wrap=not named,
            overflow="fold" if named else "ellipsis",
            min_width=len(column),
        )
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def _told(hit: dict[str, Any], clip: dict[str, Any]) -> tuple[str, str, str, str]:
    second = "-" if hit["second"] is None else f"{hit['second']:.2f}"
    return f"{hit['activation']:.3g}", second, clip["label"] or "-", clip["path"]


def _show_like(
    network: "Network", catalog: "Catalog", scan: "Scan", layer: str, like: str, count: int
) -> None:
    from rich.console import Console

    from kinetoscope.clips.open import open_clip
    from kinetoscope.evidence.examples.neighbours import (
        chance_of,
        neighbours,
        neighbours_of,
        same_label,
    )

    number = int(like) if like.isdecimal() else _number_of(catalog, scan, Path(like))
    if number is None:
        clip = open_clip(Path(like), network.expects)
        found, label = neighbours_of(network, scan, layer, clip, count), None
    else:
        found = neighbours(scan, layer, number, count)
        label = scan.clips.filter(scan.clips["clip"] == number)["label"][0]
    rows = [
        (f"{each.similarity:.3f}", each.label or "-", each.predicted, str(each.clip), each.path)
        for each in found
    ]
    Console().print(_table(("similarity", "label", "taken for", "number", "clip"), rows))
    if label is not None:
        share, chance = same_label(found, label), chance_of(scan, label)
        click.echo(f"{share:.0%} of them are of its label, {label}; by chance {chance:.0%}")


def _number_of(catalog: "Catalog", scan: "Scan", path: Path) -> int | None:
    """The clip in the middle of a video of the catalog; None for a video from outside."""
    clips = scan.provenance.settings["clips"]
    for number, entry in enumerate(catalog):
        if entry.path.resolve() == path.resolve() or catalog.relative_path(entry) == str(path):
            return number * clips + clips // 2
    return None
