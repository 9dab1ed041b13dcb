"""How is it told from the command line which changes of a clip a network does not mind?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.invariance.invariance import Invariance
    from kinetoscope.networks.network import Network


@click.command("invariance")
@about()
@layers_option
@click.option("--change", "changes", multiple=True, help="Only this one, such as speed.")
@click.option("--clips", type=click.IntRange(1), help="As many of each label.  [default: 48]")
@click.option("--quick", is_flag=True, help="16 clips and half as many values of each change.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of clips and random weights.")
@click.option("--batch", type=click.IntRange(1), default=8, help="Clips at once in each thread.")
def command(
    subject: Subject,
    out: Path,
    layers: tuple[str, ...],
    seed: int,
    batch: int,
    **how: Any,
) -> None:
    """Change clips of CATALOG and tell how much of the answers of NETWORK is left.

    Clips are played faster and slower, begun later, reversed, put out of order, mirrored, moved,
    scaled, turned and made paler; boxes of them are hidden. All of it is shown to the same network
    with random weights as well. What is found goes into FOLDER/evidence/invariance, where
    kinetoscope report finds it. The exit code is 1 if a video could not be read; others take its
    place.

    Example: kinetoscope invariance weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.cli.telling import end_with
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.invariance.invariance import write_invariance
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    with counted("changing clips", shown=True) as progress:
        found = write_invariance(
            opened,
            videos,
            _layers(opened, layers),
            out / "evidence" / "invariance",
            _asked(how),
            seed=seed,
            batch=batch,
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    _show(found)
    end_with([failure["error"] for failure in found.answer["failures"]])


def _layers(network: "Network", asked: tuple[str, ...]) -> list[str]:
    from kinetoscope.units.layers import list_layers

    return [layer.name for layer in list_layers(network, asked)]


def _asked(how: dict[str, Any]) -> "Invariance":
    from dataclasses import replace

    from kinetoscope.evidence.invariance.invariance import QUICK, Invariance

    asked = QUICK if how["quick"] else Invariance()
    clips = {} if how["clips"] is None else {"clips": how["clips"]}
    return replace(asked, changes=how["changes"] or None, **clips)


def _show(found: "Evidence") -> None:
    from rich.console import Console

    answer = found.answer
    Console().print(_table(answer))
    click.echo("half-width where half of the answer is left, medians; random weights in brackets")
    for change in answer["changes"]:
        if change["trend"]:
            click.echo(_trend(change))
    click.echo(f"{len(answer['sample'])} clips; curves of all units in {found.folder}")


def _table(answer: dict[str, Any]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = [change for change in answer["changes"] if change["unit"]]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", no_wrap=True)
    for change in shown:
        table.add_column(f"{change['name']}\n{change['unit']}", justify="right")
    for layer in answer["layers"]:
        cells = [_widths(layer["changes"].get(change["name"])) for change in shown]
        table.add_row(*(Text(cell) for cell in (layer["layer"], *cells)))
    return table


def _widths(told: dict[str, Any] | None) -> str:
    """The median half-width, with a sign where it is no more than a bound."""
    if told is None:
        return "-"
    own, other = (_width(told[name]) for name in ("trained", "control"))
    return f"{own} ({other})"


def _width(told: dict[str, Any]) -> str:
    value = told["width"]["value"]
    if value is None:
        return "-"
    return f"{'≥' if told['at_least'] > 0.5 else ''}{value:.2g}"


def _trend(change: dict[str, Any]) -> str:
    trend = change["trend"]
    verdict = {
        "grows": "grows with depth",
        "falls": "falls with depth",
        "neither": "neither grows nor falls with depth",
    }[trend["verdict"]]
    own, other = (_interval(trend[name]) for name in ("trained", "control"))
    return f"{change['name']}: half-width {verdict}: {own}; with random weights {other}"


def _interval(found: dict[str, Any]) -> str:
    if found["value"] is None:
        return "unknown"
    return f"{found['value']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
