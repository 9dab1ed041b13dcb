"""How is it told from the command line which attribution method can be believed?"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about
from kinetoscope.cli.methods import memory_option, named_methods, set_option

if TYPE_CHECKING:
    from kinetoscope.evidence.evidence import Evidence

FAST, ALL = "fast", "all"
"""What stands for several methods."""


@click.command("check-attribution")
@click.argument("method")
@about()
@click.option("--clips", type=click.IntRange(2), default=20, help="As many of each label.")
@click.option(
    "--filling",
    "fillings",
    multiple=True,
    default=("grey", "blur"),
    help="In place of what is removed: grey, blur, freeze, interpolate, swap; may be repeated.",
)
@set_option
@memory_option
@click.option("--seed", type=click.IntRange(0), default=0, help="Of all that is drawn.")
def command(
    subject: Subject, method: str, settings: tuple[str, ...], out: Path, **how: Any
) -> None:
    """Tell whether attributions by METHOD can be believed for NETWORK, and which best.

    METHOD is a name, or several with commas between, or fast: all that fit and take no more than
    dozens of passes for a clip; or all. Each attributes clips of CATALOG for the label that NETWORK
    finds most likely. What is hottest is removed first, or put in first, and held against random
    orders; the weights are drawn anew from the output down, to see whether the heat changes.
    Methods that take many passes are asked of fewer clips, unless they could come first. What is
    found goes into FOLDER/evidence/attribution-check, where kinetoscope report finds it. The exit
    code is 1 if a video could not be read; others take its place.

    Example: kinetoscope check-attribution fast trained data/jumps --split test --out looks/jumps
    """
    from kinetoscope.cli.telling import end_with
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.attribution.belief.check import KIND, write_attribution_check
    from kinetoscope.training.progress import counted

    methods = named_methods(_names(method), settings)  # spelling first: nothing is opened for it
    opened, videos = subject.open()
    with counted("checking", shown=True) as progress:
        found = write_attribution_check(
            opened,
            videos,
            out / "evidence" / KIND,
            methods=methods,
            clip_cache=default_clip_cache(),
            progress=progress,
            **how,
        )
    _show(found)
    end_with([failure["error"] for failure in found.answer["failures"]])


def _names(asked: str) -> list[str]:
    """Those that are meant."""
    from kinetoscope.evidence.attribution.attribute import METHODS
    from kinetoscope.evidence.attribution.belief.amounts import HUNDREDS

    if asked in (FAST, ALL):
        return [name for name in METHODS if asked == ALL or name not in HUNDREDS]
    return [name.strip() for name in asked.split(",")]


def _show(found: "Evidence") -> None:
    from rich.console import Console

    from kinetoscope.cli.telling import sure, table

    answer = found.answer
    rows = [
        (
            f"{each['rank']:>2} {each['name']}",
            sure(each["gain"]),
            "first" if each["rank"] == 1 else sure(each["to_first"]),
            f"{each['seconds']['value']:.2g}",
            str(each["clips"]),
        )
        for each in answer["methods"]
    ]
    Console().print(table(("method", "gain", "to the first", "seconds", "clips"), rows))
    click.echo("gain: deletion and insertion above random orders, of what there is to lose (95 %)")
    click.echo("to the first: from its gain, on the clips that both were asked of")
    for line in [*_stay(answer), *_tell(answer)]:
        click.echo(line)
    for each in answer["refused"]:
        click.echo(f"{each['method']} is left out: {each['reason'].splitlines()[0]}", err=True)
    for line in _best(answer):
        click.echo(line)
    click.echo(f"{answer['clips']} clips; all in {found.folder}")


def _stay(answer: Mapping[str, Any]) -> Iterator[str]:
    """Methods whose heat tells of the clip, not of what was learnt."""
    for each in answer["methods"]:
        if not each["changes"]:
            more = each["random"]["more"]
            kept = f"{more['value']:.2f} ({more['low']:.2f} to {more['high']:.2f})"
            yield (
                f"{each['name']} comes last: with random weights its heat is more like itself than "
                f"another clip's is, by {kept} (rank correlation)"
            )


def _tell(answer: Mapping[str, Any]) -> Iterator[str]:
    """Of how many clips something was found."""
    few = [each for each in answer["methods"] if each["clips"] < answer["clips"]]
    if few:
        asked = ", ".join(f"{each['name']} of {each['clips']}" for each in few)
        yield f"asked of fewer clips, and not the first on those: {asked}"
    for filling, tell in answer["tell"].items():
        if tell < answer["clips"]:
            yield f"with {filling}, {tell} of {answer['clips']} clips have enough to lose"


def _best(answer: Mapping[str, Any]) -> Iterator[str]:
    """Which is recommended, and which others can't be told from it."""
    from kinetoscope.cli.telling import sure

    methods = {each["name"]: each for each in answer["methods"]}
    best = methods.get(answer["recommended"])
    if best is None:
        yield "no method is recommended: of none it is sure that it beats random orders"
        return
    yield (
        f"recommended: {best['name']}, above random orders in deletion by "
        f"{sure(best['deletion'])} and in insertion by {sure(best['insertion'])}"
    )
    near = [
        each["name"]
        for each in answer["methods"]
        if each["rank"] > best["rank"] == 1
        and each["changes"]
        and (each["to_first"]["high"] or 0) >= 0
    ]
    if near:
        yield f"on the same clips, these can't be told from it: {', '.join(near)}"
