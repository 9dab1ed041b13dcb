"""What is there to know of every clip of a catalog, whatever its class?

Each clip is opened once, from the cache where it is there, and what the audit needs of it is kept:
a few numbers a cue, hashes, small pictures, what its file says of itself. About seven kilobytes a
clip stay in memory. A video that can't be read is listed, and the others go on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.engines.here import map_here
from kinetoscope.errors import CatalogError, KinetoscopeError
from kinetoscope.evidence.audit.container import Container, container_of
from kinetoscope.evidence.audit.duplicates import SMALL
from kinetoscope.evidence.audit.hashes import VIEWS, as_small, hash_of, spread_pictures, view_of
from kinetoscope.evidence.audit.traits import CUES, PICTURE, names_of, small_movie, traits_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Trait:
    """The numbers of one cue.

    Args:
        values: a row a clip.
        names: of the columns, where each has a meaning of its own.
    """

    values: Float[np.ndarray, "clip trait"]
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Gathered:
    """What is known of the clips that could be read.

    Args:
        videos: the place of each in the catalog.
        traits: of each cue.
        hashes, small: of each view, a row a clip.
        pictures: of each cue that can be seen, the sum over the clips of each label.
        counts: how many clips each label has.
        failures: path, where and error of each video that can't be read.
    """

    videos: tuple[int, ...]
    traits: Mapping[str, Trait]
    hashes: Mapping[str, Bool[np.ndarray, "clip bit"]]
    small: Mapping[str, UInt8[np.ndarray, "clip picture row column"]]
    pictures: Mapping[str, Float[np.ndarray, "label high wide 3"]]
    counts: Mapping[str, int]
    failures: tuple[dict[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What is kept of one clip."""

    vectors: Mapping[str, np.ndarray]
    shown: Mapping[str, np.ndarray]
    bits: tuple[np.ndarray, ...]
    small: tuple[np.ndarray, ...]
    container: Container


@dataclass(kw_only=True)
class _Sums:
    """Pictures of each cue, added up by label."""

    labels: Mapping[str, int]
    pictures: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, label: str | None, shown: Mapping[str, np.ndarray]) -> None:
        if label is None:
            return
        self.counts[label] = self.counts.get(label, 0) + 1
        for cue, picture in shown.items():
            empty = (len(self.labels), PICTURE, PICTURE, 3)
            self.pictures.setdefault(cue, np.zeros(empty))[self.labels[label]] += picture


def gather(
    catalog: Catalog,
    spec: ClipSpec,
    *,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Gathered:
    """Look at the middle clip of every video once.

    Raises:
        CatalogError: no video can be read.
    """

    def look(entry: Entry) -> _Seen:
        return _look(entry, spec, clip_cache)

    sums = _Sums(labels={label: place for place, label in enumerate(every_label(catalog))})
    videos: list[int] = []
    seen: list[_Seen] = []
    failures: list[dict[str, str]] = []
    for video, done in enumerate(map_here(look, catalog.entries)):
        if done.answer is not None:
            videos.append(video)
            sums.add(done.item.label, done.answer.shown)
            seen.append(_without_pictures(done.answer))
        elif isinstance(done.error, KinetoscopeError | OSError):
            told = {"path": catalog.relative_path(done.item), "where": done.item.where}
            failures.append({**told, "error": str(done.error)})
        else:
            raise done.error or AssertionError("work without an answer or an error")
        if progress is not None:
            progress(video + 1, len(catalog))
    if not seen:
        raise CatalogError(
            f"no video of {catalog.name} can be read",
            got=failures[0]["error"],
            expected="one video or more",
            hint="kinetoscope check lists what is wrong",
        )
    return Gathered(
        videos=tuple(videos),
        traits=_traits(seen),
        hashes={view: np.stack([one.bits[place] for one in seen]) for place, view in _VIEWS},
        small={view: np.stack([one.small[place] for one in seen]) for place, view in _VIEWS},
        pictures=sums.pictures,
        counts=sums.counts,
        failures=tuple(failures),
    )


_VIEWS = tuple(enumerate(VIEWS))


def every_label(catalog: Catalog) -> tuple[str, ...]:
    """Those that the catalog names, then those that it does not and an entry has."""
    return tuple(dict.fromkeys([*catalog.labels, *(e.label for e in catalog if e.label)]))


def _look(entry: Entry, spec: ClipSpec, cache: ClipCache | None) -> _Seen:
    (clip,) = views_of(entry, spec, cache=cache)
    vectors, shown = traits_of(clip)
    pictures = spread_pictures(small_movie(clip).mean(axis=3))
    views = [view_of(pictures, view) for view in VIEWS]
    return _Seen(
        vectors={cue: vector.astype(np.float32) for cue, vector in vectors.items()},
        shown=shown,
        bits=tuple(hash_of(view) for view in views),
        small=tuple(as_small(view, SMALL) for view in views),
        container=container_of(entry),
    )


def _without_pictures(seen: _Seen) -> _Seen:
    return _Seen(
        vectors=seen.vectors,
        shown={},
        bits=seen.bits,
        small=seen.small,
        container=seen.container,
    )


def _traits(seen: list[_Seen]) -> dict[str, Trait]:
    in_clips = {
        cue: Trait(values=np.stack([one.vectors[cue] for one in seen]), names=names_of(cue))
        for cue in CUES
    }
    files = [one.container for one in seen]
    of_files = {
        "length": _table([each.length for each in files]),
        "form": _table([each.form for each in files]),
        "bit rate": _table([each.rate for each in files]),
    }
    return {**in_clips, **of_files}


def _table(rows: list[dict[str, Any]]) -> Trait:
    """A column for each name that any row has; 0 where a row has it not."""
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    values = np.array([[row.get(name, 0.0) for name in names] for row in rows], dtype=np.float32)
    return Trait(values=values, names=names)
