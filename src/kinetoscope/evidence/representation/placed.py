"""Where do new clips lie among those of an old map?

The network sees the new clips alone; the map stays as it is. Beside the place stand the old clips
that are nearest as the layer sees them, since a map may put a clip that is like none of them
somewhere all the same: how far it is from the nearest is told as a multiple of how far old clips
are from theirs.

Written out, the evidence has for its answer

    embedding   key of the maps' question
    clips       a list of path, predicted, probability
    maps        a list, for each map of the embedding, of layer, method, and clips: a list of
        point       right and up
        near        rows of the nearest old clips in the scan's table, the nearest first
        labels      of these, how many have each
        far         distance to the nearest, over the median of that among the old clips
    pictures    a file beside the evidence: `pictures`, bytes, clip height width rgb
    failures    path and error of each video that can't be read

Source: as for `maps`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.numpy import save_file

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import EvidenceError, KinetoscopeError, VideoError
from kinetoscope.evidence.evidence import (
    Evidence,
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.representation.embedding import PICTURES, read_map
from kinetoscope.evidence.representation.maps import Map, lay_beside
from kinetoscope.evidence.representation.thumbnails import thumbnail
from kinetoscope.evidence.responses import respond
from kinetoscope.files import content_key, settings_key
from kinetoscope.networks.network import Network
from kinetoscope.units.reading import SCORES

_NEAR = 5  # old clips that are told of each new one
_BATCH = 8


def write_placed(
    network: Network,
    embedding: Evidence,
    entries: Sequence[Entry],
    folder: Path,
    *,
    clip_cache: ClipCache | None = None,
) -> Evidence:
    """Put videos into the maps of an embedding; what is there already is read.

    Args:
        network: whose layers the maps are of.
        embedding: as `write_embedding` gives it.
        entries: the videos; the clip in the middle of each is taken.
        folder: of the evidence; complete or absent.
        clip_cache: where clips are kept that were opened before.

    Raises:
        EvidenceError: the maps are of another network.
        VideoError: none of the videos can be read.
    """
    if network.weights_hash != embedding.provenance.weights_hash:
        raise EvidenceError(
            f"the maps in {embedding.folder} are not of {network.name}",
            got=f"weights {network.weights_hash}",
            expected=f"weights {embedding.provenance.weights_hash}",
        )
    provenance = _provenance(network, embedding, entries)
    if not has_evidence(folder, provenance):
        clips, failures = _opened(network, entries, clip_cache)
        with writing_evidence(folder, "placed", provenance) as (aside, answer):
            answer["embedding"] = _key(embedding)
            answer["clips"], answer["maps"] = _placed(network, embedding, clips)
            pictures = np.stack([thumbnail(clip) for clip in clips])
            save_file({"pictures": pictures}, aside / PICTURES)
            answer["pictures"], answer["failures"] = PICTURES, failures
    return read_evidence(folder, "placed")


def belongs(placed: Evidence, embedding: Evidence) -> bool:
    """Whether clips were put into these maps, and not into others that were there before."""
    return placed.answer["embedding"] == _key(embedding)


def _key(embedding: Evidence) -> str:
    question = asdict(embedding.provenance)
    return settings_key({key: value for key, value in question.items() if key != "versions"})


def _provenance(network: Network, embedding: Evidence, entries: Sequence[Entry]) -> Provenance:
    videos = [
        [content_key(each.path) if each.path.is_file() else str(each.path), each.span]
        for each in entries
    ]
    return Provenance.of(
        network,
        catalog=embedding.provenance.catalog,
        objective="new clips among old ones",
        settings={"embedding": _key(embedding), "videos": videos},
        seed=embedding.provenance.seed,
    )


def _opened(
    network: Network, entries: Sequence[Entry], clip_cache: ClipCache | None
) -> tuple[list[Clip], list[dict[str, str]]]:
    clips, failures = [], []
    for entry in entries:
        try:
            clips += views_of(entry, network.expects, cache=clip_cache)
        except (KinetoscopeError, OSError) as error:
            failures.append({"path": str(entry.path), "error": str(error)})
    if not clips:
        raise VideoError(
            "no video can be put into the map",
            got=failures[0]["error"] if failures else "no videos",
            expected="one video or more that can be read",
        )
    return clips, failures


def _placed(
    network: Network, embedding: Evidence, clips: Sequence[Clip]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What the network takes the clips for, and where they lie on each map."""
    maps = embedding.answer["maps"]
    layers = list(dict.fromkeys(each["layer"] for each in maps))
    batches = (
        ClipBatch.of(clips[first : first + _BATCH], network.expects)
        for first in range(0, len(clips), _BATCH)
    )
    answers = respond(network, batches, [*layers, SCORES])
    if answers.scores is None:
        raise AssertionError("the network was run to its end")
    probabilities, places = answers.scores.softmax(dim=1).max(dim=1)
    told = [
        {"path": clip.source, "predicted": network.labels[place], "probability": probability}
        for clip, place, probability in zip(
            clips, places.tolist(), probabilities.tolist(), strict=True
        )
    ]
    features = answers.largest if embedding.answer["pool"] == "largest" else answers.mean
    return told, [
        {
            "layer": each["layer"],
            "method": each["method"],
            "clips": _among(
                read_map(embedding, each["layer"], each["method"]),
                features[each["layer"]].numpy().astype(float),
                embedding.answer["clips"],
            ),
        }
        for each in maps
    ]


def _among(
    known: Map, features: Float[np.ndarray, "new feature"], clips: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    from sklearn.metrics import pairwise_distances

    points = lay_beside(known, features)
    turned = (features - known.centre) @ known.directions.T
    distances = pairwise_distances(turned, known.features)
    between = pairwise_distances(known.features)
    np.fill_diagonal(between, np.inf)
    usual = float(np.median(between.min(axis=1)))
    found = []
    for point, row in zip(points.round(4).tolist(), distances, strict=True):
        near = [clips[place] for place in np.argsort(row, kind="stable")[:_NEAR].tolist()]
        found.append(
            {
                "point": point,
                "near": [clip["row"] for clip in near],
                "labels": dict(Counter(str(clip["label"]) for clip in near).most_common()),
                "far": float(row.min()) / usual if usual > 0 else None,
            }
        )
    return found
