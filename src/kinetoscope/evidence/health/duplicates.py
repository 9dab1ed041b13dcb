"""Which units of a layer say the same?

Two units say the same if, over the clips, both their largest and their mean answers rise and fall
together:

    r = min(correlation of the largest answers, correlation of the mean answers)

above a threshold. Copies are found, and copies that are scaled or shifted by a constant, since a
correlation does not see either. It can't tell units that look for the same thing in different
places from those that are the same, and it says nothing of units that never change, such as dead
ones. Nor does it find a unit that is the sum of two others, or the opposite of one (r = -1).

Groups are made around their first member: each channel joins the first earlier one that stands for
a group and that it is alike, so that every member is alike the first. All pairs are looked at,
block by block, so that memory grows with the number of channels and not with its square.

Source: correlated and duplicated filters are those of Li, Yosinski, Clune, Lipson and Hopcroft,
"Convergent Learning: Do different neural networks learn the same representations?", ICLR 2016
workshop, section 3.1, who match units by their correlation. Differs: within one network, and over
clips instead of places.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

THRESHOLD = 0.98
_ENTRIES = 2**23  # of a block of correlations

Table = Float[np.ndarray, "clip channel"]


@dataclass(frozen=True, kw_only=True)
class Alike:
    """How alike the units of a layer are.

    Args:
        nearest: of each channel, the one that it is most alike; -1 where it is alike none, since
            it never changes or stands alone.
        correlation: with that one; not a number there.
        group: of each channel, the first of its group; -1 where it is in none.
        group_correlation: with the first of its group; 1 for that one; not a number outside.
    """

    nearest: Int[np.ndarray, " channel"]
    correlation: Float[np.ndarray, " channel"]
    group: Int[np.ndarray, " channel"]
    group_correlation: Float[np.ndarray, " channel"]

    def groups(self) -> list[list[int]]:
        """The channels of each group, in order; the largest group first."""
        firsts = np.unique(self.group[self.group >= 0])
        found = [np.flatnonzero(self.group == first).tolist() for first in firsts]
        return sorted(found, key=lambda members: (-len(members), members))


def alike(
    largest: Table, mean: Table, *, threshold: float = THRESHOLD, block: int | None = None
) -> Alike:
    """Find units that say the same.

    Args:
        largest: answers of each channel in each clip; clips that were not seen are left out.
        mean: answers, likewise.
        threshold: of the correlation.
        block: so many channels at once; changes nothing but the memory that is needed.
    """
    first, second = (_standardized(table) for table in (largest, mean))
    channels = first.shape[1]
    block = block or max(1, _ENTRIES // max(1, channels))
    nearest, best = np.full(channels, -1), np.full(channels, np.nan)
    group, with_first = np.full(channels, -1), np.full(channels, np.nan)
    stands = np.ones(channels, dtype=bool)  # for a group, or may still do so
    for start in range(0, channels, block):
        rows = slice(start, min(start + block, channels))
        r = np.minimum(first[:, rows].T @ first, second[:, rows].T @ second)
        own = np.arange(rows.start, rows.stop)
        r[own - start, own] = np.nan
        for channel, line in zip(own.tolist(), r, strict=True):
            if np.isnan(line).all():
                continue
            nearest[channel] = np.nanargmax(line)
            best[channel] = line[nearest[channel]]
            joined = np.flatnonzero((line[:channel] >= threshold) & stands[:channel])
            if len(joined):
                stands[channel] = False
                group[channel] = group[joined[0]] = joined[0]
                with_first[channel], with_first[joined[0]] = line[joined[0]], 1.0
    clipped, joined_by = np.clip(best, -1, 1), np.clip(with_first, -1, 1)
    return Alike(nearest=nearest, correlation=clipped, group=group, group_correlation=joined_by)


def shuffled(table: Table, order: Int[np.ndarray, "clip channel"]) -> Table:
    """Every channel's clips in an order of its own, so that what is alike is so by chance."""
    return np.take_along_axis(table, order, axis=0)


def correlation_interval(r: float, clips: int, level: float = 0.95) -> tuple[float, float]:
    """Between which two a correlation lies that was found over so many clips, by Fisher's z."""
    from scipy import stats

    if clips <= 3 or abs(r) >= 1:
        return (r, r) if clips > 3 else (-1.0, 1.0)
    width = stats.norm.ppf(0.5 + level / 2) / np.sqrt(clips - 3)
    return float(np.tanh(np.arctanh(r) - width)), float(np.tanh(np.arctanh(r) + width))


def _standardized(table: Table) -> Float[np.ndarray, "_seen channel"]:
    """Of mean 0 and length 1 over the clips; not a number for channels that never change."""
    known = table[~np.isnan(table).any(axis=1)]
    if not len(known):
        return np.full((1, table.shape[1]), np.nan)
    centred = known - known.mean(axis=0)
    lengths = np.linalg.norm(centred, axis=0)
    changes = lengths > 1e-6 * np.abs(known).max(axis=0, initial=0) * np.sqrt(len(known))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(changes, centred / lengths, np.nan)
