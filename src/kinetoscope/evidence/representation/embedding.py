"""How do clips lie on a plane, as layers see them, and how far can that be trusted?

A map of every layer, from a scan and without running the network, with a picture of each clip.
Beside a map stand its trustworthiness, and whether neighbours have the same label: on the map, in
the features that were laid out, and in those of the same layer with random weights. A map that
looks well sorted while its features are not would be seen here, and the other way round.

Written out, the evidence has for its answer

    clips      a list of row (in the scan's table), path, label, predicted
    labels     that come among them, in the network's order
    neighbours how many count as near
    pool       "mean" or "largest" over places
    maps       a list of
        layer, method ("tsne" or "umap"), features, kept (share of the variance), perplexity
        arrays          a file beside the evidence: points, features, centre, directions; as `Map`
        points          right and up, a pair a clip
        columns, rows, cells    of the grid: a cell a clip, counted from the upper left
        trustworthiness value, low, high: 95 %, drawn by groups
        scattered       the same, of the same points in random order
        agreement       on the map, likewise; null without labels
        in_features     agreement in the features
        lost            agreement in the features less that on the map, on the same clips
        shuffled        agreement in the features, with labels shuffled among videos
        random          agreement in the features with random weights; null without a control
    pictures   a file beside the evidence: `pictures`, bytes, clip height width rgb; null if none
    failures   layer or path, and error, of what could not be laid out or opened

and the tables `points` and `quality` beside it.

Source: as for `maps`, `map_quality` and `grid`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    write_table,
    writing_evidence,
)
from kinetoscope.evidence.representation.clips import Pool, Seen, Table, pooled, seen_clips
from kinetoscope.evidence.representation.grid import on_grid
from kinetoscope.evidence.representation.grouped import mean_over_groups
from kinetoscope.evidence.representation.map_quality import agreement, neighbours_of, trust
from kinetoscope.evidence.representation.maps import Map, Method, lay_out
from kinetoscope.evidence.representation.sides import shuffled
from kinetoscope.evidence.representation.thumbnails import thumbnails
from kinetoscope.evidence.scan import Progress, Scan

PICTURES = "pictures.safetensors"
"""The file beside the evidence that holds a small picture of each clip."""


@dataclass(frozen=True, kw_only=True)
class Laying:
    """How clips are laid out.

    Args:
        methods: t-SNE, UMAP or both.
        pool: how a channel's answers at all places become one number.
        perplexity: about how many neighbours a clip has; the method's own choice if not given.
        most: how many clips at most, as many of each label as can be.
        seed: of everything random.
    """

    methods: tuple[Method, ...] = ("tsne",)
    pool: Pool = "mean"
    perplexity: float | None = None
    most: int = 2000
    seed: int = 0


def write_embedding(  # noqa: PLR0913 - what is laid out, beside what, and how
    scan: Scan,
    catalog: Catalog,
    folder: Path,
    *,
    layers: Sequence[str] = (),
    control: Scan | None = None,
    how: Laying | None = None,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Evidence:
    """Lay the clips of a scan out on a plane, a map a layer; what is there already is read.

    Args:
        scan: of the layers.
        catalog: that was scanned; opened for pictures alone.
        folder: of the evidence; complete or absent.
        layers: all that were scanned if not given.
        control: the same clips in the same network with random weights.
        how: by which methods.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are opened for pictures.

    Raises:
        UnknownNameError: a layer was not scanned.
        EvidenceError: the scans do not belong together, or no layer can be laid out.
        MissingPackageError: a method's library is not installed.
    """
    how, names = how or Laying(), list(layers or scan.layers)
    for name in names:
        scan.receptive_field(name)  # refuses a layer that was not scanned
    seen = seen_clips(scan, catalog, layers=names, most=how.most, seed=how.seed)
    provenance = _provenance(scan, names, control, how)
    if not has_evidence(folder, provenance):
        with writing_evidence(folder, "embedding", provenance) as (aside, answer):
            work = _Work(scan, control, seen, how, aside)
            answer.update(work.about())
            answer["maps"], answer["failures"] = work.lay_out_all(names)
            pictures, unread = thumbnails(
                catalog, scan, seen.rows, clip_cache=clip_cache, progress=progress
            )
            save_file({"pictures": pictures}, aside / PICTURES)
            answer["pictures"] = PICTURES
            answer["failures"] += unread
            write_table(aside, "points", _points(answer))
            write_table(aside, "quality", _quality(answer))
    return read_evidence(folder, "embedding")


def read_map(found: Evidence, layer: str, method: Method | None = None) -> Map:
    """A map that was written, to put more clips into.

    Raises:
        EvidenceError: there is no map of this layer by this method.
    """
    for each in found.answer["maps"]:
        if each["layer"] == layer and method in (None, each["method"]):
            settings = {name: each[name] for name in ("method", "kept", "perplexity")}
            arrays = load_file(found.folder / each["arrays"])
            return Map.from_arrays(arrays, {**settings, "seed": found.provenance.seed})
    there = [f"{each['layer']} by {each['method']}" for each in found.answer["maps"]]
    raise EvidenceError(
        f"{found.folder} has no such map",
        got=layer if method is None else f"{layer} by {method}",
        expected=f"one of {', '.join(there)}",
    )


@dataclass(frozen=True)
class _Work:
    """All that is laid out, and how."""

    scan: Scan
    control: Scan | None
    seen: Seen
    how: Laying
    folder: Path

    def about(self) -> dict[str, Any]:
        """What the clips are."""
        table, seen = self.scan.clips, self.seen
        told = table.select("path", "label", "predicted").to_dicts()
        return {
            "clips": [{"row": row, **told[row]} for row in seen.rows.tolist()],
            "labels": list(seen.names),
            "neighbours": neighbours_of(len(seen)),
            "pool": self.how.pool,
        }

    def lay_out_all(
        self, layers: Sequence[str]
    ) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """A map of each layer by each method; and the layers that could not be laid out."""
        maps, failures = [], []
        for layer in layers:
            try:
                features = pooled(self.scan, layer, self.seen, self.how.pool)
                about = {"layer": layer, **self._of_features(layer, features)}
                for method in self.how.methods:
                    maps.append(self._map(len(maps), features, method, about))
            except EvidenceError as error:
                failures.append({"layer": layer, "error": str(error)})
        if not maps:
            raise EvidenceError(
                "no layer can be laid out", got=failures[0]["error"], expected="clips that differ"
            )
        return maps, failures

    def _map(
        self, number: int, features: Table, method: Method, about: dict[str, Any]
    ) -> dict[str, Any]:
        how, near = self.how, neighbours_of(len(features))
        laid = lay_out(features, method, perplexity=how.perplexity, seed=how.seed)
        name = f"map-{number:03}.safetensors"
        save_file(laid.arrays(), self.folder / name)
        grid = on_grid(laid.points)
        mixed = np.random.default_rng(how.seed).permutation(laid.points)
        on_map = self._agreement(laid.points)
        return {
            **{key: value for key, value in about.items() if key != "shares"},
            "method": method,
            "kept": laid.kept,
            "perplexity": laid.perplexity,
            "arrays": name,
            "points": laid.points.round(4).tolist(),
            "columns": grid.columns,
            "rows": grid.rows,
            "cells": grid.cells.tolist(),
            "trustworthiness": self._mean(trust(features, laid.points, near)),
            "scattered": self._mean(trust(features, mixed, near)),
            "agreement": self._mean(on_map),
            "lost": self._mean(about["shares"] - on_map),
        }

    def _of_features(self, layer: str, features: Table) -> dict[str, Any]:
        """What is the same of all maps of a layer."""
        seen, random = self.seen, None
        shares = self._agreement(features)
        mixed = agreement(
            features, shuffled(seen, self.how.seed), seen.groups, neighbours_of(len(seen))
        )
        if self.control is not None:
            random = self._mean(self._agreement(pooled(self.control, layer, seen, self.how.pool)))
        return {
            "features": features.shape[1],
            "in_features": self._mean(shares),
            "shuffled": self._mean(mixed),
            "random": random,
            "shares": shares,
        }

    def _agreement(self, points: Table) -> np.ndarray:
        return agreement(points, self.seen.labels, self.seen.groups, neighbours_of(len(points)))

    def _mean(self, values: np.ndarray) -> dict[str, float] | None:
        if np.isnan(values).all():
            return None
        return mean_over_groups(values, self.seen.groups, seed=self.how.seed).to_json()


def _provenance(scan: Scan, layers: Sequence[str], control: Scan | None, how: Laying) -> Provenance:
    if control is not None and control.provenance.catalog != scan.provenance.catalog:
        raise EvidenceError(
            "the scan with random weights is of other clips",
            got=control.provenance.catalog,
            expected=scan.provenance.catalog,
        )
    return Provenance(
        network=scan.provenance.network,
        weights_hash=scan.provenance.weights_hash,
        catalog=scan.provenance.catalog,
        objective="clips on a plane, as layers see them",
        settings={
            "layers": list(layers),
            "clips": scan.provenance.settings["clips"],
            "control": None if control is None else control.provenance.weights_hash,
            "methods": list(how.methods),
            "pool": how.pool,
            "perplexity": how.perplexity,
            "most": how.most,
        },
        seed=how.seed,
    )


def _points(answer: dict[str, Any]) -> dict[str, list[Any]]:
    rows = [
        (each["layer"], each["method"], clip["path"], clip["label"], clip["predicted"], x, y, cell)
        for each in answer["maps"]
        for clip, (x, y), cell in zip(answer["clips"], each["points"], each["cells"], strict=True)
    ]
    names = ("layer", "method", "path", "label", "predicted", "right", "up", "cell")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _quality(answer: dict[str, Any]) -> dict[str, list[Any]]:
    maps = answer["maps"]
    plain = ("layer", "method", "features", "kept", "perplexity")
    columns = {name: [each[name] for each in maps] for name in plain}
    measures = ("trustworthiness", "scattered", "agreement", "in_features", "lost", "shuffled")
    for name in (*measures, "random"):
        for end in ("value", "low", "high"):
            values = [each[name] and each[name][end] for each in maps]
            columns[name if end == "value" else f"{name}_{end}"] = values
    return columns
