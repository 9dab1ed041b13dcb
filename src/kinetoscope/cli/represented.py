"""What do the verbs share that compare what layers say of the same clips?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.scan import Scan
    from kinetoscope.networks.network import Network

_MAX_FAILURES = 20


def scanned(
    network: "Network", catalog: "Catalog", folder: Path, layers: Sequence[str] = ()
) -> "Scan":
    """The scan in a folder where it has what is asked for; else one that is made there.

    Args:
        network: that was scanned, or will be.
        catalog: likewise.
        folder: of the scan. The layers of one that is there already stay among those of a new one.
        layers: those that are needed.
    """
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.scan import scan
    from kinetoscope.training.progress import counted

    there = _there(network, catalog, folder)
    if there is not None and set(layers) <= set(there.layers):
        return there
    known = [] if there is None else list(there.layers)
    wanted = [*known, *(layer for layer in layers if layer not in known)]
    with counted("scanning", shown=True) as progress:
        cache = default_clip_cache()
        return scan(
            network, catalog, folder, layers=wanted or None, clip_cache=cache, progress=progress
        )


def scanned_with_random_weights(
    network: "Network", catalog: "Catalog", folder: Path, beside: "Scan", seed: int
) -> "Scan":
    """The same layers of the same network with random weights."""
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.representation.control import scan_with_random_weights
    from kinetoscope.training.progress import counted

    with counted("random weights", shown=True) as progress:
        return scan_with_random_weights(
            network,
            catalog,
            folder,
            layers=list(beside.layers),
            clips=beside.provenance.settings["clips"],
            seed=seed,
            clip_cache=default_clip_cache(),
            progress=progress,
        )


def _there(network: "Network", catalog: "Catalog", folder: Path) -> "Scan | None":
    from kinetoscope.errors import EvidenceError
    from kinetoscope.evidence.scan import catalog_name, read_scan

    try:
        found = read_scan(folder)
    except EvidenceError:
        return None
    asked = (network.weights_hash, catalog_name(catalog), network.expects.to_json())
    told = found.provenance
    same = (told.weights_hash, told.catalog, found.expects.to_json()) == asked
    return found if same else None


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    """Words in the first column, numbers in the others."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def sure(found: Mapping[str, Any] | None) -> str:
    """A number, and how far it is to the farther end of its interval.

    >>> sure({"value": 0.5, "low": 0.25, "high": 0.6})
    '0.50 ±0.25'
    """
    if found is None or found["value"] is None:
        return "-"
    value, low, high = found["value"], found["low"], found["high"]
    return f"{value:.2f}" + ("" if low is None else f" ±{max(value - low, high - value):.2f}")


def tell_failures(scans: Sequence["Scan"], failures: Sequence[Mapping[str, Any]]) -> None:
    """Name what was not possible; the exit code is 1 if a video could not be read."""
    unread = {failure["path"]: failure["error"] for scan in scans for failure in scan.failures}
    unread |= {each["path"]: each["error"] for each in failures if "path" in each}
    for each in failures:
        if "layer" in each:
            click.echo(f"{each['layer']} is left out: {each['error'].splitlines()[0]}", err=True)
    for error in list(unread.values())[:_MAX_FAILURES]:
        click.echo(error, err=True)
    if len(unread) > _MAX_FAILURES:
        click.echo(f"and {len(unread) - _MAX_FAILURES} more", err=True)
    if unread:
        click.get_current_context().exit(1)
