"""How is a network evaluated from the command line?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.networks.network import Network
    from kinetoscope.training.evaluation import Evaluation

ORDERS = ("forward", "reversed", "shuffled", "still")


@click.command("evaluate")
@about(out=False, labels=True)
@click.option("--limit", type=click.IntRange(1), help="At most so many videos, spread evenly.")
@click.option("--clips", type=click.IntRange(1), default=1, help="Of each video, spread evenly.")
@click.option("--crops", type=click.Choice(["1", "3"]), default="1", help="Of each clip.")
@click.option("--without", type=click.Choice(["frames", "flow"]), help="Blank this stream.")
@click.option("--order", type=click.Choice(ORDERS), default="forward", help="Of the frames.")
@click.option("--controls", is_flag=True, help="Also other orders, and without each stream.")
@click.option("--batch", type=click.IntRange(1), default=16, help="Clips at once.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the shuffling.")
@click.option("--out", type=click.Path(path_type=Path), help="A folder for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    subject: Subject,
    limit: int | None,
    controls: bool,
    out: Path | None,
    as_json: bool,
    **protocol: Any,
) -> None:
    """Measure how well NETWORK recognizes the videos of CATALOG.

    NETWORK is a file of weights or a folder that kinetoscope train wrote, or a network's name
    together with --weights. A video's probabilities are the mean over its clips and crops. With
    --out, evaluation.json has all figures with the protocol, and videos.jsonl one line a video
    with its views. With --controls, the same network is also shown the clips backward, shuffled
    and frozen, and without each of its streams.

    Example: kinetoscope evaluate trained data/jumps --split test --clips 10 --crops 3

    Example: kinetoscope evaluate trained data/jumps --split test --controls --out measured
    """
    from kinetoscope.training.evaluate import evaluate, spread

    protocol["crops"] = int(protocol["crops"])
    opened, listed = subject.open()
    videos = listed if limit is None else spread(listed, limit)
    found = evaluate(opened, videos, **protocol, progress=True)
    beside = _beside(opened, videos, protocol) if controls else []
    if out is not None:
        found.write(out)
        for name, control in beside:
            control.write(out / name.replace(" ", "-"))
    if as_json:
        _print_json(found, beside)
    else:
        _show(found, beside)


def _beside(
    network: "Network", videos: "Catalog", protocol: dict[str, Any]
) -> list[tuple[str, "Evaluation"]]:
    """The same network on the same videos, with something taken away."""
    from kinetoscope.training.evaluate import controls, evaluate

    return [
        (name, evaluate(network, videos, **{**protocol, **change}, progress=True))
        for name, change in controls(network).items()
    ]


def _print_json(found: "Evaluation", beside: Sequence[tuple[str, "Evaluation"]]) -> None:
    import json

    whole = found.to_json()
    if beside:
        whole["controls"] = {name: control.to_json() for name, control in beside}
    click.echo(json.dumps(whole, ensure_ascii=False, indent=1))


def _show(found: "Evaluation", beside: Sequence[tuple[str, "Evaluation"]]) -> None:
    from rich.console import Console

    click.echo(f"{found.network} on {len(found.videos)} videos of {found.catalog}")
    click.echo(f"protocol             {found.protocol}")
    for name, value in (
        ("top-1 accuracy", found.top1),
        ("top-5 accuracy", found.top5),
        ("mean class accuracy", found.mean_class_accuracy),
        ("calibration error", found.calibration_error),
    ):
        click.echo(f"{name:<20} {value:6.1%}")
    for name, control in beside:
        click.echo(f"top-1 {name:<14} {control.top1:6.1%}")
    Console().print(_labels_table(found))
    if found.errors:
        click.echo(f"{len(found.errors)} videos could not be evaluated:", err=True)
        for row in found.errors:
            click.echo(f"  {row['path']}: {row['error'].splitlines()[0]}", err=True)


def _labels_table(found: "Evaluation") -> Any:
    """The accuracy of each label, and what it is most often taken for."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    table.add_column("label", overflow="fold")
    table.add_column("videos", justify="right")
    table.add_column("accuracy", justify="right")
    table.add_column("most often taken for", overflow="fold")
    for place, (row, taken) in enumerate(
        zip(found.per_label, found.confusion.tolist(), strict=True)
    ):
        if not row["videos"]:
            continue
        others = [(count, -other) for other, count in enumerate(taken) if other != place and count]
        wrong = max(others, default=None)
        # as text: a label such as [bold] is not an order to the terminal
        table.add_row(
            Text(row["label"]),
            str(row["videos"]),
            f"{row['accuracy']:.1%}",
            Text("" if wrong is None else f"{found.labels[-wrong[1]]} ({wrong[0]})"),
        )
    return table
