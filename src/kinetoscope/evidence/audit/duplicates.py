"""Which clips are copies of each other, encoded again, cropped or mirrored, and in which splits?

Candidates are pairs whose hashes differ in few bits (hashes.py). A pair is kept if its small
pictures are also correlated, pixel by pixel over space and time, at `SIMILAR` or more. What moves
is looked at apart: where the scene is the same and what happens in it is not, the two are taken
from one recording rather than copied.

Source: Barz and Denzler, "Do We Train on Test Data? Purging CIFAR of Near-Duplicates", Journal of
Imaging 2020, for why it matters and for verifying candidates. Differs: hashes find the candidates
there are, and correlation decides instead of a person.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kinetoscope.evidence.audit.hashes import near_pairs

SIMILAR = 0.9
"""Least correlation of small pictures of a copy."""

MOVES_ALIKE = 0.5
"""Least correlation of what changes over time in a copy."""

FURTHEST = 80
"""Bits of 256 in which candidates may differ; unrelated clips differ in about 128."""

SMALL = 16
"""Side of the small pictures [pixels]."""

_STILL = 2.0  # standard deviation over time below which nothing moves [of 255]
_AT_ONCE = 4096

Small = UInt8[np.ndarray, "clip picture row column"]
Places = Int[np.ndarray, " pair"]

# Which views of the earlier and of the later clip are held against each other.
_HELD: tuple[tuple[str, str, str], ...] = (
    ("plain", "plain", "plain"),
    ("plain", "mirrored", "mirrored"),
    ("plain", "cropped", "cropped"),
    ("cropped", "plain", "cropped"),
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two clips that look alike.

    Args:
        one, other: their places, the earlier first.
        view: in which they look most alike: plain, mirrored or cropped.
        distance: bits of their hashes that differ.
        similarity: correlation of their small pictures.
        motion: correlation of what changes in them over time; None where nothing does.
    """

    one: int
    other: int
    view: str
    distance: int
    similarity: float
    motion: float | None

    @property
    def same_recording(self) -> bool:
        """Whether only the scene is the same, and what moves in it is not."""
        return self.motion is not None and self.motion < MOVES_ALIKE


def find_pairs(
    hashes: Mapping[str, Bool[np.ndarray, "clip bit"]],
    small: Mapping[str, Small],
    *,
    furthest: int = FURTHEST,
    similar: float = SIMILAR,
) -> list[Pair]:
    """All pairs of clips that look alike, the most alike first; of each pair its best view.

    Args:
        hashes: of each view, as `hash_of` has them.
        small: pictures of each view.
        furthest: bits in which candidates may differ.
        similar: least correlation.
    """
    best: dict[tuple[int, int], Pair] = {}
    for first, second, view in _HELD:
        for pair in _alike(
            (hashes[first], hashes[second]),
            (small[first], small[second]),
            view,
            (furthest, similar),
        ):
            place = (pair.one, pair.other)
            if place not in best or best[place].similarity < pair.similarity:
                best[place] = pair
    return sorted(best.values(), key=lambda pair: (-pair.similarity, pair.one, pair.other))


def clusters_of(count: int, pairs: Sequence[tuple[int, int]]) -> Int[np.ndarray, " clip"]:
    """A number for each clip; clips that are joined by pairs have the same one."""
    rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
    joined = coo_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    return connected_components(joined, directed=False)[1].astype(int)


def correlation(one: Small, other: Small) -> Float[np.ndarray, " clip"]:
    """Of each pair of clips, over all pixels; not a number where one is the same everywhere."""
    return _cosine(_centred(one, (1, 2, 3)), _centred(other, (1, 2, 3)))


def motion_correlation(one: Small, other: Small) -> Float[np.ndarray, " clip"]:
    """Of what changes over time in each pair; not a number where nothing does in one of them."""
    changes = [_centred(each, (1,)) for each in (one, other)]
    found = _cosine(*changes)
    moving = np.minimum(*(each.std(axis=(1, 2, 3)) for each in changes)) > _STILL
    return np.where(moving, found, np.nan)


def _alike(
    hashes: tuple[np.ndarray, np.ndarray],
    small: tuple[Small, Small],
    view: str,
    bounds: tuple[int, float],
) -> Iterator[Pair]:
    furthest, similar = bounds
    for rows, columns, distances in near_pairs(*hashes, furthest):
        for first in range(0, len(rows), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            one, other = small[0][rows[part]], small[1][columns[part]]
            found = correlation(one, other)
            motion = motion_correlation(one, other)
            for place in np.flatnonzero(found >= similar):
                yield Pair(
                    one=int(rows[part][place]),
                    other=int(columns[part][place]),
                    view=view,
                    distance=int(distances[part][place]),
                    similarity=float(found[place]),
                    motion=None if np.isnan(motion[place]) else float(motion[place]),
                )


def _centred(small: Small, axes: tuple[int, ...]) -> Float[np.ndarray, "clip picture row column"]:
    values = small.astype(np.float32)
    return values - values.mean(axis=axes, keepdims=True)


def _cosine(one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, " clip"]:
    flat = [each.reshape(len(each), -1) for each in (one, other)]
    length = np.linalg.norm(flat[0], axis=1) * np.linalg.norm(flat[1], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        product = (flat[0] * flat[1]).sum(axis=1)
        return np.where(length > 1e-3, product / length, np.nan)
