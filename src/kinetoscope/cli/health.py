"""How is it told from the command line which units are dead, sparse, or there twice?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.evidence import Evidence
    from kinetoscope.evidence.health.figures import Control
    from kinetoscope.networks.network import Network

_GROUPS = 12


@click.command("health")
@about()
@click.option("--layer", "layers", multiple=True, help="Scan this layer; may be repeated.")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.98, help="Of duplicates.")
@click.option("--sample", type=click.IntRange(2), default=64, help="Clips shown to the control.")
@click.option("--no-control", is_flag=True, help="Without the same network of random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of all that is drawn.")
def command(subject: Subject, out: Path, layers: tuple[str, ...], **how: Any) -> None:
    """Tell which units of NETWORK are dead, how sparse units are, and which say the same.

    Dead is a unit that no clip of CATALOG excites. Units say the same if their answers correlate
    over the clips. Needs a scan, which is made where it is not there. The first filters are kept
    for the report to draw. What is found goes into FOLDER/evidence/health.

    Example: kinetoscope health weights.safetensors data/jumps --split test --out looks/jumps
    """
    from kinetoscope.cli.scans import scanned
    from kinetoscope.cli.telling import tell_failures
    from kinetoscope.evidence.health.health import write_health
    from kinetoscope.training.progress import counted

    opened, videos = subject.open()
    scan = scanned(opened, videos, out / "evidence" / "scan", layers)
    control = None if how["no_control"] else _untrained(opened, videos, how)
    with counted("layers", shown=True) as progress:
        found = write_health(
            opened,
            scan,
            out / "evidence" / "health",
            threshold=how["threshold"],
            control=control,
            seed=how["seed"],
            progress=progress,
        )
    _show(found)
    tell_failures([scan], found.answer["failures"])


def _untrained(network: "Network", catalog: "Catalog", how: dict[str, Any]) -> "Control":
    """The same network with random weights; batch normalization is measured on the sample."""
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.health.figures import Control
    from kinetoscope.evidence.invariance.random_weights import control_of

    cache, clips, seed = default_clip_cache(), how["sample"], how["seed"]
    other = control_of(network, catalog, clips, seed=seed, clip_cache=cache)
    return Control(network=other, catalog=catalog, clips=clips, clip_cache=cache)


def _show(found: "Evidence") -> None:
    from rich.console import Console

    from kinetoscope.cli.telling import table

    layers = found.answer["layers"]
    rows = [
        (
            each["layer"],
            str(each["channels"]),
            str(len(each["dead"])),
            _value(each["in_places"]),
            _value(each["in_clips"]),
            str(each["alike"]),
            _value(each["nearest"]),
            _value(each["by_chance"]["nearest"]),
            "-" if each["sampled"] is None else _value(each["sampled"]["control"]["nearest"]),
        )
        for each in layers
    ]
    head = ("layer", "units", "dead", "places", "clips", "twice", "nearest", "chance")
    Console().print(table((*head, "untrained"), rows))
    click.echo("places, clips: in which share of them the median live unit answers")
    click.echo("twice: units that are like an earlier one, at the threshold")
    click.echo("nearest: the median correlation of a unit with the one that it is most alike, and")
    click.echo("that by chance, with the clips of each unit shuffled, and with random weights")
    groups = [(each["layer"], group) for each in layers for group in each["groups"]]
    for layer, group in groups[:_GROUPS]:
        same = ", ".join(f"{layer}:{channel}" for channel in group["channels"])
        click.echo(f"the same: {same} (r at least {min(group['correlation']):.3f})")
    if len(groups) > _GROUPS:
        click.echo(f"and {len(groups) - _GROUPS} groups more")
    click.echo(f"every unit and the first filters in {found.folder}")


def _value(found: dict[str, float | None] | None) -> str:
    value = None if found is None else found["value"]
    return "-" if value is None else f"{value:.2f}"
