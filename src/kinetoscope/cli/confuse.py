"""How is it told from the command line what a network mixes up, and why?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about

if TYPE_CHECKING:
    from kinetoscope.evidence.evidence import Evidence

_PAIRS = 12
_LEGEND = """\
What changes when a unit is removed, with 95 % intervals over clips: the share of both labels'
clips that is taken for the other [%], the score of the own label above the other's, the share of
mistakes that is put right. A unit pushes mistakes towards the wrong label, tells the two apart, or
is excited by both. To see what tells them apart:"""
_WHY = {"pushing": "pushes", "apart": "apart", "both": "both"}
_HEADS = ("why", "unit", "confused", "margin", "mended")


@click.command("confuse")
@about()
@click.option("--layer", "layers", multiple=True, help="Only units of this layer.")
@click.option("--pair", "pair", nargs=2, multiple=True, help="These two labels; may be repeated.")
@click.option("--pairs", type=click.IntRange(1), default=4, help="So many, the costliest first.")
@click.option(
    "--cost", nargs=3, multiple=True, help="LABEL TAKEN COST of taking one for the other."
)
@click.option("--training", help="The catalog that the network was trained on, for near clips.")
@click.option("--training-split", help="Its split, such as train.")
@click.option("--units", type=click.IntRange(1), default=5, help="Removed of each list.")
@click.option("--clips", type=click.IntRange(1), default=48, help="Of each label, shown again.")
@click.option("--mean", is_flag=True, help="A removed unit answers its mean instead of zero.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of everything random.")
def command(
    subject: Subject,
    out: Path,
    layers: tuple[str, ...],
    pair: tuple[tuple[str, str], ...],
    cost: tuple[tuple[str, str, str], ...],
    seed: int,
    **how: Any,
) -> None:
    """Tell which labels of CATALOG are mixed up by NETWORK, and which units make it do so.

    For the pairs that cost most, or those that are asked for: the units that both labels excite,
    that tell the two apart, and that push the mistaken clips towards the wrong label; what becomes
    of the confusion when each of them is removed; and what the mistaken clips are like. What is
    found goes into FOLDER/evidence/confusion, where kinetoscope report finds it, with what to
    maximize to see the difference. A scan is made if there is none. The exit code is 1 if a video
    could not be read.

    Example: kinetoscope confuse weights.safetensors data/jumps --pair hop leap --out looks/jumps
    """
    costs = {(label, taken): _price(price) for label, taken, price in cost}
    from kinetoscope.cli.scans import scanned
    from kinetoscope.cli.telling import tell_failures
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.clips.catalog import read_catalog
    from kinetoscope.evidence.failure.confusion import write_confusion
    from kinetoscope.evidence.failure.pair_part import Confusing
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    training = (
        read_catalog(how["training"], split=how["training_split"]) if how["training"] else None
    )
    scan = scanned(opened, videos, out / "evidence" / "scan", layers)
    closely = Confusing(
        pairs=how["pairs"],
        clips=how["clips"],
        units=how["units"],
        controls=how["units"],
        replacement="mean" if how["mean"] else "zero",
    )
    with counted("pairs", shown=True) as progress:
        found = write_confusion(
            opened,
            videos,
            scan,
            out / "evidence" / "confusion",
            layers=layers,
            pairs=pair,
            costs=costs,
            training=training,
            how=closely,
            seed=seed,
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    _show(found)
    unread = [each for pair in found.answer["worst"] for each in pair["unread"]]
    tell_failures([scan], [*found.answer["failures"], *unread])


def _price(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no cost", param_hint="--cost") from None


def _show(found: "Evidence") -> None:
    from rich.console import Console

    from kinetoscope.cli.telling import table

    answer, console = found.answer, Console()
    click.echo(f"{answer['wrong']} of {answer['clips']} clips are taken for something else")
    if answer["pairs"]:
        heads = ("label", "is taken for", "clips", "the other way", "cost", "by chance")
        console.print(table(heads, [_pair(pair) for pair in answer["pairs"][:_PAIRS]]))
    for pair in answer["worst"]:
        click.echo(f"{pair['one']} and {pair['other']}")
        rows = [_as_it_is(pair)]
        for why, told in _WHY.items():
            rows += [_unit(told, each["unit"], pair["removed"][each["unit"]]) for each in pair[why]]
        if pair["control"]:
            rows.append(_unit("random", "mean of some", pair["control"]))
        console.print(table(_HEADS, rows))
    if answer["worst"]:
        click.echo(_LEGEND)
        click.echo(f'kinetoscope maximize NETWORK "{answer["worst"][0]["objectives"][2]}"')
    if answer["unknown"]:
        click.echo(f"the network doesn't know {', '.join(answer['unknown'])}", err=True)
    click.echo(f"all of it in {found.folder}")


def _pair(pair: dict[str, Any]) -> tuple[str, ...]:
    there, back = (f"{taken} of {of}" for taken, of in zip(pair["taken"], pair["of"], strict=True))
    return pair["one"], pair["other"], there, back, f"{pair['cost']:g}", f"{pair['expected']:.1f}"


def _as_it_is(pair: dict[str, Any]) -> tuple[str, ...]:
    before = pair["before"]
    return "", "all there", f"{100 * before['taken'][0]:.1f}", f"{before['margin'][0]:.2f}", ""


def _unit(why: str, unit: str, change: dict[str, list[float | None]]) -> tuple[str, ...]:
    mended = change["mended"][0]
    return (
        why,
        unit,
        _ends([None if end is None else 100 * end for end in change["taken"]], "+.0f"),
        _ends(change["margin"], "+.2f"),
        "-" if mended is None else f"{mended:.0%}",
    )


def _ends(ends: list[float | None], form: str) -> str:
    value, low, high = ends
    if value is None or low is None or high is None:
        return "-"
    return f"{value:{form}} ({low:{form}} to {high:{form}})"
