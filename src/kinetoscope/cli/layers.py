"""Which layers of a network can be looked at, and what does each of them see?"""

import json
from typing import TYPE_CHECKING

import click

from kinetoscope.cli.arguments import BRING_WEIGHTS, NETWORK
from kinetoscope.networks.zoo import is_name

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.networks.network import Network
    from kinetoscope.units.layers import Layer

WIDTH_IN_FILES = 140


@click.command("layers")
@click.argument("network", type=NETWORK)
@click.option("--all", "every", is_flag=True, help="Every module that can be read.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(network: str, every: bool, as_json: bool) -> None:
    """List the layers of NETWORK: what each answers to one clip, and what it sees of it.

    NETWORK is a name that kinetoscope networks lists, a file of weights, a folder that kinetoscope
    train wrote, or my_file.py:build. Sizes are frames x rows x columns. The receptive field is the
    part of the clip that one place of a layer can see, which may reach beyond the clip's edges; the
    stride is from the field of one place to that of the next [frames, pixels, pixels].

    Example: kinetoscope layers c3d
    """
    opened = _opened(network)
    from kinetoscope.units.layers import list_layers

    layers = list_layers(opened, every=every)
    if as_json:
        click.echo(json.dumps(_as_json(opened, layers), ensure_ascii=False, indent=1))
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    spec = opened.expects
    console.print(
        f"{opened.name}: {opened.weights_count:,} weights, {len(opened.labels)} labels; takes"
        f" {' and '.join(spec.streams)} of {spec.frames} x {spec.size[0]} x {spec.size[1]}",
        markup=False,
        highlight=False,
    )
    console.print(_table(layers))
    if any(not layer.receptive_field.exact for layer in layers):
        console.print("~ at most: places differ, or it has an operation whose reach is not known")


def _opened(network: str) -> "Network":
    """Without memory for its weights where it is only built."""
    import torch

    from kinetoscope.networks.weights import load_network
    from kinetoscope.networks.zoo import build_network

    if is_name(network) and not network.startswith(BRING_WEIGHTS):
        with torch.device("meta"):
            return build_network(network).eval()
    return load_network(network)


def _as_json(network: "Network", layers: "list[Layer]") -> dict[str, object]:
    return {
        "network": network.name,
        "weights": network.weights_count,
        "labels": list(network.labels),
        "expects": network.expects.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }


def _table(layers: "list[Layer]") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    table.add_column("layer", no_wrap=True)
    table.add_column("kind", style="dim", no_wrap=True)
    for column in ("channels", "output", "sees", "stride"):
        table.add_column(column, justify="right", no_wrap=True)
    streams = [name for name in ("frames", "flow") if any(_sees(each, name) for each in layers)]
    for name in streams:
        table.add_column(f"of {name}", justify="right", style="dim", no_wrap=True)
    for layer in layers:
        field = layer.receptive_field
        cells = [
            layer.name,
            layer.kind,
            str(layer.channels),
            _times(layer.shape[1:]) or "-",
            ("" if field.exact else "~") + _times(field.size),
            _times(field.stride),
            *(_sees(layer, name) for name in streams),
        ]
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _sees(layer: "Layer", stream: str) -> str:
    found = layer.receptive_field.streams.get(stream)
    return "" if found is None else _times(found.size)


def _times(lengths: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in lengths)
