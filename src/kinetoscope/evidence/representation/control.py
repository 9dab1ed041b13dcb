"""What does the same network with random weights answer to the same clips?

A scan as any other, beside the one that it is held against, of a network that has learnt nothing.

Source: as for `random_weights`.
"""

from collections.abc import Sequence
from pathlib import Path

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.invariance.random_weights import control_of
from kinetoscope.evidence.scan import Progress, Scan, scan
from kinetoscope.networks.network import Network

_MEASURED = 32  # clips on which batch normalization is measured


def scan_with_random_weights(  # noqa: PLR0913 - as `scan`, and the seed
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    layers: Sequence[str] | None = None,
    clips: int = 1,
    seed: int = 0,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Scan:
    """Scan a catalog with a copy of a network whose weights are drawn anew.

    Args:
        network: comes back as it went.
        catalog: which videos.
        folder: of the evidence; complete or absent.
        layers: by name; those that the network names as worth looking at if not given.
        clips: of each video, as in the scan that it is held against.
        seed: of the weights.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are done, and of how many.

    Raises:
        UnknownNameError: a layer is not there.
        CatalogError: no video can be read.
    """
    return scan(
        control_of(network, catalog, _MEASURED, seed=seed, clip_cache=clip_cache),
        catalog,
        folder,
        layers=layers,
        clips=clips,
        clip_cache=clip_cache,
        progress=progress,
    )
