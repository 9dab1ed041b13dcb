"""The main job: what does a trained network see in the videos of a catalog?

Every stage writes its evidence to a folder of its own and skips what is there already, so that a
look that was interrupted goes on where it stopped and ends with the same evidence:

    network       its layers, what they see
    evaluation    how well it recognizes the videos; beside it, with something taken away
    scan          what every unit answers to every clip
    retrieval     the clips that excite each unit most
    nature        what colours, spectra and speeds the clips have
    stimuli       what labels and chosen units would most like to see, from fast to slow
    maximization  what of that could not be made
    index.html    the report, from these folders alone
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.evidence.beside.nature import Nature, measure_nature
from kinetoscope.evidence.beside.reference import reference_from_scan
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.retrieval import write_retrieval
from kinetoscope.evidence.scan import Scan, catalog_name, scan
from kinetoscope.evidence.specificity.selectivity import most_selective
from kinetoscope.evidence.stimuli.jobs.batch import Wanted
from kinetoscope.evidence.stimuli.jobs.job import Job, maximize_all
from kinetoscope.evidence.stimuli.maximize import layers_with_slope
from kinetoscope.evidence.stimuli.settings import SLOWNESS, Maximizing
from kinetoscope.files import remove_leftovers
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network
from kinetoscope.report.report import write_report
from kinetoscope.training.evaluate import controls, evaluate
from kinetoscope.training.progress import counted
from kinetoscope.units.layers import Layer, list_layers
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Looking:
    """How a look is done.

    Args:
        layers: which ones; if none are given those that the network names as worth looking at,
            without its pools, whose units are those of the layer before.
        units_per_layer: how many units of each layer get stimuli, spread from the one that is most
            specific to a label to the one that is least.
        slowness: the weights of change over time that stimuli are made with.
        maximizing: how they are made.
        seeds: from how many the slowest stimulus is made, to tell how much it owes to chance.
        top: how many clips are kept of each unit.
        seed: of everything random.
    """

    layers: tuple[str, ...] = ()
    units_per_layer: int = 8
    slowness: tuple[float, ...] = SLOWNESS
    maximizing: Maximizing = field(default_factory=lambda: Maximizing(peak=0.5))
    seeds: int = 2
    top: int = 9
    seed: int = 0


def look(
    network: Network,
    catalog: Catalog,
    out: Path | str,
    *,
    how: Looking | None = None,
    clip_cache: ClipCache | None = None,
    progress: bool = False,
) -> Path:
    """Open a network with a catalog of videos and write a report.

    Videos that can't be read are listed in the report, and the job goes on.

    Args:
        network: trained; comes back as it went.
        catalog: whose labels are the network's.
        out: for evidence and report. Evidence of another question that lies there is replaced.
        how: what to look at, and how closely.
        clip_cache: where clips are kept that were opened before.
        progress: whether to show it, where there is a terminal.

    Returns:
        The page to open.

    Raises:
        UnknownNameError: a layer is not there.
        CatalogError: the labels are not the network's, or no video can be read.
    """
    stages = _Look(network, catalog, Path(out), how or Looking(), clip_cache, progress)
    remove_leftovers(stages.out)
    keep_memory()
    layers = stages.tell_layers()
    stages.measure_accuracy()
    scanned = stages.scan([layer.name for layer in layers])
    stages.retrieve(scanned)
    stages.make_stimuli(scanned, stages.measure_nature())
    return write_report(stages.out)


@dataclass(frozen=True)
class _Look:
    network: Network
    catalog: Catalog
    out: Path
    how: Looking
    clip_cache: ClipCache | None
    progress: bool

    def tell_layers(self) -> list[Layer]:
        """Write what the network is; the layers that are looked at."""
        chosen = list_layers(self.network, self.how.layers)
        if not self.how.layers:
            chosen = [layer for layer in chosen if "Pool" not in layer.kind]
        tell_network(self.network, chosen, self._folder("network"))
        return chosen

    def measure_accuracy(self) -> None:
        """Evaluate the network as it is, and with something taken away from the clips."""
        variants = {"evaluation": {}} | {
            f"evaluation {name}".replace(" ", "-"): change
            for name, change in controls(self.network).items()
        }
        for name, change in variants.items():
            provenance = Provenance.of(
                self.network,
                catalog=catalog_name(self.catalog),
                objective="accuracy",
                settings={**change, "expects": self.network.expects.to_json()},
                seed=self.how.seed,
            )
            if has_evidence(self._folder(name), provenance):
                continue
            found = evaluate(
                self.network,
                self.catalog,
                **change,
                seed=self.how.seed,
                clip_cache=self.clip_cache,
                progress=self.progress,
            )
            with writing_evidence(self._folder(name), "evaluation", provenance) as (_, answer):
                answer.update(found.to_json())

    def scan(self, layers: Sequence[str]) -> Scan:
        """Run the catalog once."""
        with counted("scanning", shown=self.progress) as progress:
            return scan(
                self.network,
                self.catalog,
                self._folder("scan"),
                layers=layers,
                clip_cache=self.clip_cache,
                progress=progress,
            )

    def retrieve(self, scanned: Scan) -> None:
        """Keep the clips that excite each unit most."""
        units = [
            Unit(name, channel) for name in scanned.layers for channel in _channels(scanned, name)
        ]
        with counted("top clips", shown=self.progress) as progress:
            write_retrieval(
                self.network,
                self.catalog,
                scanned,
                units,
                self._folder("retrieval"),
                count=self.how.top,
                clip_cache=self.clip_cache,
                progress=progress,
            )

    def measure_nature(self) -> Nature:
        """Find what the clips of the catalog look like."""
        with counted("nature", shown=self.progress) as progress:
            return measure_nature(
                self.network,
                self.catalog,
                self._folder("nature"),
                seed=self.how.seed,
                clip_cache=self.clip_cache,
                progress=progress,
            )

    def make_stimuli(self, scanned: Scan, nature: Nature) -> None:
        """Maximize labels and chosen units, a few at a time, and write each one's stimuli."""
        how = self.how
        wanted = Wanted(
            slowness=how.slowness, maximizing=how.maximizing, seed=how.seed, seeds=how.seeds
        )
        with counted("stimuli", shown=self.progress) as progress:
            maximize_all(
                self.network,
                [*map(label, self.network.labels), *map(activation, self._chosen(scanned))],
                self.out / "evidence",
                job=Job(wanted=wanted),
                reference=reference_from_scan(scanned),
                nature=nature,
                progress=progress,
            )

    def _chosen(self, scanned: Scan) -> Iterator[Unit]:
        """Of every layer some live units, spread from the most to the least selective."""
        silent = read_evidence(self._folder("network")).answer["without_stimuli"]
        for name in scanned.layers:
            ranked = [] if name in silent else most_selective(scanned, name)
            count = min(self.how.units_per_layer, len(ranked))
            for place in range(count):
                yield Unit(name, ranked[place * (len(ranked) - 1) // max(1, count - 1)])

    def _folder(self, name: str) -> Path:
        return self.out / "evidence" / name


def tell_network(network: Network, layers: Sequence[Layer], folder: Path) -> None:
    """Write what a network is, and what some of its layers see, unless it is there."""
    names = [layer.name for layer in layers]
    provenance = Provenance.of(
        network, objective="layers and what they see", settings={"layers": names}
    )
    if has_evidence(folder, provenance):
        return
    with writing_evidence(folder, "network", provenance) as (_, answer):
        answer["name"] = network.name
        answer["labels"] = list(network.labels)
        answer["expects"] = network.expects.to_json()
        answer["weights_count"] = network.weights_count
        answer["layers"] = [layer.to_json() for layer in layers]
        sloped = layers_with_slope(network, names)
        answer["without_stimuli"] = [name for name in names if name not in sloped]


def _channels(scanned: Scan, layer: str) -> range:
    return range(scanned.layers[layer]["channels"])
