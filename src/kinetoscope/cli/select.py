"""How is it told from the command line which units are specific to a label?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option

if TYPE_CHECKING:
    from kinetoscope.evidence.evidence import Evidence

_SHOWN = 3  # units of a label
_LABELS = 40


@click.command("select")
@about()
@layers_option
@click.option(
    "--remove", type=click.IntRange(0), default=8, help="Specific units of a layer; 0 for none."
)
@click.option("--controls", type=click.IntRange(0), default=3, help="Other units of a layer.")
@click.option("--clips", type=click.IntRange(1), default=64, help="Shown without these units.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of everything random.")
def command(subject: Subject, out: Path, layers: tuple[str, ...], seed: int, **how: Any) -> None:
    """Tell which units of NETWORK are specific to a label of CATALOG, and which are general.

    Units are told by how well they tell the clips of each label from all others, beside the same
    clips with shuffled labels. The most specific ones of each layer are then removed, one by one,
    and some general ones and some at random for comparison: what does each label lose? What is
    found goes into FOLDER/evidence/specificity, where kinetoscope report finds it. A scan is made
    if there is none. The exit code is 1 if a video could not be read.

    Example: kinetoscope select weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.cli.scans import scanned
    from kinetoscope.cli.telling import tell_failures
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.specificity.specificity import Removing, write_specificity
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    scan = scanned(opened, videos, out / "evidence" / "scan", layers)
    nothing = how["remove"] == how["controls"] == 0
    removing = Removing(
        clips=0 if nothing else how["clips"], specific=how["remove"], controls=how["controls"]
    )
    with counted("removing units", shown=True) as progress:
        found = write_specificity(
            opened,
            videos,
            scan,
            out / "evidence" / "specificity",
            layers=layers,
            removing=removing,
            seed=seed,
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    _show(found)
    removed = found.answer["removed"] or {"failures": [], "unread": []}
    tell_failures([scan], [*removed["failures"], *removed["unread"]])


def _show(found: "Evidence") -> None:
    from rich.console import Console

    from kinetoscope.cli.telling import table

    answer, console = found.answer, Console()
    heads = ("layer", "units", "specific", "general", "selectivity", "entropy", "area")
    console.print(table(heads, [_layer(layer) for layer in answer["layers"]]))
    click.echo(
        "median of the units, in brackets with shuffled labels; specific: how many, and by chance; "
        f"entropy [bits] of the labels of the {answer['counted']} best clips"
    )
    console.print(table(("label", "most specific units"), _labels(answer)))
    if answer["removed"] and answer["removed"]["sums"]:
        heads = ("units", "become", "number", "own label's score", "other labels' scores")
        console.print(table(heads, [_sum(each) for each in answer["removed"]["sums"]]))
        click.echo("change of scores when a unit is removed, with 95 % intervals over units")
    for name, why in (
        ("untested", "has too few clips"),
        ("unknown", "the network doesn't know it"),
    ):
        for label in answer[name]:
            click.echo(f"{label}: {why}", err=True)
    click.echo(f"every unit in {found.folder}")


def _layer(layer: dict[str, Any]) -> tuple[str, ...]:
    kinds = layer["kinds"]
    return (
        layer["layer"],
        str(layer["units"]),
        f"{kinds['specific']} ({layer['specific_by_chance']:.1f})",
        str(kinds["general"]),
        *(_beside(layer[index]) for index in ("selectivity", "entropy", "area")),
    )


def _beside(index: dict[str, Any]) -> str:
    real, shuffled = index["real"]["value"], index["shuffled"]["value"]
    return f"{_number(real)} ({_number(shuffled)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _labels(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """Of each label the most specific units, of any layer."""
    rows = []
    for label in answer["labels"][:_LABELS]:
        units = [
            each
            for layer in answer["layers"]
            if layer["layer"] != answer["scores"]
            for each in layer["specific"].get(label, [])
        ]
        best = sorted(units, key=lambda each: -each["area"])[:_SHOWN]
        told = ", ".join(f"{each['unit']} {each['area']:.2f}" for each in best)
        rows.append((label, told or "none"))
    return rows


def _sum(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["why"],
        row["replacement"],
        str(row["units"]),
        *(_interval(row[name]) for name in ("own", "others")),
    )


def _interval(found: dict[str, float | None]) -> str:
    if found["value"] is None:
        return "-"
    return f"{found['value']:+.2f} ({found['low']:+.2f} to {found['high']:+.2f})"
