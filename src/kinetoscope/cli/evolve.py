"""How is it told from the command line when the units of a network settled in training?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import (
    catalog_argument,
    layers_option,
    out_option,
    root_option,
    split_option,
)

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.evolution.checkpoints import Checkpoint


@click.command("evolve")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@catalog_argument
@out_option
@root_option
@split_option
@layers_option
@click.option("--clips", type=click.IntRange(2), default=128, help="Shown to every checkpoint.")
@click.option("--settled", type=float, default=0.9, help="Correlation that counts as settled.")
@click.option("--no-control", is_flag=True, help="Without the same network of random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the choice of clips.")
@click.option("--batch", type=click.IntRange(1), default=8, help="Clips at once.")
def command(
    run: Path,
    catalog: str,
    out: Path,
    root: Path | None,
    split: str | None,
    no_control: bool,
    **settings: Any,
) -> None:
    """Show the same clips to every checkpoint of RUN and tell when units settle.

    RUN is a folder that kinetoscope train wrote with keep_every in its recipe, or a folder of files
    of weights whose names end in the epoch. Each checkpoint is held against the last one. What is
    found goes into FOLDER/evidence/evolution, where kinetoscope report finds it. The exit code is 1
    if a video or a checkpoint could not be read; the rest are followed all the same.

    Example: kinetoscope evolve trained data/jumps --split test --out looks/jumps
    """
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.clips.catalog import read_catalog
    from kinetoscope.evidence.evolution.evolution import Following, write_evolution
    from kinetoscope.evidence.invariance.random_weights import with_random_weights
    from kinetoscope.networks.weights import load_network
    from kinetoscope.training.progress import counted

    how = Following(
        layers=settings["layers"],
        count=settings["clips"],
        settled_above=settings["settled"],
        batch=settings["batch"],
        seed=settings["seed"],
    )
    checkpoints = _checkpoints(run)
    videos = read_catalog(catalog, root=root, split=split)
    control = None
    if not no_control:
        control = with_random_weights(load_network(checkpoints[-1].path), settings["seed"])
    with counted("checkpoints", shown=True) as progress:
        found = write_evolution(
            checkpoints,
            videos,
            out / "evidence" / "evolution",
            how=how,
            control=control,
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    _show(found)


def _checkpoints(run: Path) -> "list[Checkpoint]":
    """Those that were kept, and what the training ended with where that is of a later epoch."""
    from kinetoscope.evidence.evolution.checkpoints import Checkpoint, checkpoints_in
    from kinetoscope.training.result import read_result

    found = checkpoints_in(run)
    result = read_result(run)
    if result is not None and result.kept_epoch > found[-1].epoch:
        found.append(Checkpoint(epoch=result.kept_epoch, path=result.weights))
    return found


def _show(found: "Evidence") -> None:
    from rich.console import Console

    from kinetoscope.cli.telling import end_with

    answer = found.answer
    Console().print(_table(found))
    first, last = answer["checkpoints"][0], answer["checkpoints"][-1]
    accuracy = f"{_share(first['accuracy'])} to {_share(last['accuracy'])}"
    click.echo(f"epoch {first['epoch']} to {last['epoch']}: accuracy {accuracy}")
    if answer["order"] is not None:
        told = "{value:.2f} ({low:.2f} to {high:.2f})".format(**answer["order"])
        click.echo(f"rank correlation of what a layer sees with when its units settle: {told}")
    click.echo(f"every unit in {found.folder}")
    end_with([f"{each['path']}: {each['error'].splitlines()[0]}" for each in answer["failures"]])


def _table(found: "Evidence") -> "Table":
    from kinetoscope.cli.telling import table

    rows = []
    for layer in found.answer["layers"]:
        control = layer["control"]
        cells = (
            layer["name"],
            str(layer["channels"]),
            "epoch " + _number(layer["settled"]["value"], "g"),
            _number(layer["curves"]["cka"][0]["value"], ".2f"),
            _number(control and control["cka"]["value"], ".2f"),
            _number(layer["jumps"]["value"], ".1f"),
        )
        rows.append(cells)
    return table(("layer", "units", "settled at", "first alike", "random", "jumps"), rows)


def _share(interval: dict[str, float | None]) -> str:
    return _number(interval["value"], ".0%")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else f"{value:{form}}"
