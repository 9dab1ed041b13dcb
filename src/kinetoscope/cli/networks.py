"""Which networks can be built?"""

import json
from dataclasses import asdict

import click

from kinetoscope.networks.zoo import ZOO, Listing

WIDTH_IN_FILES = 140


@click.command("networks")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(as_json: bool) -> None:
    """List the networks that can be built by name.

    Example: kinetoscope networks --json
    """
    if as_json:
        click.echo(json.dumps({name: asdict(listing) for name, listing in ZOO.items()}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    table.add_column("network", no_wrap=True)
    table.add_column("shown", no_wrap=True)
    for column in ("frames", "pixels", "labels", "weights"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what it is", min_width=22)
    for name, listing in ZOO.items():
        table.add_row(name, *_cells(listing))
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    console.print(table)


def _cells(listing: Listing) -> list[str]:
    return [
        "+".join(listing.streams),
        str(listing.frames),
        f"{listing.size}x{listing.size}",
        str(listing.labels),
        f"{listing.weights:,}",
        f"{listing.about} ({listing.source})",
    ]
