"""What is peculiar in a catalog: what tells classes that should not, copies, and wrong labels?

Every clip is looked at once, as the network sees it. What tells a class is only a shortcut where it
should not tell it: that a class of things is told by a single frame is no fault. So findings come
with the gravest first: a caption, the border, the file's form, its length, the camera, then the bit
rate (which follows content as well), the background and a single frame.

Written out, the evidence has for its answer

    labels, splits   of the catalog
    videos, clips    how many there are, and how many could be read; unlabelled: of these
    failures         path, where (the catalog's line) and error of each video that can't be read
    small            label and clips of each class that is too small to judge
    least, threshold, rate, shuffles   clips of a class, area and rate of false discoveries from
                     which it is reported; how often labels were shuffled
    told             of each cue and class: cue, label, clips, area (value, low, high), shuffled
                     (least and largest area with shuffled labels), rate, reported
    findings         those that are reported, the gravest first, also with
        telling          videos of the class that are told best
        numbers          where the cue has named ones: name, own and others, each the quartiles
        pictures         whether pictures.safetensors has `<place>.own` and `<place>.others`, the
                         mean picture of the cue in the class and in all others
    duplicates       count, across (how many of these in two splits), contrary (under two labels),
                     one_recording, and pairs (see duplicates.csv for more than are here):
        videos, view, distance [bits of 256], similarity, motion, across, contrary, one_recording
    suspects         null without a scan; layer, accuracy (of the classifier), chance, count, joint
                     (labels, and rows of counts), and list (see suspects.csv):
        video, rather, margin, own, predicted (by the network)
    shown            by video, as text, those that the above speaks of: path, label, split, clip
                     (its number in the scan) and kept, whether clips.safetensors has its frames,
                     `time height width rgb`

A video is its place in the catalog. Beside it: cues.csv, duplicates.csv, suspects.csv.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import unknown_name
from kinetoscope.evidence.audit.duplicates import FURTHEST, SIMILAR, clusters_of, find_pairs
from kinetoscope.evidence.audit.gathering import Gathered, Progress, every_label, gather
from kinetoscope.evidence.audit.keeping import keep_clips, keep_pictures
from kinetoscope.evidence.audit.listing import (
    count_contrary,
    joined,
    last_layer,
    pair_rows,
    suspects_part,
    tables,
    told_row,
)
from kinetoscope.evidence.audit.telling import LEAST, RATE, TELLING, Told, tell_classes
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.scan import Scan, catalog_name
from kinetoscope.networks.network import Network

KIND = "audit"

GRAVITY = (
    "caption",
    "border",
    "form",
    "length",
    "camera",
    "bit rate",
    "background",
    "single frame",
)
"""Cues, the gravest first."""

_PAIRS, _SUSPECTS = 30, 30  # that are shown with their clips
_LISTED = 2000  # pairs in the answer
_NUMBERS = 4  # of a finding, those by which it differs most


def write_audit(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    scan: Scan | None = None,
    layer: str | None = None,
    shuffles: int = 20,
    seed: int = 0,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Write what is peculiar in a catalog, all of its splits together, as a folder of evidence.

    Args:
        network: says what a clip is; it is not run.
        catalog: all of it, so that copies in two splits are found.
        folder: of the evidence; complete or absent.
        scan: of this network and catalog; without it labels are not looked at.
        layer: whose features tell suspicious labels; the last one before the scores if not given.
        shuffles: how often labels are shuffled.
        seed: of folds, shuffles and trees.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are done, and of how many.

    Raises:
        EvidenceError: the scan is of another network or catalog.
        UnknownNameError: the layer was not scanned.
        CatalogError: no video can be read.
    """
    if scan is not None:
        scan.check_is_of(network, catalog)
        layer = layer or last_layer(scan)
        if layer not in scan.layers:
            raise unknown_name("scanned layer", layer, tuple(scan.layers))
    settings = {
        "expects": network.expects.to_json(),
        "layer": layer,
        "shuffles": shuffles,
        "scan": None if scan is None else dict(scan.provenance.settings),
        "bounds": [LEAST, TELLING, RATE, FURTHEST, SIMILAR],
    }
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="what is peculiar in the data",
        settings=settings,
        seed=seed,
    )
    if not has_evidence(folder, provenance):
        gathered = gather(catalog, network.expects, clip_cache=clip_cache, progress=progress)
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            answer.update(_about(catalog, gathered, shuffles))
            _fill(answer, aside, (catalog, gathered), scan, (layer, shuffles, seed))
            shown = _shown_videos(answer)
            answer["shown"] = keep_clips(aside, catalog, network.expects, shown, clip_cache)
            _number_clips(answer["shown"], scan)
    return read_evidence(folder, KIND)


def _about(catalog: Catalog, gathered: Gathered, shuffles: int) -> dict[str, Any]:
    labels = every_label(catalog)
    counts = {label: gathered.counts.get(label, 0) for label in labels}
    return {
        "labels": list(labels),
        "splits": list(catalog.splits),
        "videos": len(catalog),
        "clips": len(gathered.videos),
        "unlabelled": len(gathered.videos) - sum(counts.values()),
        "failures": list(gathered.failures),
        "small": [
            {"label": label, "clips": count} for label, count in counts.items() if count < LEAST
        ],
        "least": LEAST,
        "threshold": TELLING,
        "rate": RATE,
        "shuffles": shuffles,
    }


def _fill(
    answer: dict[str, Any],
    aside: Path,
    data: tuple[Catalog, Gathered],
    scan: Scan | None,
    how: tuple[str | None, int, int],
) -> None:
    """The three lists, and their tables."""
    catalog, gathered = data
    layer, shuffles, seed = how
    names = {label: place for place, label in enumerate(answer["labels"])}
    entries = [catalog.entries[video] for video in gathered.videos]
    labels = np.array([names.get(entry.label or "", -1) for entry in entries])
    pairs = find_pairs(gathered.hashes, gathered.small)
    groups = clusters_of(len(entries), joined(entries, pairs))
    vectors = {cue: trait.values.astype(float) for cue, trait in gathered.traits.items()}
    told = tell_classes(vectors, labels, groups, shuffles=shuffles, seed=seed)
    told.sort(key=lambda each: (GRAVITY.index(each.cue), -each.area.value, each.label))
    findings = [each for each in told if each.reported and not _by_absence(each, vectors, labels)]
    answer["told"] = [told_row(each, answer["labels"], reported=each in findings) for each in told]
    answer["findings"] = [_finding(each, gathered, labels, answer["labels"]) for each in findings]
    keep_pictures(aside, findings, gathered, answer["labels"])
    rows = pair_rows(pairs, entries, gathered.videos)
    answer["duplicates"] = {**count_contrary(rows), "pairs": rows[:_LISTED]}
    answer["suspects"] = (
        None
        if scan is None
        else suspects_part(
            scan, layer or last_layer(scan), gathered, (labels, groups, answer["labels"]), seed
        )
    )
    tables(aside, catalog, answer, rows)


def _by_absence(told: Told, vectors: dict[str, np.ndarray], labels: np.ndarray) -> bool:
    """Whether a class is only told by not having the captions that other classes have."""
    if told.cue != "caption":
        return False
    contours, own = vectors["caption"][:, -1], labels == told.label  # how many, all in all
    return bool(contours[own].mean() <= contours[(labels >= 0) & ~own].mean())


def _finding(
    told: Told, gathered: Gathered, labels: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    """A finding with the clips that show it, and the numbers by which the class differs."""
    trait = gathered.traits[told.cue]
    own = labels == told.label
    others = (labels >= 0) & ~own
    rows = []
    for column, name in enumerate(trait.names or ()):
        values = trait.values[:, column].astype(float)
        parts = [np.quantile(values[which], [0.25, 0.5, 0.75]) for which in (own, others)]
        spread = float(values[own | others].std()) or 1.0
        apart = abs(values[own].mean() - values[others].mean()) / spread
        rows.append((apart, name, parts))
    rows = [row for row in sorted(rows, key=lambda row: -row[0]) if row[0] > 0]
    return {
        **told_row(told, names, reported=True),
        "telling": [gathered.videos[place] for place in told.telling],
        "numbers": [
            {"name": name, "own": parts[0].tolist(), "others": parts[1].tolist()}
            for _, name, parts in rows[:_NUMBERS]
        ],
        "pictures": told.cue in gathered.pictures,
    }


def _shown_videos(answer: dict[str, Any]) -> list[int]:
    """Those that the answer speaks of, as far as they are shown."""
    pairs = answer["duplicates"]["pairs"][:_PAIRS]
    suspects = (answer["suspects"] or {"list": []})["list"][:_SUSPECTS]
    return sorted(
        {
            *(video for finding in answer["findings"] for video in finding["telling"]),
            *(video for pair in pairs for video in pair["videos"]),
            *(suspect["video"] for suspect in suspects),
        }
    )


def _number_clips(shown: dict[str, dict[str, Any]], scan: Scan | None) -> None:
    """The number in the scan of each clip in the middle of its video."""
    for video, about in shown.items():
        clips = None if scan is None else int(scan.provenance.settings["clips"])
        about["clip"] = None if clips is None else int(video) * clips + clips // 2
