"""With which settings is each kind of evidence made that answers one of the four questions?"""

from kinetoscope.evidence.audit.audit import write_audit
from kinetoscope.evidence.cues.cues import Asked, write_cues
from kinetoscope.evidence.evolution.checkpoints import checkpoints_in
from kinetoscope.evidence.evolution.evolution import Following, write_evolution
from kinetoscope.evidence.failure.confusion import write_confusion
from kinetoscope.evidence.failure.pair_part import Confusing
from kinetoscope.evidence.health.figures import Control
from kinetoscope.evidence.health.health import write_health
from kinetoscope.evidence.invariance.invariance import write_invariance
from kinetoscope.evidence.representation.alike import write_similarity
from kinetoscope.evidence.representation.embedding import Laying, write_embedding
from kinetoscope.evidence.representation.probes import Probing, write_probes
from kinetoscope.evidence.specificity.specificity import Removing, write_specificity
from kinetoscope.evidence.tuning.tuning import write_tuning
from kinetoscope.look.bench import Bench

# Specific or general?


def check_health(bench: Bench) -> None:
    """Find units that say nothing, or the same as others."""
    how = bench.how
    with bench.counted("dead, sparse, twice") as progress:
        write_health(
            bench.network,
            bench.scanned,
            bench.folder("health"),
            control=Control(
                network=bench.control,
                catalog=bench.catalog,
                clips=how.sample,
                clip_cache=bench.clip_cache,
            ),
            seed=how.seed,
            progress=progress,
        )


def measure_specificity(bench: Bench) -> None:
    """Tell specific units from general ones, and what is lost without them."""
    how = bench.how
    with bench.counted("specificity") as progress:
        write_specificity(
            bench.network,
            bench.catalog,
            bench.scanned,
            bench.folder("specificity"),
            removing=Removing(clips=how.sample, specific=how.units_per_layer),
            seed=how.seed,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


# Motion, appearance, or both?


def measure_cues(bench: Bench) -> None:
    """Measure what units, layers and classes owe to motion and to appearance."""
    how = bench.how
    with bench.counted("motion or appearance") as progress:
        write_cues(
            bench.network,
            bench.catalog,
            bench.folder("cues"),
            layers=bench.layer_names,
            asked=Asked(clips=how.sample, seed=how.seed),
            control=bench.control,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def measure_tuning(bench: Bench) -> None:
    """Show moving patterns of every direction, speed, fineness and size."""
    with bench.counted("tuning") as progress:
        write_tuning(
            bench.network,
            bench.folder("tuning"),
            layers=bench.layer_names,
            grid=bench.how.tuning,
            control=bench.control,
            seed=bench.how.seed,
            progress=progress,
        )


# How does abstraction grow?


def measure_invariance(bench: Bench) -> None:
    """Change clips little by little, and see what answers the same."""
    with bench.counted("invariance") as progress:
        write_invariance(
            bench.network,
            bench.catalog,
            bench.layer_names,
            bench.folder("invariance"),
            bench.how.invariance,
            control=bench.control,
            seed=bench.how.seed,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def probe_layers(bench: Bench) -> None:
    """Find how well the classes can be read from each layer."""
    with bench.counted("probes") as progress:
        write_probes(
            bench.scanned,
            bench.folder("probes"),
            catalogs=[bench.catalog],
            control=bench.scanned_control,
            how=Probing(seed=bench.how.seed),
            progress=progress,
        )


def compare_layers(bench: Bench) -> None:
    """Find which layers say the same."""
    write_similarity(
        bench.scanned,
        bench.folder("similarity"),
        control=bench.scanned_control,
        seed=bench.how.seed,
    )


def map_clips(bench: Bench) -> None:
    """Lay the clips out as the first, a middle and the last layer see them."""
    names = bench.layer_names
    chosen = dict.fromkeys((names[0], names[len(names) // 2], names[-1]))
    with bench.counted("maps of clips") as progress:
        write_embedding(
            bench.scanned,
            bench.catalog,
            bench.folder("embedding"),
            layers=list(chosen),
            control=bench.scanned_control,
            how=Laying(seed=bench.how.seed),
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def follow_training(bench: Bench) -> None:
    """See when units settle, where checkpoints of the training were kept."""
    how = bench.how
    assert how.checkpoints is not None, "this stage is chosen where there are some"
    with bench.counted("evolution") as progress:
        write_evolution(
            checkpoints_in(how.checkpoints),
            bench.catalog,
            bench.folder("evolution"),
            how=Following(layers=tuple(bench.layer_names), count=how.sample, seed=how.seed),
            control=bench.control,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


# Why does it fail?


def explain_confusion(bench: Bench) -> None:
    """Look into the pairs of classes that are mixed up most."""
    with bench.counted("confusion") as progress:
        write_confusion(
            bench.network,
            bench.catalog,
            bench.scanned,
            bench.folder("confusion"),
            training=bench.how.training,
            how=Confusing(clips=bench.how.sample),
            seed=bench.how.seed,
            clip_cache=bench.clip_cache,
            progress=progress,
        )


def audit_data(bench: Bench) -> None:
    """Find what is peculiar in the data."""
    with bench.counted("audit") as progress:
        write_audit(
            bench.network,
            bench.catalog,
            bench.folder("audit"),
            scan=bench.scanned,
            seed=bench.how.seed,
            clip_cache=bench.clip_cache,
            progress=progress,
        )
