"""How is a look done from the command line?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("look")
@about(labels=True)
@click.option("--training-split", help="What it was trained on, to find the nearest clips in.")
@click.option("--checkpoints", type=FOLDER, help="Kept while it was trained, to follow that.")
@click.option("--only", multiple=True, help="Only this stage; as often as wanted.")
@click.option("--skip", multiple=True, help="Not this stage; as often as wanted.")
@click.option("--quick", is_flag=True, help="A tenth of the work: enough to see by.")
@layers_option
@click.option("--units-per-layer", type=click.IntRange(0), default=8, help="How many get stimuli.")
@click.option("--slowness", default="0,1,5,10", help="Weights of change over time.")
@click.option("--steps", type=click.IntRange(1), default=200, help="Of each stimulus.")
@click.option("--sample", type=click.IntRange(2), default=64, help="Clips that are shown changed.")
@click.option("--top", type=click.IntRange(1), default=9, help="Clips kept of each unit.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of everything random.")
def command(
    subject: Subject,
    out: Path,
    slowness: str,
    steps: int,
    quick: bool,
    training_split: str | None,
    **how: Any,
) -> None:
    """Open NETWORK with the videos of CATALOG and write a report to a folder.

    NETWORK is a file of weights or a folder that kinetoscope train wrote, or a network's name
    together with --weights. CATALOG is a folder with a folder for each class, a csv file, or a
    published format together with --root. A look that was interrupted goes on where it stopped
    when the same command is given again. Videos that can't be read are listed in the report.

    Example: kinetoscope look trained data/jumps --split test --out looked
    """
    chi = slowness_values(slowness)

    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.look.look import look
    from kinetoscope.look.looking import QUICK, Looking

    opened, videos = subject.open()
    plain = QUICK if quick else Looking()
    page = look(
        opened,
        videos,
        out,
        how=replace(
            plain,
            slowness=chi,
            maximizing=replace(plain.maximizing, steps=steps),
            training=subject.videos(training_split) if training_split else None,
            **how,
        ),
        clip_cache=default_clip_cache(),
        progress=True,
    )
    click.echo(f"open {page}")


def slowness_values(text: str) -> tuple[float, ...]:
    """Numbers of 0 or more, separated by commas."""
    try:
        values = tuple(float(word) for word in text.split(","))
    except ValueError:
        values = ()
    if not values or min(values) < 0 or len(set(values)) < len(values):
        raise click.BadParameter(
            f"{text!r} is not a list of different numbers of 0 or more, such as 0,1,5,10",
            param_hint="--slowness",
        )
    return values
