"""The main job: what does a trained network see in the videos of a catalog?

Every stage writes its evidence to a folder of its own and skips what is there already, so that a
look that was interrupted goes on where it stopped and ends with the same evidence. A stage that
can't be done for this network or this catalog is told with its reason, and the others go on:

    evidence/network      its layers, what they see
    evidence/<stage>      what each stage found
    evidence/stages       which were done, and which could not be
    index.html            the report, from these folders alone
"""

from pathlib import Path

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import Provenance, read_evidence, writing_evidence
from kinetoscope.evidence.scan import catalog_name
from kinetoscope.files import remove_leftovers
from kinetoscope.look.bench import Bench
from kinetoscope.look.grounds import tell_layers
from kinetoscope.look.looking import Looking
from kinetoscope.look.stages import STAGES
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network
from kinetoscope.report.report import write_report
from kinetoscope.training.evaluate import label_places


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
        UnknownNameError: a layer or a stage is not there.
        CatalogError: the labels are not the network's, or no video can be read.
    """
    bench = Bench(network, catalog, Path(out), how or Looking(), clip_cache, progress)
    chosen = bench.how.chosen(list(STAGES))
    label_places(network.labels, catalog)  # refused before anything is done
    remove_leftovers(bench.out)
    keep_memory()
    tell_layers(bench)
    failures = {}
    for name in chosen:
        try:
            STAGES[name](bench)
        except EvidenceError as error:
            failures[name] = str(error)
    _tell_stages(bench, chosen, failures)
    return write_report(bench.out)


def _tell_stages(bench: Bench, chosen: list[str], failures: dict[str, str]) -> None:
    """Write which stages were done, unless that is what is there."""
    told = {
        "done": [name for name in chosen if name not in failures],
        "failures": [{"stage": name, "error": error} for name, error in failures.items()],
    }
    provenance = Provenance.of(
        bench.network, catalog=catalog_name(bench.catalog), objective="stages of a look"
    )
    folder = bench.folder("stages")
    if folder.exists() and read_evidence(folder, "stages").answer == told:
        return
    with writing_evidence(folder, "stages", provenance) as (_, answer):
        answer.update(told)
