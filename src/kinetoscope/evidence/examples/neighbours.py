"""Which clips are the most like this one, as a layer has them?

The features of a clip are the mean answers of a layer's channels, as a scan keeps them; the nearest
are those whose features point the same way,

    similarity = <f, g> / (|f| |g|).

Clips of the scan are asked for by number and nothing is run; a clip from outside is shown to the
network once. Whether the layer sorts clips as people do is told by how many of the neighbours have
the same label, beside how many would by chance.

Source: query by example with deep features is that of Babenko, Slesarev, Chigorin and Lempitsky,
"Neural Codes for Image Retrieval", ECCV 2014. Differs: features are means over all places, not
whitened.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.responses import respond
from kinetoscope.evidence.scan import Scan
from kinetoscope.networks.network import Network

Vector = Float[np.ndarray, " channel"]


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A clip that is like another.

    Args:
        clip: its number in the scan.
        path: from the catalog's root.
        label: as the catalog has it.
        predicted: as the network has it.
        similarity: from -1 to 1; 1 for features that point the same way.
    """

    clip: int
    path: str
    label: str | None
    predicted: str
    similarity: float


def neighbours(scan: Scan, layer: str, clip: int, count: int = 9) -> list[Neighbour]:
    """The clips whose features are nearest to those of a clip of the scan, the nearest first.

    Args:
        scan: has the layer.
        layer: which one.
        clip: its number in the scan.
        count: how many, if there are as many; of other videos than the clip's, one of each.

    Raises:
        UnknownNameError: the layer was not scanned; there is no such clip, or it can't be read.
    """
    row = _row_of(scan, clip)
    features = scan.means(layer).double().numpy()
    own = scan.clips["path"][row]
    return _nearest(scan, features, features[row], count, without=own)


def neighbours_of(
    network: Network, scan: Scan, layer: str, clip: Clip, count: int = 9
) -> list[Neighbour]:
    """The clips of a scan whose features are nearest to those of a clip from outside.

    Args:
        network: that was scanned; comes back as it went.
        scan: has the layer.
        layer: which one.
        clip: as the network expects it.
        count: how many, if there are as many; one of each video.

    Raises:
        UnknownNameError: the layer was not scanned.
        ClipError: the clip is not what the network takes.
    """
    features = scan.means(layer).double().numpy()
    batch = ClipBatch.of([clip], network.expects)
    query = respond(network, [batch], [layer]).mean[layer][0].double().numpy()
    return _nearest(scan, features, query, count)


def chance_of(scan: Scan, label: str | None) -> float:
    """The share of the scan's clips that have a label: what a layer would find by chance."""
    labels = scan.clips.filter(scan.clips["error"].is_null())["label"]
    return float((labels == label).sum()) / max(1, len(labels)) if label is not None else np.nan


def same_label(found: Sequence[Neighbour], label: str | None) -> float:
    """The share of neighbours that have a label."""
    return float(np.mean([each.label == label for each in found])) if found else np.nan


def _row_of(scan: Scan, clip: int) -> int:
    rows = scan.clips.with_row_index("at").filter(scan.clips["clip"] == clip)
    if len(rows) != 1 or rows["error"][0] is not None:
        raise UnknownNameError(
            f"no clip {clip} of the scan in {scan.folder} could be read",
            got=rows["error"][0] if len(rows) else f"clip {clip}",
            expected=f"a number from 0 to {len(scan.clips) - 1}, of a clip that could be read",
        )
    return rows["at"][0]


def _nearest(
    scan: Scan,
    features: Float[np.ndarray, "clip channel"],
    query: Vector,
    count: int,
    *,
    without: str | None = None,
) -> list[Neighbour]:
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(query)
    with np.errstate(invalid="ignore", divide="ignore"):
        similarity = np.where(lengths > 0, features @ query / lengths, 0.0)
    order = np.argsort(-similarity, kind="stable")
    order = order[~np.isnan(features[order]).any(axis=1)].tolist()
    paths, found = {without}, []
    for at in order:
        if len(found) == count:
            break
        row = scan.clips.row(at, named=True)
        if row["path"] in paths:
            continue
        paths.add(row["path"])
        told = {name: row[name] for name in ("clip", "path", "label", "predicted")}
        found.append(Neighbour(**told, similarity=float(np.clip(similarity[at], -1, 1))))
    return found
