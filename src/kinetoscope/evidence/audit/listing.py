"""How are the findings of an audit written down: as plain rows, and as tables beside it?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.evidence.audit.duplicates import Pair
from kinetoscope.evidence.audit.gathering import Gathered
from kinetoscope.evidence.audit.suspects import Suspects, find_suspects
from kinetoscope.evidence.audit.telling import LEAST, Told, folds_of
from kinetoscope.evidence.evidence import write_table
from kinetoscope.evidence.scan import Scan

Labels = Int[np.ndarray, " clip"]


def told_row(told: Told, labels: Sequence[str], *, reported: bool) -> dict[str, Any]:
    """How well a class is told by a cue."""
    area = told.area
    return {
        "cue": told.cue,
        "label": labels[told.label],
        "clips": told.clips,
        "area": {"value": area.value, "low": area.low, "high": area.high},
        "shuffled": list(told.shuffled),
        "rate": told.rate,
        "reported": reported,
    }


def joined(entries: Sequence[Entry], pairs: Sequence[Pair]) -> list[tuple[int, int]]:
    """Pairs of clips that must not be on both sides of a fold: copies, and those of one group."""
    first: dict[str, int] = {}
    found = [(pair.one, pair.other) for pair in pairs]
    for place, entry in enumerate(entries):
        if entry.group is not None:
            found.append((first.setdefault(entry.group, place), place))
    return found


def pair_rows(
    pairs: Sequence[Pair], entries: Sequence[Entry], videos: Sequence[int]
) -> list[dict[str, Any]]:
    """The pairs; those in two splits first, then those under two labels, then by likeness."""
    rows = []
    for pair in pairs:
        one, other = entries[pair.one], entries[pair.other]
        rows.append(
            {
                "videos": [videos[pair.one], videos[pair.other]],
                "view": pair.view,
                "distance": pair.distance,
                "similarity": pair.similarity,
                "motion": pair.motion,
                "across": one.split != other.split,
                "contrary": one.label != other.label,
                "one_recording": pair.same_recording,
            }
        )
    order = ("one_recording", "across", "contrary", "similarity")
    return sorted(rows, key=lambda row: (row[order[0]], *(-row[name] for name in order[1:])))


def count_contrary(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many pairs there are, and how many of them are worse than others."""
    names = ("across", "contrary", "one_recording")
    return {"count": len(rows)} | {name: sum(row[name] for row in rows) for name in names}


def suspects_part(
    scan: Scan,
    layer: str,
    gathered: Gathered,
    known: tuple[Labels, Labels, Sequence[str]],
    seed: int,
) -> dict[str, Any]:
    """Clips that may bear a wrong label, by the network's features.

    Args:
        scan: has the layer.
        layer: which one.
        gathered: the clips.
        known: their labels by place, their groups, and the labels' names.
        seed: of the folds.
    """
    labels, groups, names = known
    features = features_of(scan, layer)[list(gathered.videos)]
    sizes = np.bincount(labels[labels >= 0], minlength=len(names))
    kept = np.flatnonzero(
        (labels >= 0) & (sizes[labels] >= LEAST) & np.isfinite(features).all(axis=1)
    )
    part = {"layer": layer, "accuracy": None, "chance": None, "count": 0, "joint": None, "list": []}
    if len(np.unique(labels[kept])) < 2:
        return part
    own = labels[kept]
    found = find_suspects(features[kept], own, folds_of(own, groups[kept], seed), seed=seed)
    return {
        **part,
        "accuracy": found.accuracy,
        "chance": float(np.bincount(own).max() / len(own)),
        "count": len(found.places),
        "joint": {"labels": list(names[: len(found.joint)]), "rows": found.joint.tolist()},
        "list": _suspect_rows(found, [gathered.videos[place] for place in kept], names, scan),
    }


def last_layer(scan: Scan) -> str:
    """The last scanned layer that is not the scores."""
    names = list(scan.layers)
    hidden = [name for name in names if scan.layers[name]["channels"] != len(scan.labels)]
    return (hidden or names)[-1]


def features_of(scan: Scan, layer: str) -> Float[np.ndarray, "video channel"]:
    """Mean and largest answers of a layer to each video, over its clips."""
    both = [answers.double().numpy() for answers in (scan.means(layer), scan.maxima(layer))]
    clips = int(scan.provenance.settings["clips"])
    videos = scan.clips["video"].to_numpy()
    sums = np.full((int(videos.max()) + 1, sum(each.shape[1] for each in both)), np.nan)
    for video in np.unique(videos) if clips > 1 else ():
        rows = np.concatenate([each[videos == video] for each in both], axis=1)
        sums[video] = rows.mean(axis=0)
    if clips == 1:
        sums[videos] = np.concatenate(both, axis=1)
    return sums


def tables(
    folder: Path, catalog: Catalog, answer: Mapping[str, Any], pairs: Sequence[Mapping[str, Any]]
) -> None:
    """Write all rows as csv."""
    told = answer["told"]
    plain = {name: [row[name] for row in told] for name in ("cue", "label", "clips", "rate")}
    areas = {name: [row["area"][name] for row in told] for name in ("value", "low", "high")}
    ends = {
        f"shuffled_{name}": [row["shuffled"][place] for row in told]
        for place, name in enumerate(("low", "high"))
    }
    reported = {"reported": [row["reported"] for row in told]}
    write_table(folder, "cues", {**plain, **areas, **ends, **reported})
    write_table(folder, "duplicates", _pair_columns(catalog, pairs))
    if answer["suspects"] is not None:
        write_table(folder, "suspects", _suspect_columns(catalog, answer["suspects"]["list"]))


def _pair_columns(catalog: Catalog, pairs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for place, name in enumerate(("one", "other")):
        entries = [catalog.entries[pair["videos"][place]] for pair in pairs]
        columns[name] = [catalog.relative_path(entry) for entry in entries]
        columns[f"{name}_label"] = [entry.label for entry in entries]
        columns[f"{name}_split"] = [entry.split for entry in entries]
    names = ("view", "distance", "similarity", "motion", "across", "contrary", "one_recording")
    return columns | {name: [pair[name] for pair in pairs] for name in names}


def _suspect_columns(
    catalog: Catalog, suspects: Sequence[Mapping[str, Any]]
) -> dict[str, list[Any]]:
    entries = [catalog.entries[each["video"]] for each in suspects]
    names = ("rather", "predicted", "margin", "own")
    return {
        "path": [catalog.relative_path(entry) for entry in entries],
        "split": [entry.split for entry in entries],
        "label": [entry.label for entry in entries],
        **{name: [each[name] for each in suspects] for name in names},
    }


def _suspect_rows(
    found: Suspects, videos: Sequence[int], names: Sequence[str], scan: Scan
) -> list[dict[str, Any]]:
    clips = scan.clips.unique("video", keep="first").select("video", "predicted")
    predicted: dict[int, str] = dict(clips.filter(pl.col("predicted").is_not_null()).rows())
    return [
        {
            "video": videos[place],
            "rather": names[rather],
            "margin": float(margin),
            "own": float(own),
            "predicted": predicted.get(videos[place]),
        }
        for place, rather, margin, own in zip(
            found.places, found.rather, found.margin, found.own, strict=True
        )
    ]
