"""What are the stages of a look, and with which settings is each done?

Every stage writes its evidence to a folder of its own and skips what is there already.
"""

from collections.abc import Callable, Iterator

from kinetoscope.evidence.anatomy import write_anatomy
from kinetoscope.evidence.beside.nature import Nature, measure_nature
from kinetoscope.evidence.beside.reference import reference_from_scan
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.retrieval import write_retrieval
from kinetoscope.evidence.scan import catalog_name
from kinetoscope.evidence.specificity.selectivity import most_selective
from kinetoscope.evidence.stimuli.jobs.batch import Wanted
from kinetoscope.evidence.stimuli.jobs.job import Job, maximize_all
from kinetoscope.look.bench import Bench
from kinetoscope.training.evaluate import controls, evaluate
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit


def tell_layers(bench: Bench) -> None:
    """Write what the network is."""
    write_anatomy(bench.network, bench.layers, bench.folder("network"))


def measure_accuracy(bench: Bench) -> None:
    """Evaluate the network as it is, and with something taken away from the clips."""
    variants = {"evaluation": {}} | {
        f"evaluation {name}".replace(" ", "-"): change
        for name, change in controls(bench.network).items()
    }
    for name, change in variants.items():
        provenance = Provenance.of(
            bench.network,
            catalog=catalog_name(bench.catalog),
            objective="accuracy",
            settings={**change, "expects": bench.network.expects.to_json()},
            seed=bench.how.seed,
        )
        if has_evidence(bench.folder(name), provenance):
            continue
        found = evaluate(
            bench.network,
            bench.catalog,
            **change,
            seed=bench.how.seed,
            clip_cache=bench.clip_cache,
            progress=bench.progress,
        )
        with writing_evidence(bench.folder(name), "evaluation", provenance) as (_, answer):
            answer.update(found.to_json())


def scan_catalog(bench: Bench) -> None:
    """Run the catalog once."""
    assert bench.scanned


def retrieve(bench: Bench) -> None:
    """Keep the clips that excite each unit most."""
    scanned = bench.scanned
    units = [
        Unit(name, channel)
        for name, layer in scanned.layers.items()
        for channel in range(layer["channels"])
    ]
    with bench.counted("top clips") as progress:
        write_retrieval(
            bench.network,
            bench.catalog,
            scanned,
            units,
            bench.folder("retrieval"),
            count=bench.how.top,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def look_at_nature(bench: Bench) -> Nature:
    """Find what the clips of the catalog look like."""
    with bench.counted("nature") as progress:
        return measure_nature(
            bench.network,
            bench.catalog,
            bench.folder("nature"),
            seed=bench.how.seed,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def make_stimuli(bench: Bench) -> None:
    """Maximize labels and chosen units, a few at a time, and write each one's stimuli."""
    how, scanned = bench.how, bench.scanned
    nature = look_at_nature(bench)
    wanted = Wanted(
        slowness=how.slowness,
        maximizing=how.maximizing.as_free_as(nature),
        seed=how.seed,
        seeds=how.seeds,
    )
    objectives = [*map(label, bench.network.labels), *map(activation, chosen_units(bench))]
    with bench.counted("stimuli") as progress:
        maximize_all(
            bench.network,
            objectives,
            bench.out / "evidence",
            job=Job(wanted=wanted),
            reference=reference_from_scan(scanned),
            nature=nature,
            progress=progress,
        )


def chosen_units(bench: Bench) -> Iterator[Unit]:
    """Of every layer some live units, spread from the most to the least selective."""
    tell_layers(bench)
    silent = read_evidence(bench.folder("network")).answer["without_stimuli"]
    for name in bench.scanned.layers:
        ranked = [] if name in silent else most_selective(bench.scanned, name)
        count = min(bench.how.units_per_layer, len(ranked))
        for place in range(count):
            yield Unit(name, ranked[place * (len(ranked) - 1) // max(1, count - 1)])


STAGES: dict[str, Callable[[Bench], object]] = {
    "evaluation": measure_accuracy,
    "scan": scan_catalog,
    "retrieval": retrieve,
    "nature": look_at_nature,
    "stimuli": make_stimuli,
}
"""By name, in the order in which they are done."""
