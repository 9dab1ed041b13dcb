"""Is a scan of this network and this catalog, and which of its layers are not the scores?"""

from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.scan import Scan, catalog_name
from kinetoscope.networks.network import Network


def check_same(network: Network, catalog: Catalog, scan: Scan) -> None:
    """Refuse a scan of something else.

    Raises:
        EvidenceError: it is of another network or catalog.
    """
    asked = (network.weights_hash, catalog_name(catalog))
    scanned = (scan.provenance.weights_hash, scan.provenance.catalog)
    if asked != scanned:
        raise EvidenceError(
            f"the scan in {scan.folder} is not of {network.name} and {catalog.name}",
            got=f"weights {scanned[0]}, catalog {scanned[1]}",
            expected=f"weights {asked[0]}, catalog {asked[1]}",
        )


def layers_below_scores(scan: Scan) -> list[str]:
    """The scanned layers without a last one that has a channel for each label.

    That such a channel belongs to its label, and that the label suffers without it, tells nothing.
    """
    own = score_layer(scan)
    return [name for name in scan.layers if name != own]


def score_layer(scan: Scan) -> str | None:
    """The last layer, if it has a channel for each label and is not the only one."""
    *others, last = scan.layers
    return last if others and scan.layers[last]["channels"] == len(scan.labels) else None
