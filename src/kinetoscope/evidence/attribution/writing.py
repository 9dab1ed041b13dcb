"""Where, when and in which stream do clips of a catalog hold what an objective rests on?

Each clip is shown to every method, and what it answers is kept with the clip itself. A clip that is
done is not asked about again when the same is asked anew; the evidence is there when all are done.
Written out, it has for its answer

    labels, streams    the network's
    extent        of every clip [frames, pixels, pixels]
    filling       what stood in for a stream that was out
    methods       name, source, settings; full_colour, by scale: the heat that is drawn so
    refused       method and error of those that do not fit
    clips         a list of: path, where, label, predicted, probability, seconds of its frames
        clip, heats        files beside the evidence (examples/kept.py, heats.py)
        questions          a list of: objective, why (answering.py), value, scale
            shares         of streams, of motion (shares.py); null with the reason in `unshared`
            answers        a list of: method (its place), error; where there is none
                signed, facts, took_seconds
                native     the extent in which a part was found, where that is not the clip's
                strong     heat that few pixels exceed
                strongest  the box that speaks most for the objective: frames, rows, columns
                parts      by part: sum, over_time (the sum of each frame), share_of_time (of all
                           that speaks for the objective; null if nothing does), strongest
    failures      path, where and error of videos that can't be read

and beside it are answers.csv, time.csv and shares.csv. The arrays of a clip are named by places and
part, `<question>.<method>.<part>`; with `.native` behind it, as the method found it.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.errors import CatalogError, ClipError, KinetoscopeError
from kinetoscope.evidence.attribution.answering import Asking
from kinetoscope.evidence.attribution.attribute import check_method
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.heats import full_colour, keep_heats
from kinetoscope.evidence.attribution.tables import write_tables
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.examples.kept import keep_clip
from kinetoscope.evidence.scan import Progress, catalog_name
from kinetoscope.files import whole_folder, write_text
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective, label

KIND = "attribution"
CLIPS, HEATS = "clips", "heats"
_TOLD, _CLIP, _HEATS = "told.json", "clip.npz", "heats.safetensors"
_QUESTION = "question.json"


def write_attributions(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    methods: Sequence[Method],
    objectives: Sequence[Objective] = (),
    filling: str = "grey",
    memory: int | None = None,
    other: Clip | None = None,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Attribute clips of a catalog, one a video, and write it as a folder of evidence.

    Evidence that is there already is read. Methods that do not fit, and videos that can't be read,
    are listed, and the rest is done.

    Args:
        network: comes back as it went.
        catalog: of one video or more; the clip in the middle of each is shown.
        folder: of the evidence; complete or absent.
        methods: such as `method_of("occlusion")`; at least one of them fits.
        objectives: the label that is predicted, and the true one, if none are given.
        filling: what stands in for a stream that is out, where shares of streams are told.
        memory: that a method may take beside the weights [bytes]; None for what is there. It
            changes nothing that is found.
        other: the clip that is swapped in, where a method swaps.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many clips are done, and of how many.

    Raises:
        UnknownNameError: a layer, channel or label of an objective is not there.
        ClipError: no method fits; says why.
        CatalogError: no video can be read.
    """
    fit, refused = fitting_of(network, methods, objectives)
    provenance = _provenance(network, catalog, methods, objectives, filling, other)
    if has_evidence(folder, provenance):
        return read_evidence(folder, KIND)
    asking = Asking(
        network=network,
        methods=fit,
        objectives=objectives,
        filling=filling,
        memory=memory,
        other=other,
    )
    work = _Work(asking, catalog, folder.with_name(f".part-{folder.name}"), clip_cache)
    work.begin_or_go_on(provenance)
    clips, failures = work.clips(progress)
    with writing_evidence(folder, KIND, provenance) as (aside, answer):
        answer |= {
            "labels": list(network.labels),
            "streams": list(network.expects.streams),
            "extent": [network.expects.frames, *network.expects.size],
            "filling": filling,
            "methods": _methods(fit, clips),
            "refused": refused,
            "clips": work.copied_to(aside, clips),
            "failures": failures,
        }
        write_tables(aside, answer)
    shutil.rmtree(work.part, ignore_errors=True)
    return read_evidence(folder, KIND)


def fitting_of(
    network: Network, methods: Sequence[Method], objectives: Sequence[Objective] = ()
) -> tuple[list[Method], list[dict[str, str]]]:
    """Those methods that fit, and those that do not with the reason.

    Raises:
        UnknownNameError: a layer, channel or label of an objective is not there.
        ClipError: none fits.
    """
    asked = [each.bound(network) for each in objectives] or [label(network.labels[0])]
    fit: list[Method] = []
    errors: dict[str, KinetoscopeError] = {}
    for method in methods:
        try:
            for objective in asked:
                method.check(network, objective)
        except KinetoscopeError as error:
            errors[method.name] = error
        else:
            fit.append(method)
    if len(methods) == 1 and not fit:
        for objective in asked:
            check_method(methods[0], network, objective)  # which says what fits
    if not fit:
        raise ClipError(
            f"no attribution method fits {network.name}",
            got="; ".join(f"{name}: {error.what}" for name, error in errors.items()) or "none",
            expected="one method that fits",
        )
    return fit, [{"method": name, "error": str(error)} for name, error in errors.items()]


@dataclass(frozen=True)
class _Work:
    """Clips that are asked about one after the other, each kept in a folder beside the evidence."""

    asking: Asking
    catalog: Catalog
    part: Path
    clip_cache: ClipCache | None

    def begin_or_go_on(self, provenance: Provenance) -> None:
        """Keep what is done of the same question; remove what is done of another."""
        asked = {key: value for key, value in asdict(provenance).items() if key != "versions"}
        question = json.dumps(asked, sort_keys=True, default=list)
        path = self.part / _QUESTION
        if path.exists() and path.read_text(encoding="utf-8") == question:
            return
        shutil.rmtree(self.part, ignore_errors=True)
        write_text(path, question)

    def clips(
        self, progress: Progress | None
    ) -> tuple[dict[int, dict[str, Any]], list[dict[str, str]]]:
        """What is told of each video, by its place; and the videos that can't be read.

        Raises:
            CatalogError: no video can be read.
        """
        found: dict[int, dict[str, Any]] = {}
        failures: list[dict[str, str]] = []
        for number, entry in enumerate(self.catalog):
            about = {"path": self.catalog.relative_path(entry), "where": entry.where}
            try:
                found[number] = {**about, **self._clip(number, entry)}
            except (KinetoscopeError, OSError) as error:
                failures.append({**about, "error": str(error)})
            if progress is not None:
                progress(number + 1, len(self.catalog))
        if not found:
            raise CatalogError(
                f"no video of {self.catalog.name} can be attributed",
                got=failures[0]["error"],
                expected="one video or more that can be read",
            )
        return found, failures

    def _clip(self, number: int, entry: Entry) -> dict[str, Any]:
        folder = self.part / f"{number:05}"
        if not folder.exists():
            (clip,) = views_of(entry, self.asking.expects, cache=self.clip_cache)
            told, heats = self.asking.about(clip, entry.label)
            with whole_folder(folder) as aside:
                keep_clip(aside / _CLIP, clip)
                keep_heats(aside / _HEATS, heats)
                (aside / _TOLD).write_text(json.dumps(told), encoding="utf-8")
        return json.loads((folder / _TOLD).read_text(encoding="utf-8"))

    def copied_to(self, aside: Path, clips: Mapping[int, dict[str, Any]]) -> list[dict[str, Any]]:
        """Put the arrays of all clips beside the evidence; gives what is told, with their names."""
        for name in (CLIPS, HEATS):
            (aside / name).mkdir()
        told = []
        for number, clip in clips.items():
            files = {
                "clip": f"{CLIPS}/{number:05}.npz",
                "heats": f"{HEATS}/{number:05}.safetensors",
            }
            for name, file in ((_CLIP, files["clip"]), (_HEATS, files["heats"])):
                shutil.copyfile(self.part / f"{number:05}" / name, aside / file)
            told.append({**clip, **files})
        return told


def _methods(
    methods: Sequence[Method], clips: Mapping[int, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Each method, with what is drawn in full colour: one number a scale for all clips."""
    strong: list[dict[str, list[float]]] = [{} for _ in methods]
    for clip in clips.values():
        for question in clip["questions"]:
            for answer in question["answers"]:
                if answer["error"] is None:
                    of_scale = strong[answer["method"]].setdefault(question["scale"], [])
                    of_scale.append(answer["strong"])
    return [
        {
            "name": method.name,
            "source": method.source,
            "settings": method.settings(),
            "full_colour": {scale: full_colour(each) for scale, each in strong[place].items()},
        }
        for place, method in enumerate(methods)
    ]


def _provenance(
    network: Network,
    catalog: Catalog,
    methods: Sequence[Method],
    objectives: Sequence[Objective],
    filling: str,
    other: Clip | None,
) -> Provenance:
    return Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="; ".join(map(str, objectives)) or "the label that is predicted, the true one",
        settings={
            "methods": [method.settings() for method in methods],
            "objectives": list(map(str, objectives)),
            "filling": filling,
            "other": None if other is None else other.source,
            "labels": list(network.labels),
            "expects": network.expects.to_json(),
        },
    )
