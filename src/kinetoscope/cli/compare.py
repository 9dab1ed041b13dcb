"""How is it told from the command line which layers of two networks are alike?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import (
    NETWORK,
    catalog_argument,
    network_argument,
    open_network,
    out_option,
    root_option,
    split_option,
    weights_option,
)
from kinetoscope.cli.scans import scanned, scanned_with_random_weights
from kinetoscope.cli.telling import sure, table, tell_failures

if TYPE_CHECKING:
    from kinetoscope.evidence.evidence import Evidence

POOLS = click.Choice(["mean", "largest"])


@click.command("compare")
@network_argument
@click.argument("other", type=NETWORK)
@catalog_argument
@out_option
@weights_option
@click.option("--other-weights", type=click.Path(path_type=Path), help="Where OTHER is a name.")
@root_option
@split_option
@click.option("--pool", type=POOLS, default="mean", help="Of a channel's answers at all places.")
@click.option("--most", type=click.IntRange(5), default=2000, help="Clips that are taken.")
@click.option("--no-control", is_flag=True, help="Without NETWORK with random weights.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of weights and shuffles.")
def command(
    network: str,
    other: str,
    catalog: str,
    out: Path,
    weights: Path | None,
    other_weights: Path | None,
    **how: Any,
) -> None:
    """Tell which layers of NETWORK and OTHER say the same of the clips of CATALOG.

    How alike two layers are is told by linear centred kernel alignment, without its bias where
    clips are few: 1 is the same up to a rotation, 0 is unrelated. Each network sees the videos as
    it expects them. Needs scans, which are made where they are not there. What is found goes into
    FOLDER/evidence/similarity, where kinetoscope report finds it. The exit code is 1 if a video
    could not be read.

    Example: kinetoscope compare trained untrained data/jumps --split test --out looks/jumps
    """
    from kinetoscope.clips.catalog import read_catalog
    from kinetoscope.evidence.representation.alike import write_similarity

    videos = read_catalog(catalog, root=how["root"], split=how["split"])
    opened, against = open_network(network, weights), open_network(other, other_weights)
    evidence, control = out / "evidence", None
    own = scanned(opened, videos, evidence / "scan")
    theirs = scanned(against, videos, evidence / "scan-other")
    if not how["no_control"]:
        drawn = evidence / "scan-random"
        control = scanned_with_random_weights(opened, videos, drawn, own, how["seed"])
    settings = {name: how[name] for name in ("pool", "most", "seed")}
    written = write_similarity(
        own, evidence / "similarity", other=theirs, control=control, **settings
    )
    _show(written)
    tell_failures([own, theirs], written.answer["failures"])


def _show(found: "Evidence") -> None:
    """The layer of the other network that is most like each; and the same with random weights."""
    from rich.console import Console

    answer = found.answer
    others, rows = answer["other"]["layers"], []
    for number, (layer, line) in enumerate(zip(answer["layers"], answer["between"], strict=True)):
        known = [
            (each["value"], place) for place, each in enumerate(line) if each["value"] is not None
        ]
        place = max(known)[1] if known else None
        drawn = None if answer["random"] is None else answer["random"][number][number]
        near = ("-", "-") if place is None else (others[place], sure(line[place]))
        rows.append((layer, *near, sure(drawn)))
    columns = ("layer", "most like", "similarity", "random weights")
    Console().print(table(columns, rows))
    told = f"layers of {answer['other']['name']}, by {answer['videos']} videos"
    click.echo(f"{told}; every pair in {found.folder}")
