"""Which attribution method can be believed for this network?

Each method attributes clips of a catalog, as many of each label as can be, for the label that the
network finds most likely; then everything in this folder is measured of it (`measuring.py`), the
network's weights are drawn anew from the output down (`cascade.py`), and methods are ranked
(`ranking.py`). Methods that take many passes are asked of fewer clips, and of all if they could be
the first; the answer says of how many.

Source: of each measure, in the module that has it; Hedström et al., "Quantus", JMLR 2023, on
measuring several properties of several methods on one model.

The answer has

    clips        how many, and `labels` with how many of each; `right`, how many are told right
    segments     along time, height and width of a clip
    fillings     what stood in for what was removed; `tell`, how many clips have enough to lose then
    shares       of the segments that are gone, or there, at each step of every curve
    rule         by which methods are ranked; `recommended`, the first if it is to be believed
    methods      ranked, a list of: name, source, rank, clips; of these steady (of how many random
                 weights were asked) and noisy (of how many noise and another label were)
        seconds, gain, over_centre, deletion, insertion    value, low, high over clips; the last
                     four as shares of what there is to lose, above random orders or the centre
        to_first     from the median gain of the first to its own, on the clips of both
        fillings     by filling: deletion, insertion, sensitivity_n, infidelity, completeness_gap,
                     and `curves`: deletion, insertion
        max_sensitivity, another_label, streams    the last by stream: deletion from it alone
        random       chance, stages (each layers, alike), more; changes: whether the heat does
    controls     random, centre: by filling, deletion and insertion of the centre, and `curves`
    agreement    by method and method: value, low, high
    refused      method, reason
    failures     path, where, error of videos that can't be read

and beside it are methods.csv (every number) and clips.csv (of every clip).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import ClipError, KinetoscopeError
from kinetoscope.evidence.attribution.attribute import METHODS, check_method, method_of
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.belief.amounts import HUNDREDS, amounts
from kinetoscope.evidence.attribution.belief.checking import STAGES, Checking
from kinetoscope.evidence.attribution.belief.curves import STEPS
from kinetoscope.evidence.attribution.belief.ranking import RULE
from kinetoscope.evidence.attribution.belief.telling import clip_table, method_table
from kinetoscope.evidence.attribution.removal import check_filling
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.sample import open_sample
from kinetoscope.evidence.scan import Progress, catalog_name
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

KIND = "attribution-check"

FEWEST = 2
"""Clips: one is held against another."""


def write_attribution_check(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    methods: Sequence[Method] | None = None,
    clips: int = 20,
    fillings: Sequence[str] = ("grey", "blur"),
    seed: int = 0,
    memory: int | None = None,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Measure attribution methods on a network and rank them.

    Evidence that is there already is read. A video that can't be read is listed, and another one
    of its label takes its place; a method that does not fit is listed with its reason.

    Args:
        network: comes back as it went.
        catalog: of the clips.
        folder: of the evidence; complete or absent.
        methods: with their settings, each name once; None for all that fit, but those that take
            hundreds of passes for each clip (`amounts.HUNDREDS`).
        clips: how many, as many of each label as can be.
        fillings: what stands in for what is removed, one or more of `removal.FILLINGS`.
        seed: of clips, orders, noise and weights.
        memory: that a method may take beside the weights [bytes]; None for what is there.
        clip_cache: where clips are kept that were opened before.
        progress: is told how often methods were asked, and of how often.

    Raises:
        ClipError: no method fits, or there are fewer than two clips.
        UnknownNameError: there is no such filling.
        CatalogError: no video can be read.
    """
    _check_fillings(fillings)
    fit, refused = _fitting(network, methods)
    provenance = _provenance(network, catalog, fit, clips, fillings, seed)
    if not has_evidence(folder, provenance):
        sample = open_sample(catalog, network.expects, clips, seed=seed, clip_cache=clip_cache)
        _check_enough(len(sample))
        checking = Checking(
            network=network,
            sample=sample,
            methods=amounts(fit, len(sample)),
            fillings=fillings,
            seed=seed,
            memory=memory,
        )
        checking.measure(_counting(checking.steps, progress))
        sources = [catalog.relative_path(entry) for entry in sample.entries]
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            answer |= checking.told(refused)
            write_table(aside, "methods", method_table(answer["methods"]))
            write_table(aside, "clips", clip_table(checking.found, sources))
    return read_evidence(folder, KIND)


def _fitting(
    network: Network, methods: Sequence[Method] | None
) -> tuple[list[Method], dict[str, KinetoscopeError]]:
    """Those that fit, and why the others do not."""
    usual = [name for name in METHODS if name not in HUNDREDS]
    asked = [method_of(name) for name in usual] if methods is None else list(methods)
    names = [method.name for method in asked]
    if not asked or len(set(names)) < len(names):
        raise ClipError(
            "methods are told apart by their names", got=names, expected="one or more, each once"
        )
    objective = label(network.labels[0])
    fit: list[Method] = []
    refused: dict[str, KinetoscopeError] = {}
    for method in asked:
        try:
            method.check(network, objective)
            fit.append(method)
        except KinetoscopeError as error:
            refused[method.name] = error
    if not fit:
        check_method(asked[0], network, objective)  # says which would
    return fit, refused


def _check_fillings(fillings: Sequence[str]) -> None:
    for filling in fillings:
        check_filling(filling)
    if not fillings:
        raise ClipError(
            "nothing stands in for what is removed", got="no filling", expected="one or more"
        )


def _check_enough(clips: int) -> None:
    if clips < FEWEST:
        raise ClipError(
            "a check needs clips to hold against one another",
            got=f"{clips} clip",
            expected=f"{FEWEST} clips or more",
        )


def _counting(steps: int, progress: Progress | None) -> Callable[[], None]:
    done = 0

    def one_more() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, steps)

    return one_more


def _provenance(
    network: Network,
    catalog: Catalog,
    methods: Sequence[Method],
    clips: int,
    fillings: Sequence[str],
    seed: int,
) -> Provenance:
    return Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="whether attributions are to be believed",
        settings={
            "methods": [method.settings() for method in methods],
            "clips": clips,
            "fillings": list(fillings),
            "steps": STEPS,
            "stages": STAGES,
            "rule": RULE,
            "labels": list(network.labels),
            "expects": network.expects.to_json(),
        },
        seed=seed,
    )
