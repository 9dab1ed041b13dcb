"""How does a verb come by the scans that it needs?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.scan import Scan
    from kinetoscope.networks.network import Network


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
