"""How are videos made whose truth is known: shapes that move, figures in action, small parts?"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

_OUT = click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder to make."
)
_COUNTS = click.option(
    "--clips-per-label",
    nargs=3,
    type=click.IntRange(0),
    metavar="TRAIN VALIDATION TEST",
    help="How many clips a label gets in each split.",
)
_SEED = click.option("--seed", type=int, default=0, help="The same seed gives the same clips.")
_SIZE = click.option("--size", type=int, default=64, help="Height and width [pixels].")
_FRAMES = click.option("--frames", type=int, default=20, help="How many a clip has.")
_PROCESSES = click.option(
    "--processes", type=click.IntRange(1), help="How many draw at once; one a core by default."
)


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (_PROCESSES, _FRAMES, _SIZE, _SEED, _COUNTS, _OUT):
        command = option(command)
    return command


@click.group("make", subcommand_metavar="WORLD [OPTIONS]")
def command() -> None:
    """Make videos whose truth is known: a catalog of mp4 files, each with its truth beside it.

    A folder that holds the same world already is left as it is.

    Example: kinetoscope make shapes --out data/shapes
    """


@command.command("shapes")
@_options
def shapes(out: Path, **settings: Any) -> None:
    """Textured shapes that move, told by appearance, by motion, or only by both together.

    Exact flow and masks come along.

    Example: kinetoscope make shapes --out data/shapes --clips-per-label 80 12 24 --seed 1
    """
    from kinetoscope.clips.worlds.shapes import make_shapes

    _make(make_shapes, out, settings)


@command.command("figures")
@_options
def figures(out: Path, **settings: Any) -> None:
    """People in fifteen actions, by motion capture, from all sides.

    Joints and masks of their limbs come along. The motion capture is pybullet's: it needs
    pip install "kinetoscope[mocap]".

    Example: kinetoscope make figures --out data/figures --size 96
    """
    from kinetoscope.clips.worlds.figures import make_figures

    _make(make_figures, out, settings)


@command.command("parts")
@_options
def parts(out: Path, **settings: Any) -> None:
    """Bodies that move, told only by what a small part on them does.

    Exact flow and masks of body and part come along.

    Example: kinetoscope make parts --out data/parts --clips-per-label 60 12 24
    """
    from kinetoscope.clips.worlds.parts import make_parts

    _make(make_parts, out, settings)


@command.command("faults")
@_options
def faults(out: Path, **settings: Any) -> None:
    """Shapes with faults: copies across splits, wrong labels, classes told by a caption and such.

    What is wrong with each clip stands in index.csv.

    Example: kinetoscope make faults --out data/faults
    """
    from kinetoscope.clips.worlds.faults import make_faults

    _make(make_faults, out, settings)


def _make(make: Callable[..., Path], out: Path, settings: dict[str, Any]) -> None:
    from kinetoscope.clips.catalog import read_catalog
    from kinetoscope.clips.worlds.world import SPLITS, ClipsPerLabel
    from kinetoscope.training.progress import counted

    counts, processes = settings.pop("clips_per_label"), settings.pop("processes")
    splits = dict(zip(SPLITS, counts, strict=True)) if counts else None
    with counted("drawing", shown=True) as progress:
        make(
            out,
            **settings,
            clips_per_label=ClipsPerLabel(**splits) if splits else None,
            processes=processes or os.cpu_count() or 1,
            progress=progress,
        )
    made = read_catalog(str(out))
    click.echo(f"{out}: {len(made)} clips of {len(made.labels)} labels")
