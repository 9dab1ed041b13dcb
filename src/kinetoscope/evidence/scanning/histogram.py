"""How are a unit's answers counted, where their range is not known before?

Each value falls into a bin that it alone decides. Bins are half an octave wide, with edges at the
powers of two and halfway between, mirrored below zero; the one in the middle holds what is nearer
to zero than 2^-12, the outermost all beyond 2^12. So no first pass has to find the range, small and
large units are counted equally finely, and the counts of two parts of a catalog add up to those of
the whole to the last digit, in any order and on any machine: the bin is read off the bits of the
number, and nothing is rounded.

Counting every place of every map would cost more than all else that a scan keeps. Of a larger map
`PLACES` places a clip are counted, the next ones of a sequence that visits all places equally
often (multiples of the golden ratio), so that which they are depends on the clip's number alone.

Source: Masson, Rim and Lee, "DDSketch: A fast and fully-mergeable quantile sketch with
relative-error guarantees", PVLDB 12(12), 2019, section 2: bins whose width is a share of the value.
Differs: edges are those of a number's bits, and their count is fixed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Float, Int, Num, UInt8
from torch import Tensor

PLACES = 64
"""At most so many places of a map are counted a clip."""

_LOWEST, _HIGHEST = -12, 12  # exponents of two
_HALVES = 2 * (_HIGHEST - _LOWEST)
BINS = 2 * (_HALVES + 1) + 1

_MANTISSA_BITS, _EXPONENT_BIAS = 23, 127  # of a 32-bit float
_GOLDEN = 0.6180339887498949

Counts = Int[np.ndarray, "channel bin"]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """How often each channel of a layer answered what.

    Args:
        counts: of each channel, `channel bin`.
        edges: between which values each bin lies, one more than there are bins; the outermost are
            infinite.
    """

    counts: Tensor
    edges: Tensor

    @property
    def shares(self) -> Tensor:
        """The counts of each channel, as shares of all of that channel."""
        return self.counts / self.counts.sum(dim=1, keepdim=True)


def edges() -> Float[Tensor, " edge"]:
    """Of all bins, from minus to plus infinity."""
    exponents = torch.arange(_LOWEST, _HIGHEST, dtype=torch.float64)
    octaves = torch.stack([exponents.exp2(), 1.5 * exponents.exp2()], dim=1).flatten()
    positive = torch.cat([octaves, torch.tensor([2.0**_HIGHEST, torch.inf])])
    return torch.cat([-positive.flip(0), positive])


def bins_of(values: Float[np.ndarray, "*any"]) -> UInt8[np.ndarray, "*any"]:
    """The bin of each value; edges belong to the bin farther from zero."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return _bin_of_bits()[bits >> (_MANTISSA_BITS - 1)]


@cache
def _bin_of_bits() -> UInt8[np.ndarray, " bits"]:
    """The bin that belongs to sign, exponent and the first bit of the mantissa of a number."""
    halves = np.arange(2**9) - 2 * (_EXPONENT_BIAS + _LOWEST)
    from_zero = np.clip(halves + 1, 0, _HALVES + 1)
    middle = _HALVES + 1
    return np.concatenate([middle + from_zero, middle - from_zero]).astype(np.uint8)


def counted_places(clips: Sequence[int], places: int) -> Int[np.ndarray, "clip place"]:
    """Which places of the map of each clip are counted.

    Args:
        clips: their numbers in the scan.
        places: how many there are.
    """
    if places <= PLACES:
        return np.tile(np.arange(places), (len(clips), 1))
    visited = np.array(clips, dtype=np.float64)[:, None] * PLACES + np.arange(PLACES)
    return (visited * _GOLDEN % 1.0 * places).astype(np.int64)


def count_bins(bins: Num[np.ndarray, "clip channel place"]) -> Counts:
    """How often each bin is there in each channel."""
    channels = bins.shape[1]
    each = bins + np.arange(channels, dtype=np.int32)[:, None] * BINS
    return np.bincount(each.reshape(-1), minlength=channels * BINS).reshape(channels, BINS)
