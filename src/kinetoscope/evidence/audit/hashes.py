"""Which clips look so alike that one may be a copy of the other?

A picture is hashed by the signs of its 64 lowest frequencies against their median, a clip by four
of its pictures: 256 bits, of which two unrelated clips share about half and a copy nearly all,
however it was encoded. Distances of all pairs are found block by block as products of matrices of
+1 and -1, which is exact at any distance, and what processors do best: 100,000 clips have five
billion pairs. Clips are also held against the mirrored and the cropped others.

Source: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section
3.2.1 (the hash of the discrete cosine transform, as pHash has it). Differs: the lowest frequencies
by their sum along both axes, and several pictures a clip.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

PICTURES = 4
BITS = 64 * PICTURES
VIEWS = ("plain", "mirrored", "cropped")
"""How a clip is held against the others."""

CROP = 0.05
"""What is cut off on each side [of the side]."""

Greys = Float[np.ndarray, "picture _height _width"]
Bits = Bool[np.ndarray, "clip bit"]

_SIDE = 32
_ORDER = sorted(
    ((row, column) for row in range(11) for column in range(11) if 0 < row + column < 11),
    key=lambda place: (sum(place), place),
)[:64]
_ROWS, _COLUMNS = (np.array(each) for each in zip(*_ORDER, strict=True))


def spread_pictures(grey: Float[np.ndarray, "time height width"]) -> Greys:
    """A few frames of a clip, evenly spread."""
    places = ((np.arange(PICTURES) + 0.5) / PICTURES * len(grey)).astype(int)
    return grey[places]


def view_of(pictures: Greys, view: str) -> Greys:
    """Pictures as they are, mirrored, or without what lies at their sides."""
    if view == "mirrored":
        return pictures[:, :, ::-1]
    if view == "cropped":
        row, column = (max(1, round(CROP * side)) for side in pictures.shape[1:])
        return pictures[:, row:-row, column:-column]
    return pictures


def hash_of(pictures: Greys) -> Bool[np.ndarray, " bit"]:
    """The bits of a clip."""
    return np.concatenate([_picture_bits(picture) for picture in shrunk(pictures, _SIDE)])


def shrunk(pictures: Greys, side: int) -> Greys:
    """Pictures as small squares."""
    size = (side, side)
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in pictures]
    return np.stack(small)


def near_pairs(
    one: Bits, other: Bits, furthest: int, *, block: int = 4096
) -> Iterator[tuple[Int[np.ndarray, " pair"], Int[np.ndarray, " pair"], Int[np.ndarray, " pair"]]]:
    """All pairs of a clip and a later one that differ in few bits, and in how many.

    Args:
        one: the earlier clip of a pair.
        other: the later one; may be the same clips in another view.
        furthest: bits that may differ.
        block: so many clips at once; the answer is the same.
    """
    signs = [np.where(each, 1.0, -1.0).astype(np.float32) for each in (one, other)]
    bits = one.shape[1]
    for first in range(0, len(one), block):
        for second in range(first, len(other), block):
            alike = signs[0][first : first + block] @ signs[1][second : second + block].T
            rows, columns = np.nonzero(alike >= bits - 2 * furthest)
            distance = ((bits - alike[rows, columns]) / 2).astype(int)
            rows, columns = rows + first, columns + second
            later = columns > rows
            yield rows[later], columns[later], distance[later]


def _picture_bits(picture: Float[np.ndarray, "height width"]) -> Bool[np.ndarray, " bit"]:
    waves = cv2.dct(picture.astype(np.float32))[_ROWS, _COLUMNS]
    return waves > np.median(waves)


def as_small(pictures: Greys, side: int) -> UInt8[np.ndarray, "picture row column"]:
    """What is kept of a clip to hold it against others."""
    return np.rint(255 * np.clip(shrunk(pictures, side), 0, 1)).astype(np.uint8)
