"""How does a network go where nothing knows of Kinetoscope?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kinetoscope.cli.arguments import network_argument, open_network, weights_option

if TYPE_CHECKING:
    from kinetoscope.networks.export import Export


@click.command("export")
@network_argument
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@weights_option
@click.option("--labels", type=click.Path(path_type=Path), help="One label a line, or JSON.")
@click.option("--clips", type=click.IntRange(1), help="Always so many at once; any number else.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    network: str,
    out: Path,
    weights: Path | None,
    labels: Path | None,
    clips: int | None,
    as_json: bool,
) -> None:
    """Export NETWORK to OUT, for programs that know nothing of Kinetoscope.

    OUT ends in .pt2 (PyTorch: torch.export.load opens it) or in .onnx (with the extra onnx). The
    exported network takes clips in display space, frames as RGB in [0, 1] and flow in pixels per
    frame; it normalizes them itself and answers the probability of each label. The file says so
    itself, in JSON: its labels, what a clip must be, and the versions that made it, as the extra
    file kinetoscope.json of a .pt2, and under the key kinetoscope of ONNX's metadata.

    It is run on a random clip and compared with NETWORK, in ONNX where onnxruntime is installed.
    Where both do not answer the same, no file is left.

    Example: kinetoscope export trained trained.onnx
    """
    from kinetoscope.networks.export import check_format, export_network

    check_format(out)
    opened = open_network(network, weights, labels)
    written = export_network(opened, out, clips=clips)
    if as_json:
        import json

        click.echo(json.dumps(written.to_json(), indent=1))
    else:
        _show(opened.name, written)


def _show(name: str, written: "Export") -> None:
    click.echo(f"{written.path}: {name}, {written.path.stat().st_size / 1e6:.1f} MB")
    for stream, shape in written.takes.items():
        click.echo(f"takes    {stream}: {_times(shape)}")
    click.echo(f"answers  probabilities: {_times(written.answers)}")
    if written.difference is None:
        click.echo("checked  not: onnxruntime is not installed")
    else:
        click.echo(f"checked  on a random clip: off by {written.difference:.1g} of the largest")


def _times(shape: tuple[int | str, ...]) -> str:
    return " x ".join(str(extent) for extent in shape)
