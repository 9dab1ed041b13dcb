"""What do all stages of a look share: a network, a catalog, and what both gave already?"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.invariance.random_weights import control_of
from kinetoscope.evidence.scan import Scan, scan
from kinetoscope.look.looking import Looking
from kinetoscope.networks.network import Network
from kinetoscope.training.progress import counted
from kinetoscope.units.layers import Layer, list_layers


@dataclass(frozen=True)
class Bench:
    """A network and a catalog on the bench.

    Args:
        network: that is looked into.
        catalog: of videos whose labels are the network's.
        out: for evidence and report.
        how: what to look at, and how closely.
        clip_cache: where clips are kept that were opened before.
        progress: whether to show it, where there is a terminal.
    """

    network: Network
    catalog: Catalog
    out: Path
    how: Looking
    clip_cache: ClipCache | None
    progress: bool

    def folder(self, name: str) -> Path:
        """Of a kind of evidence."""
        return self.out / "evidence" / name

    def counted(self, what: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """Shows how many of a stage's steps are done."""
        return counted(what, shown=self.progress)

    @cached_property
    def layers(self) -> list[Layer]:
        """Those that are looked at, in the order of computation."""
        return list_layers(self.network, self.how.layers, pools=False)

    @property
    def layer_names(self) -> list[str]:
        """Of the layers that are looked at."""
        return [layer.name for layer in self.layers]

    @cached_property
    def scanned(self) -> Scan:
        """What every unit answers to every clip; many stages rest on it."""
        with self.counted("scanning") as progress:
            return scan(
                self.network,
                self.catalog,
                self.folder("scan"),
                layers=self.layer_names,
                clip_cache=self.clip_cache,
                progress=progress,
            )

    @cached_property
    def control(self) -> Network:
        """The same network with random weights: what any network of its make would show."""
        how = self.how
        return control_of(
            self.network, self.catalog, how.sample, seed=how.seed, clip_cache=self.clip_cache
        )

    @cached_property
    def scanned_control(self) -> Scan:
        """What every unit of the control answers to every clip."""
        with self.counted("scanning with random weights") as progress:
            return scan(
                self.control,
                self.catalog,
                self.folder("scan-random"),
                layers=self.layer_names,
                clip_cache=self.clip_cache,
                progress=progress,
            )
