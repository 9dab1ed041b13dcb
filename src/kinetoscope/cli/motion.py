"""How is it told from the command line what a network owes to motion, and what to appearance?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option

if TYPE_CHECKING:
    from rich.table import Table

_MAX_CLASSES = 40
_HEADS = ("as is", "frozen", "shuf-\nfled", "re-\nversed", "other\nlooks")
_KINDS = ("dynamic", "static", "joint", "none")


@click.command("motion")
@about()
@layers_option
@click.option("--clips", type=click.IntRange(2), default=64, help="As many of each label.")
@click.option(
    "--stills", type=click.IntRange(1), default=3, help="Frames that a clip is frozen at."
)
@click.option("--shuffles", type=click.IntRange(1), default=3, help="Orders of its frames.")
@click.option("--largest", is_flag=True, help="Of a unit's answers the largest, not the mean.")
@click.option("--no-control", is_flag=True, help="Without the network with random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of everything random.")
@click.option("--batch", type=click.IntRange(1), default=8, help="Clips at once.")
def command(
    subject: Subject,
    out: Path,
    layers: tuple[str, ...],
    batch: int,
    no_control: bool,
    **how: Any,
) -> None:
    """Tell what units and classes of NETWORK owe to motion, and what to appearance.

    Clips of CATALOG are frozen, put out of order, reversed, and given another clip's look under
    their own motion; where NETWORK takes frames and flow, either is made blank or exchanged. The
    same is done to the network with random weights. What is found goes into FOLDER/evidence/cues,
    where kinetoscope report finds it. The exit code is 1 if a video could not be read; others take
    its place.

    Example: kinetoscope motion weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.cli.telling import end_with
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.cues.cues import Asked, control_for, write_cues
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    summary = "largest" if how.pop("largest") else "mean"
    asked, cache = Asked(summary=summary, **how), default_clip_cache()
    control = None if no_control else control_for(opened, videos, asked, clip_cache=cache)
    with counted("changing clips", shown=True) as progress:
        found = write_cues(
            opened,
            videos,
            out / "evidence" / "cues",
            layers=layers,
            asked=asked,
            control=control,
            batch=batch,
            clip_cache=cache,
            progress=progress,
        )
    _show(found.answer, found.folder)
    end_with([failure["error"] for failure in found.answer["failures"]])


def _show(answer: Mapping[str, Any], folder: Path) -> None:
    from rich.console import Console

    console = Console()
    console.print(_layers(answer))
    click.echo("share of motion, median over units (95 % interval); the rest is appearance's")
    if answer["classes"]:
        console.print(_classes(answer))
        click.echo(f"chance is {answer['chance']:.1%}")
    if len(answer["classes"]) > _MAX_CLASSES:
        click.echo(f"{len(answer['classes']) - _MAX_CLASSES} more classes in classes.csv")
    click.echo(f"{answer['clips']} clips; all that was measured of each unit in {folder}")


def _layers(answer: Mapping[str, Any]) -> "Table":
    table = _table("layer", "units", "motion\n%", "random\nweights", *_KINDS)
    for layer in answer["layers"]:
        control = layer["control"]
        table.add_row(
            *_cells(
                layer["name"],
                layer["channels"],
                _percent(layer["motion"]),
                _whole(control and control["motion"]),
                *(layer["kinds"][kind] for kind in _KINDS),
            )
        )
    return table


def _classes(answer: Mapping[str, Any]) -> "Table":
    changes = ("as it is", "frozen", "shuffled", "reversed", "other texture")
    table = _table("accuracy %", "clips", *_HEADS, "motion\nadds", "looks\nadd")
    for row in answer["classes"][:_MAX_CLASSES]:
        accuracy, adds = row["accuracy"], row["accuracy_adds"]
        table.add_row(
            *_cells(
                "all classes" if row["label"] is None else row["label"],
                row["clips"],
                *(_whole(accuracy[change]) for change in changes),
                _percent(adds["motion"]),
                _whole(adds["appearance"]),
            )
        )
    return table


def _table(first: str, *others: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for column in others:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(*values: Any) -> list[Any]:
    from rich.text import Text

    return [Text(str(value)) for value in values]


def _percent(found: Mapping[str, Any] | None) -> str:
    if found is None or found["value"] is None:
        return "-"
    low, high = (round(100 * found[name]) for name in ("low", "high"))
    return f"{_whole(found)} ({low}..{high})"


def _whole(found: Mapping[str, Any] | None) -> str:
    return "-" if found is None or found["value"] is None else f"{100 * found['value']:.0f}"
