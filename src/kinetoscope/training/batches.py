"""Which clips are trained on, which are held out, and in which order do they come?

Everything is decided by the seed and the number of the epoch, and by nothing that was done
before: a training that is taken up again, or spread over several processes, sees the same clips
in the same batches.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.errors import RecipeError

# What random numbers are for; each purpose has its own, so that none depends on another.
HOLD_OUT, ORDER, CHANGES, NOISE, DROPOUT, ITERATION = range(6)


def randomness(seed: int, purpose: int, *place: int) -> np.random.Generator:
    """Random numbers for one purpose at one place of a training."""
    return np.random.default_rng([seed, purpose, *place])


def seed_for(seed: int, purpose: int, *place: int) -> int:
    """The same as one number, for what is seeded by one."""
    return int(randomness(seed, purpose, *place).integers(2**62))


def hold_out(catalog: Catalog, fraction: float, seed: int) -> tuple[Catalog, Catalog]:
    """Part a catalog in two; nobody, by its groups, is in both.

    Groups are held out whole, in random order, while that brings the share nearer to what is
    asked for. Where a catalog has no groups, each file is one, and every label is parted alike.

    Args:
        catalog: what to part.
        fraction: which share of the videos to hold out, of 1.
        seed: of the choice.

    Returns:
        What is left, and what is held out.

    Raises:
        RecipeError: nothing can be held out, or a label would have no video left to train on.
    """
    groups = [_group(entry) for entry in catalog]
    order = randomness(seed, HOLD_OUT).permutation(sorted(set(groups))).tolist()
    grouped = any(entry.group is not None for entry in catalog)
    held = _nearest(groups, order, fraction) if grouped else _stratified(catalog, order, fraction)
    kept = [entry for entry in catalog if _group(entry) not in held]
    out = [entry for entry in catalog if _group(entry) in held]
    lost = {entry.label for entry in out} - {entry.label for entry in kept}
    if not out or lost:
        what = "no group is small enough" if not out else f"no videos left of {_some(lost)}"
        raise RecipeError(
            f"validation_fraction = {fraction} can't be held out of {catalog.name}",
            got=f"{len(catalog)} videos in {len(set(groups))} groups: {what}",
            expected="some groups to hold out, and every label among those that are left",
            hint="validation_fraction = 0 trains on all, and keeps the last epoch",
        )
    return replace(catalog, entries=tuple(kept)), replace(catalog, entries=tuple(out))


def epoch_order(weights: np.ndarray | None, count: int, seed: int, epoch: int) -> np.ndarray:
    """The order in which clips come in an epoch.

    Args:
        weights: how often each is drawn, in proportion, with replacement; None for each once.
        count: how many clips there are.
        seed: of the training.
        epoch: counted from 0.
    """
    rng = randomness(seed, ORDER, epoch)
    if weights is None:
        return rng.permutation(count)
    return rng.choice(count, size=count, p=weights / weights.sum())


def batches(order: np.ndarray, clips_per_batch: int) -> list[np.ndarray]:
    """Cut an order into batches whose sizes differ by at most one: none is left over or tiny.

    >>> [len(batch) for batch in batches(np.arange(10), 4)]
    [4, 3, 3]
    """
    return np.array_split(order, -(-len(order) // clips_per_batch))


def share_of(batch: np.ndarray, process: int, processes: int) -> np.ndarray:
    """The places in a batch that one of several processes takes; together, each place once.

    >>> [share_of(np.arange(5), process, 2).tolist() for process in range(2)]
    [[0, 2, 4], [1, 3]]
    """
    return np.arange(process, len(batch), processes)


def label_weights(truth: Sequence[int], labels: int) -> np.ndarray:
    """A weight for each label such that all count alike, and 1 on the mean over the clips.

    >>> label_weights([0, 0, 0, 1], 2).tolist()
    [0.6666666666666666, 2.0]
    """
    counts = np.bincount(truth, minlength=labels)
    present = np.count_nonzero(counts)
    return np.where(counts > 0, len(truth) / (present * np.maximum(counts, 1)), 0.0)


def _group(entry: Entry) -> str:
    return str(entry.path) if entry.group is None else f"group {entry.group}"


def _nearest(groups: list[str], order: list[str], fraction: float) -> set[str]:
    """Whole groups, each taken where that brings the share nearer."""
    sizes = Counter(groups)
    wanted, taken, held = fraction * len(groups), 0, set()
    for group in order:
        size = sizes[group]
        if abs(taken + size - wanted) < abs(taken - wanted):
            held.add(group)
            taken += size
    return held


def _stratified(catalog: Catalog, order: list[str], fraction: float) -> set[str]:
    """Of each label its share of files, and at least one where there are several."""
    label_of = {_group(entry): entry.label for entry in catalog}
    held: set[str] = set()
    for label in dict.fromkeys(label_of.values()):
        files = [group for group in order if label_of[group] == label]
        count = max(round(fraction * len(files)), 1 if len(files) > 1 else 0)
        held.update(files[: min(count, len(files) - 1)])
    return held


def _some(labels: set[str | None]) -> str:
    return ", ".join(sorted(str(label) for label in labels)[:8])
