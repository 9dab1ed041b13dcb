"""How is it told from the command line what can be read from each layer?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about, layers_option
from kinetoscope.cli.scans import scanned, scanned_with_random_weights
from kinetoscope.cli.telling import sure, table, tell_failures

if TYPE_CHECKING:
    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.representation.probes import Probing

MACHINES = click.Choice(["logistic", "svm"])
POOLS = click.Choice(["mean", "largest"])


@click.command("probe")
@about()
@click.option("--fit-to", help="Fit to this split, such as train, and only test on the other.")
@layers_option
@click.option("--machine", "machines", type=MACHINES, multiple=True, help="Both if not given.")
@click.option("--pool", "pools", type=POOLS, multiple=True, help="The mean if not given.")
@click.option("--folds", type=click.IntRange(2), default=5, help="Of cross-validation.")
@click.option("--most", type=click.IntRange(4), default=2000, help="Clips that are taken.")
@click.option("--no-control", is_flag=True, help="Without the same network of random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of folds, shuffles and weights.")
def command(subject: Subject, out: Path, layers: tuple[str, ...], **how: Any) -> None:
    """Tell how well the labels of CATALOG can be read from each layer of NETWORK by a straight cut.

    Linear machines are fitted to what each layer says of the clips: those of other videos than they
    are tested on, never of the same group. Beside each stands what the same gets from shuffled
    labels and from random weights. Needs a scan, which is made where it is not there. What is found
    goes into FOLDER/evidence/probes, where kinetoscope report finds it. The exit code is 1 if a
    video could not be read; the rest are probed all the same.

    Example: kinetoscope probe trained data/jumps --split test --out looks/jumps
    """
    from kinetoscope.evidence.representation.probes import write_probes
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    fitted = [] if how["fit_to"] is None else [subject.videos(how["fit_to"])]
    catalogs = [*fitted, videos]
    scans, control = [], []
    for number, videos in enumerate(reversed(catalogs)):
        beside = "-fitted" if number else ""
        folder = out / "evidence" / f"scan{beside}"
        found = scanned(opened, videos, folder, layers)
        scans.insert(0, found)
        if not how["no_control"]:
            drawn = out / "evidence" / f"scan-random{beside}"
            control.insert(
                0, scanned_with_random_weights(opened, videos, drawn, found, how["seed"])
            )
    with counted("probing", shown=True) as progress:
        written = write_probes(
            scans,
            out / "evidence" / "probes",
            catalogs=catalogs,
            layers=layers,
            control=control,
            how=_probing(how),
            progress=progress,
        )
    _show(written)
    tell_failures(scans, written.answer["failures"])


def _probing(how: dict[str, Any]) -> "Probing":
    from kinetoscope.evidence.representation.probes import Probing

    given = {name: how[name] for name in ("machines", "pools") if how[name]}
    return Probing(folds=how["folds"], most=how["most"], seed=how["seed"], **given)


def _show(found: "Evidence") -> None:
    from rich.console import Console

    answer = found.answer
    several = len({probe["pool"] for probe in answer["probes"]}) > 1
    rows = [
        (
            probe["layer"],
            f"{probe['machine']} {probe['pool']}" if several else probe["machine"],
            sure(probe["accuracy"]),
            sure(probe["shuffled"]),
            sure(probe["random"]),
        )
        for probe in answer["probes"]
    ]
    columns = ("layer", "machine", "accuracy (95 %)", "shuffled labels", "random weights")
    Console().print(table(columns, rows))
    for each in answer["left_out"]:
        click.echo(f"{each['label']} is left out: {each['groups']} group of videos", err=True)
    chance = f"{len(answer['labels'])} labels; chance is {answer['chance']:.2f}"
    click.echo(f"{answer['clips']} clips, {chance}; all in {found.folder}")
