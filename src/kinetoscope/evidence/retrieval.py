"""Which real clips excite a unit most, least, and middling, where in them, and what in them is it?

All of it follows from a scan (`examples/ranking.py`); of chosen units, what in their best clips
excites them is led back to the pixels (`examples/views.py`). The clips themselves are kept beside
the evidence, each once (`examples/kept.py`).

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4: the nine clips that excite a unit most, each cut to the receptive field around its
maximum, and beside it what is led back from there. Here one clip of each video at most, so that
nine clips are nine scenes.

Written out, the evidence has for its answer

    units   a list of
        unit, layer, channel
        largest        answer to any clip; null where no clip could be read
        dead           whether it is never above `EPSILON`; null as above
        profile        mean over the clips of each label, by name
        top_labels     how many of the 100 clips that excite it most have each label
        excited        how many videos excite it at all; `videos`, of how many
        top            best first, a list of
            clip           its number in the scan and among `clips`
            activation     the largest answer in it
            place          of that answer in the layer: time, row, column; null where there is none
            box            what is seen from there: [first, one past the last] frame, row, column
            second         in the middle of the box, display time of the video; null if not known
        middle         the same, around the median of the videos that excite it at all
        bottom         the same, the least first
        views          a file beside the evidence, as `examples/viewing.py` says; else null
    objectives  the same of what is no unit: `objective` for the first three, and no `views`
    rules       by which views were led back
    refused     layer, rule and error, where a rule has no meaning for the network
    clips   by number, as text
        path, label, predicted, probability, start_seconds, seconds (of each frame)
        arrays         a file beside the evidence: `frames`, bytes, time height width rgb; and
                       `flow`, half precision, 2 time height width [pixels per frame], where the
                       network takes flow. null where it can't be read any more
        error          why not; else null

and beside it a table, clips-of-units.csv: unit, which (top, middle, bottom), rank, clip, path,
label, activation, second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.examples.evaluating import objective_answers
from kinetoscope.evidence.examples.keeping import keep_clips
from kinetoscope.evidence.examples.ranking import EPSILON as EPSILON
from kinetoscope.evidence.examples.ranking import (
    Answers,
    bottom,
    label_means,
    middle,
    top,
    unit_answers,
)
from kinetoscope.evidence.examples.ranking import Hit as Hit
from kinetoscope.evidence.examples.ranking import class_means as class_means
from kinetoscope.evidence.examples.ranking import dead_units as dead_units
from kinetoscope.evidence.examples.ranking import top_clips as top_clips
from kinetoscope.evidence.examples.viewing import opening, write_views
from kinetoscope.evidence.scan import Progress, Scan, catalog_name
from kinetoscope.networks.network import Network
from kinetoscope.units.backward import Rule
from kinetoscope.units.objective import Objective
from kinetoscope.units.unit import Unit

_TOP_LABELS = 100
_HIT = ("clip", "activation", "place", "box", "second")
_RULES: tuple[Rule, ...] = ("deconvolved", "gradient")


def write_retrieval(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    scan: Scan,
    units: Sequence[Unit | Objective],
    folder: Path,
    count: int = 9,
    *,
    others: int = 6,
    also: Sequence[int] = (),
    views: Sequence[Unit] = (),
    rules: Sequence[Rule] = _RULES,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Write what excites units most as a folder of evidence, with the clips themselves.

    Each video is opened once, however many units it excites. Evidence that is there already is
    read.

    Args:
        network: that was scanned.
        catalog: that was scanned.
        scan: of all these units' layers.
        units: which ones, and other objectives; the network is run only for those of which the
            scan does not tell.
        folder: of the evidence; complete or absent.
        count: clips of each unit that excite it most.
        others: clips of each unit that excite it least, and as many around the median.
        also: further clips that are kept, by their number in the scan.
        views: units of which it is led back what in their clips excites them.
        rules: by which it is; see `units/backward.py`. One that does not fit is told as refused.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are opened, and of how many.

    Raises:
        EvidenceError: the scan is of another network or catalog.
        UnknownNameError: the scan does not have one of the units or clips.
    """
    scan.check_is_of(network, catalog)
    _check_clips(scan, also)
    asked = list(dict.fromkeys([*units, *views]))
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="largest answer to real clips",
        settings={
            "units": [str(each) for each in asked],
            "count": count,
            "others": others,
            "also": sorted(also),
            "views": {str(unit): list(rules) for unit in views},
            "scan": dict(scan.provenance.settings),
        },
    )
    if has_evidence(folder, provenance):
        return read_evidence(folder, "retrieval")
    ranker = _Ranker(network, catalog, scan, count, others, clip_cache)
    parts = ranker.parts(asked)
    wanted = {hit["clip"] for part in parts.values() for hit in _all_hits(part)} | set(also)
    with writing_evidence(folder, "retrieval", provenance) as (aside, answer):
        answer["clips"] = keep_clips(catalog, scan, wanted, aside, clip_cache, progress)
        opened = opening(catalog, scan, clip_cache)
        hits = {unit: top(scan, unit_answers(scan, unit), count) for unit in views}
        viewed = write_views(network, hits, rules, opened, aside)
        for unit, file in viewed.files.items():
            parts[unit]["views"] = file
        answer["units"] = [parts[each] for each in asked if isinstance(each, Unit)]
        answer["objectives"] = [parts[each] for each in asked if isinstance(each, Objective)]
        answer["rules"], answer["refused"] = list(rules), viewed.refused
        write_table(aside, "clips-of-units", _columns(parts, answer["clips"]))
    return read_evidence(folder, "retrieval")


@dataclass(frozen=True)
class _Ranker:
    """Finds the clips of units and objectives."""

    network: Network
    catalog: Catalog
    scan: Scan
    count: int
    others: int
    clip_cache: ClipCache | None

    def parts(self, asked: Sequence[Unit | Objective]) -> dict[Unit | Objective, dict[str, Any]]:
        """What the evidence tells of each."""
        objectives = [each for each in asked if isinstance(each, Objective)]
        found = objective_answers(
            self.network, self.catalog, self.scan, objectives, clip_cache=self.clip_cache
        )
        return {
            each: {**_about_unit(each), **self._part(unit_answers(self.scan, each)), "views": None}
            if isinstance(each, Unit)
            else {"objective": str(each), **self._part(found[each])}
            for each in asked
        }

    def _part(self, answers: Answers) -> dict[str, Any]:
        scan, table = self.scan, answers.table.sort("value", "clip", descending=[True, False])
        largest: float | None = table["value"].item(0) if len(table) else None
        labels = table["label"].drop_nulls().head(_TOP_LABELS)
        counts = labels.value_counts(sort=True).sort("count", "label", descending=[True, False])
        return {
            "largest": largest,
            "dead": None if largest is None else largest <= EPSILON,
            "profile": label_means(scan, answers),
            "top_labels": dict(counts.rows()),
            "excited": len(answers.exciting()),
            "videos": table["path"].n_unique(),
            "top": _told_hits(top(scan, answers, self.count)),
            "middle": _told_hits(middle(scan, answers, self.others)),
            "bottom": _told_hits(bottom(scan, answers, self.others)),
        }


def _check_clips(scan: Scan, also: Sequence[int]) -> None:
    if missing := sorted(set(also) - set(scan.clips["clip"])):
        raise UnknownNameError(
            f"the scan in {scan.folder} has no such clips",
            got=", ".join(map(str, missing[:8])),
            expected=f"numbers from 0 to {len(scan.clips) - 1}",
        )


def _columns(
    parts: Mapping[Unit | Objective, Mapping[str, Any]], clips: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Any]]:
    rows = [
        (str(each), which, rank, hit["clip"], hit["activation"], hit["second"])
        for each, part in parts.items()
        for which in ("top", "middle", "bottom")
        for rank, hit in enumerate(part[which], start=1)
    ]
    names = ("unit", "which", "rank", "clip", "activation", "second")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    told = {name: [clips[str(row[3])][name] for row in rows] for name in ("path", "label")}
    return columns | told


def _about_unit(unit: Unit) -> dict[str, Any]:
    return {"unit": str(unit), "layer": unit.layer, "channel": unit.channel}


def _all_hits(part: dict[str, Any]) -> list[dict[str, Any]]:
    return [*part["top"], *part["middle"], *part["bottom"]]


def _told_hits(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    return [{name: values[name] for name in _HIT} for values in map(asdict, hits)]
