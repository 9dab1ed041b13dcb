"""What do all four questions rest on: the network, its accuracy, its answers to real clips?"""

from collections.abc import Iterator

import polars as pl

from kinetoscope.evidence.anatomy import write_anatomy
from kinetoscope.evidence.beside.nature import Nature, measure_nature
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.retrieval import write_retrieval
from kinetoscope.evidence.scan import catalog_name
from kinetoscope.evidence.specificity.selectivity import most_selective
from kinetoscope.look.bench import Bench
from kinetoscope.training.evaluate import controls, evaluate
from kinetoscope.units.unit import Unit

_FEW = 400
"""So many clips are all kept, so that every page can show them."""


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


def chosen_units(bench: Bench) -> Iterator[Unit]:
    """Of every layer some live units, spread from the most to the least selective."""
    silent = read_evidence(bench.folder("network")).answer["without_stimuli"]
    for name in bench.scanned.layers:
        ranked = [] if name in silent else most_selective(bench.scanned, name)
        count = min(bench.how.units_per_layer, len(ranked))
        for place in range(count):
            yield Unit(name, ranked[place * (len(ranked) - 1) // max(1, count - 1)])


def retrieve(bench: Bench) -> None:
    """Keep the clips that excite each unit most, and those that are mistaken."""
    scanned = bench.scanned
    units = [
        Unit(name, channel)
        for name, layer in scanned.layers.items()
        for channel in range(layer["channels"])
    ]
    wrong = scanned.clips.filter(pl.col("label") != pl.col("predicted"))["clip"].to_list()
    few = scanned.clips["clip"].to_list() if len(scanned.clips) <= _FEW else wrong
    with bench.counted("top clips") as progress:
        write_retrieval(
            bench.network,
            bench.catalog,
            scanned,
            units,
            bench.folder("retrieval"),
            count=bench.how.top,
            also=few,
            views=list(chosen_units(bench)),
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
