"""Which networks can be built?"""

import json
from dataclasses import asdict
from string import ascii_lowercase
from typing import TYPE_CHECKING

import click

from kinetoscope.errors import unknown_name
from kinetoscope.networks.zoo import ZOO, Listing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

WIDTH_IN_FILES = 160
WIDE = 130  # from here on there is room to say what each network is [characters]

GROUPS = {
    "frame by frame": (
        *("vgg16", "cnn_m", "resnet50_"),
        *("single_frame", "early_", "late_", "slow_fusion"),
    ),
    "two streams": ("two_stream", "st_resnet"),
    "3-D convolutions": ("c3d", "i3d_inception"),
    "3-D ResNets": ("c2d", "i3d", "slow_", "fast_", "slowfast"),
    "recurrent": ("lrcn", "gru_rcn"),
    "specialized neurons": ("dsts",),
    "of torchvision": ("r3d", "mc3", "r2plus1d", "s3d", "mvit", "swin3d"),
}
"""What the names of each group begin with; the first group that fits has a network."""

OTHERS = {
    "frames_<name>": "any network for pictures, of torchvision or timm, shown frame by frame",
    "torchvision:<name>": "a video network of torchvision; --weights published loads its weights",
    "hf:<repository>": "a VideoMAE, TimeSformer, ViViT or V-JEPA 2 of Hugging Face; or a folder",
    "my_file.py:<function>": "what a function of yours makes: a module or a network",
}
"""Names that are as many as their library has, and what each is."""


@click.command("networks")
@click.argument("name", required=False)
@click.option("--toys", is_flag=True, help="Also the tiny ones that tests use.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def command(name: str | None, toys: bool, as_json: bool) -> None:
    """List the networks that can be built by name, or tell all of the one called NAME.

    An input is frames x pixels, of flow or of both frames and flow where it says so. GMACs are the
    multiply-adds of one view, in billions: of convolutions, linear layers and attention. An
    accuracy is the published top-1, and the letter beside it stands for the protocol.

    Example: kinetoscope networks

    Example: kinetoscope networks slowfast_r50_8x8
    """
    if name is not None and name not in ZOO:
        raise unknown_name("network", name, list(ZOO))
    chosen = {each: row for each, row in ZOO.items() if name in (None, each)}
    if as_json:
        rows = {each: asdict(row) for each, row in chosen.items()}
        click.echo(json.dumps(rows if name is None else rows[name], indent=2))
    elif name is not None:
        _tell(name, ZOO[name])
    else:
        _print_table({each: row for each, row in chosen.items() if toys or not _is_toy(each)})


def _is_toy(name: str) -> bool:
    return name.endswith("_toy")


def _tell(name: str, row: Listing) -> None:
    """All that is known of one network."""
    published = row.published
    lines = {
        "": row.about,
        "source": row.source,
        "input": f"{' and '.join(row.streams)} of {row.frames} x {row.size} x {row.size}",
        "weights": f"{row.weights:,}",
        "GMACs": f"{row.gmacs:g} for one view",
        "labels": f"{row.labels}",
        "published": "nothing that is known here"
        if published is None
        else f"{_percent(published.top1)} % top-1 on {published.on}",
        "protocol": published.protocol if published else "",
    }
    click.echo(name)
    for what, told in lines.items():
        if told:
            click.echo(f"  {what:<10}  {told}" if what else f"  {told}")


def _print_table(rows: dict[str, Listing]) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_IN_FILES
    protocols = _protocols(rows)
    console.print(_table(rows, protocols, console))
    console.print("\nTop-1 accuracies [%], as published:")
    for letter, protocol in zip(_letters(len(protocols)), protocols, strict=True):
        console.print(Text(f"  {letter}  {protocol}"))
    console.print("\nOther names:")
    for beginning, what in OTHERS.items():
        console.print(Text(f"  {beginning:<22} {what}"))
    if not any(map(_is_toy, rows)):
        count = sum(map(_is_toy, ZOO))
        console.print(f"\n{count} tiny ones for tests, each called <name>_toy: --toys lists them.")


def _table(rows: dict[str, Listing], protocols: list[str], console: "Console") -> "Table":
    from rich.table import Table

    wide = console.width >= WIDE
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("network", no_wrap=True)
    for column in ("input", "weights", "GMACs", "top-1"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("source", style="dim")
    if wide:
        table.add_column("what it is")
    for heading, names in _grouped(rows).items():
        table.add_row(f"[bold]{heading}[/bold]")
        for name in names:
            about = [rows[name].about] if wide else []
            table.add_row(f"  {name}", *_cells(rows[name], protocols), *about)
    return table


def _grouped(rows: dict[str, Listing]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {heading: [] for heading in [*GROUPS, "others"]}
    for name in rows:
        fits = (heading for heading, begin in GROUPS.items() if name.startswith(begin))
        groups[next(fits, "others")].append(name)
    return {heading: names for heading, names in groups.items() if names}


def _cells(row: Listing, protocols: list[str]) -> list[str]:
    letters = dict(zip(protocols, _letters(len(protocols)), strict=True))
    shown = "both " if len(row.streams) > 1 else "flow " if "flow" in row.streams else ""
    return [
        f"{shown}{row.frames} x {row.size}²",
        f"{row.weights:,}",
        f"{row.gmacs:.4g}",
        f"{_percent(row.published.top1)} {letters[_protocol(row)]}" if row.published else "",
        row.source,
    ]


def _percent(value: float) -> str:
    """With one digit, and the second where it was published.

    >>> _percent(77.0), _percent(82.61)
    ('77.0', '82.61')
    """
    return f"{value:.1f}" if round(value, 1) == value else f"{value:.2f}"


def _protocols(rows: dict[str, Listing]) -> list[str]:
    """Each data set and protocol once, in the order in which they are first met."""
    ordered = [name for names in _grouped(rows).values() for name in names]
    return list(dict.fromkeys(_protocol(rows[each]) for each in ordered if rows[each].published))


def _protocol(row: Listing) -> str:
    return f"{row.published.on}: {row.published.protocol}" if row.published else ""


def _letters(count: int) -> list[str]:
    """All from a to z, then aa, ab and so on."""
    alone = list(ascii_lowercase)
    return [*alone, *(first + second for first in alone for second in alone)][:count]
