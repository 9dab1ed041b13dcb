"""How does a checkpoint of another library become a file of Kinetoscope?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kinetoscope.cli.arguments import read_labels
from kinetoscope.errors import WeightsError

if TYPE_CHECKING:
    from kinetoscope.networks.files.checkpoints import Checkpoint
    from kinetoscope.networks.network import Network


@click.command("convert")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--network", help="Whose weights they are, where that can't be told.")
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with one label a line, or JSON: a list, or each label with its place.",
)
@click.option("--partial", is_flag=True, help="Go on where tensors are missing or left over.")
@click.option("--allow-nan", is_flag=True, help="Go on where weights are no numbers.")
def command(
    file: Path,
    out: Path,
    network: str | None,
    labels: Path | None,
    partial: bool,
    allow_nan: bool,
) -> None:
    """Convert the checkpoint FILE of another library to the safetensors file OUT.

    The format is found by what is in FILE, whatever its name: checkpoints of PySlowFast (.pyth, and
    .pkl of caffe2), pytorchvideo, mmaction2, torchvision, TSN, and MatConvNet's two-stream networks
    (.mat), also in a gzip or tar archive. Nothing in it is run. It is told what the file is, whose
    weights they are, and what of them matched; where not all do, it stops. OUT says all it takes to
    build the network, so that it can stand wherever a network is asked for.

    Example: kinetoscope convert SLOWFAST_8x8_R50.pyth slowfast.safetensors
    """
    from kinetoscope.networks.files.checkpoints import read_checkpoint
    from kinetoscope.networks.files.identify import labels_of
    from kinetoscope.networks.weights import open_weights, save_network

    checkpoint = read_checkpoint(file)
    click.echo(f"{file.name}: {checkpoint}")
    name = network or _only_network(file, checkpoint)
    names = read_labels(labels) if labels else checkpoint.labels or labels_of(checkpoint)
    opened, match = open_weights(name, file, labels=names, partial=partial, allow_nan=allow_nan)
    click.echo(f"network: {name}" + ("" if network else ", known by its tensors"))
    click.echo(match.report())
    click.echo(f"labels: {_labels(opened, checkpoint, labels)}")
    save_network(opened, out)
    click.echo(f"{out}: {opened.weights_count:,} weights")


def _only_network(file: Path, checkpoint: "Checkpoint") -> str:
    from kinetoscope.networks.files.identify import networks_of

    found = networks_of(checkpoint)
    if len(found) == 1:
        return found[0]
    raise WeightsError(
        f"it can't be told whose weights {file} has",
        got=f"the same weights in {', '.join(found)}" if found else "weights of no known network",
        expected="one network",
        hint="--network NAME says it"
        + ("" if found else "; kinetoscope networks lists those that can be built"),
    )


def _labels(network: "Network", checkpoint: "Checkpoint", labels: Path | None) -> str:
    count = len(network.labels)
    if labels:
        return f"{count}, of {labels}"
    if checkpoint.labels:
        return f"{count}, of the file"
    return f"{count}, which the file does not name (--labels FILE does)"
