"""How is it told from the command line what motion units are tuned to?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import (
    layers_option,
    network_argument,
    open_network,
    out_option,
    weights_option,
)

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.tuning.grid import Grid
    from kinetoscope.networks.network import Network


class Numbers(click.ParamType):
    """Numbers with commas between them."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(each) for each in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers such as 0.5,1,2", param, ctx)


@click.command("tune")
@network_argument
@out_option
@weights_option
@layers_option
@click.option("--quick", is_flag=True, help="A few hundred clips, where nothing else is said.")
@click.option("--directions", type=int, help="A multiple of 4.  [default: 8]")
@click.option("--speeds", type=Numbers(), help="Pixels per frame.  [default: 0.5,1,2,4,8]")
@click.option("--wavelengths", type=Numbers(), help="Of gratings, pixels.  [default: 48,24,12,6]")
@click.option("--sizes", type=Numbers(), help="Of discs, of 1.  [default: 0.25,0.5,1]")
@click.option("--repetitions", type=click.IntRange(1), help="Of each condition.  [default: 3]")
@click.option("--reads", type=click.Choice(["largest", "mean"]), default="largest", help="Answer.")
@click.option("--no-control", is_flag=True, help="Without the same network of random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of dots, textures and tests.")
@click.option("--batch", type=click.IntRange(1), default=8, help="Clips at once.")
def command(
    network: str,
    out: Path,
    weights: Path | None,
    layers: tuple[str, ...],
    no_control: bool,
    **how: Any,
) -> None:
    """Show NETWORK moving patterns and tell what every unit is tuned to.

    Gratings, fields of random dots and textured discs are drawn for what the network takes, frames
    and flow, in every direction at every speed; gratings at several wavelengths, discs of several
    sizes. All units of all layers are read in one pass. How many clips are shown is said before.
    The same network with random weights is shown them as well. What is found goes into
    FOLDER/evidence/tuning, where kinetoscope report finds it.

    Example: kinetoscope tune weights.safetensors --out looks/jumps --quick
    """
    from kinetoscope.evidence.tuning.tuning import write_tuning
    from kinetoscope.training.progress import counted

    grid = _grid(how)
    opened = open_network(network, weights)
    control = None if no_control else _untrained(opened, grid, how["seed"])
    networks = "" if no_control else ", and to the same network with random weights"
    conditions = f"{len(grid.conditions)} conditions, {len(grid.shown)} clips"
    click.echo(f"{conditions}, each shown to {opened.name}{networks}")
    with counted("tuning", shown=True) as progress:
        found = write_tuning(
            opened,
            out / "evidence" / "tuning",
            layers=layers,
            grid=grid,
            control=control,
            reads=how["reads"],
            seed=how["seed"],
            batch=how["batch"],
            progress=progress,
        )
    _show(found)


def _grid(how: dict[str, Any]) -> "Grid":
    from dataclasses import replace

    from kinetoscope.evidence.tuning.grid import QUICK, Grid

    names = ("directions", "speeds", "wavelengths", "sizes", "repetitions")
    said = {name: how[name] for name in names if how[name] is not None}
    return replace(QUICK if how["quick"] else Grid(), **said)


def _untrained(network: "Network", grid: "Grid", seed: int) -> "Network":
    """The control; batch normalization is measured on some of the clips, if there is any."""
    from itertools import islice

    from kinetoscope.evidence.invariance.random_weights import with_random_weights
    from kinetoscope.evidence.tuning.drawn import drawn_clips

    some = islice(drawn_clips(grid, network.expects, seed=seed, batch=8), 0, None, 8)
    return with_random_weights(network, seed, batches=some)


def _show(found: "Evidence") -> None:
    from rich.console import Console

    Console().print(_table(found))
    click.echo("selective for direction: untrained in brackets; medians of units that answer")
    click.echo(f"every unit and its curves in {found.folder}")


def _table(found: "Evidence") -> "Table":
    from kinetoscope.cli.telling import table

    rows = []
    for layer in found.answer["layers"]:
        kinds = layer["kinds"]
        medians = kinds["gratings"]["network"]["medians"]
        cells = (
            layer["name"],
            str(layer["channels"]),
            *(_share(kinds[kind]) for kind in ("gratings", "dots", "discs")),
            _number(medians["direction_selectivity"]["value"], ".2f"),
            _number(medians["speed"]["value"], ".2g"),
            _number(medians["direction_half_width"]["value"], ".0f", "°"),
        )
        rows.append(cells)
    heads = ("layer", "units", "gratings", "dots", "discs", "index", "speed", "width")
    return table(heads, rows)


def _share(kind: dict[str, Any]) -> str:
    """How many of the units that answer are selective for direction; the control in brackets."""
    own, other = (
        _number(each and each["shares"]["direction"]["value"], ".0%")
        for each in (kind["network"], kind["control"])
    )
    return f"{own} ({other})" if kind["control"] else own


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"
