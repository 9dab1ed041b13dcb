"""Which clips of a scan does a layer's representation stand on, and what is known of each?

Those that could be read: of each label as many as can be, where all are too many. A representation
is the mean of every channel over all places, or its largest answer, as the scan keeps them.

Clips of one video, and videos of one group (the person, the recording), know of each other: they
are told here, so that no group is learnt from and tested on at once.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.scan import Scan, catalog_name

Pool = Literal["mean", "largest"]
"""How a channel's answers at all places become one number."""

Table = Float[np.ndarray, "clip feature"]
Places = Int[np.ndarray, " clip"]

_NUMBERS = 2**26  # of one layer and all clips, which bounds memory for layers of very many units


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Clips that representations are compared on.

    Args:
        rows: the place of each in `Scan.clips`.
        labels: the place of each one's label in `names`; -1 for one without.
        names: of the labels that come, in the network's order; others come last.
        groups: a number a group; clips of the same number must not be on both sides.
        videos: the place of each one's video in the catalog.
    """

    rows: Int[np.ndarray, " clip"]
    labels: Int[np.ndarray, " clip"]
    names: tuple[str, ...]
    groups: Int[np.ndarray, " clip"]
    videos: Int[np.ndarray, " clip"]

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, kept: Bool[np.ndarray, " clip"]) -> "Seen":
        """Only some of them; labels without a clip are no longer among the names."""
        old = self.labels[kept]
        present = sorted(set(old[old >= 0].tolist()))
        new = {place: number for number, place in enumerate(present)} | {-1: -1}
        return Seen(
            rows=self.rows[kept],
            labels=np.array([new[place] for place in old.tolist()], dtype=int),
            names=tuple(self.names[place] for place in present),
            groups=self.groups[kept],
            videos=self.videos[kept],
        )


def seen_clips(
    scan: Scan,
    catalog: Catalog | None = None,
    *,
    layers: Sequence[str] = (),
    most: int = 2000,
    seed: int = 0,
) -> Seen:
    """The clips of a scan that could be read, or as many of each label as can be.

    Args:
        scan: of any network.
        catalog: that was scanned: says which videos are of one group. Without it a file is one.
        layers: that will be looked at; where one has very many units, fewer clips are taken.
        most: how many clips.
        seed: of the choice, where there are more.

    Raises:
        EvidenceError: the catalog is another one, or no clip could be read.
    """
    clips = scan.clips
    rows = np.flatnonzero(clips["error"].is_null().to_numpy())
    if not len(rows):
        raise EvidenceError(
            f"the scan in {scan.folder} has no clips", got="none", expected="one clip or more"
        )
    names = _names(scan, clips["label"].to_list())
    places = {name: place for place, name in enumerate(names)}
    labels = np.array([places.get(label, -1) for label in clips["label"]], dtype=int)
    widest = max(
        [scan.layers[layer]["channels"] for layer in layers if layer in scan.layers] or [1]
    )
    rows = _balanced(rows, labels[rows], max(2, min(most, _NUMBERS // widest)), seed)
    whole = Seen(
        rows=np.arange(len(clips)),
        labels=labels,
        names=names,
        groups=_groups(scan, catalog),
        videos=clips["video"].to_numpy().astype(int),
    )
    return whole.where(np.isin(whole.rows, rows))


def pooled(scan: Scan, layer: str, seen: Seen, pool: Pool = "mean") -> Table:
    """What a layer says of each clip.

    Raises:
        UnknownNameError: the layer was not scanned.
        EvidenceError: some of it is not a number.
    """
    table = scan.means(layer) if pool == "mean" else scan.maxima(layer)
    found = table.numpy()[seen.rows].astype(float)
    wrong = ~np.isfinite(found).all(axis=1)
    if wrong.any():
        raise EvidenceError(
            f"{layer} does not answer with numbers",
            got=f"infinity, or not a number, for {wrong.sum()} of {len(found)} clips",
            expected="finite answers",
        )
    return found


def learnable(seen: Seen) -> tuple[Seen, list[dict[str, Any]]]:
    """The clips whose label is in two groups or more, and the labels that are left out for it.

    Raises:
        EvidenceError: fewer than two labels are left.
    """
    groups = Counter(dict.fromkeys(range(len(seen.names)), 0))
    groups.update(
        label for label, _ in set(zip(seen.labels.tolist(), seen.groups.tolist(), strict=True))
    )
    left_out = [
        {"label": name, "groups": groups[place]}
        for place, name in enumerate(seen.names)
        if groups[place] < 2
    ]
    kept = np.array([place >= 0 and groups[place] >= 2 for place in seen.labels.tolist()])
    found = seen.where(kept)
    if len(found.names) < 2:
        raise EvidenceError(
            "there are not two labels to tell apart",
            got=_counts(seen.names, groups),
            expected="two labels or more, each in videos of two groups or more",
        )
    return found, left_out


def _counts(names: Sequence[str], groups: Mapping[int, int]) -> str:
    told = [f"{groups[place]} of {name}" for place, name in enumerate(names)]
    return ", ".join(told[:8]) + (" ..." if told[8:] else "") or "no clip with a label"


def _names(scan: Scan, labels: Sequence[str | None]) -> tuple[str, ...]:
    there = {label for label in labels if label is not None}
    known = [label for label in scan.labels if label in there]
    return (*known, *sorted(there - set(known)))


def _groups(scan: Scan, catalog: Catalog | None) -> Int[np.ndarray, " clip"]:
    if catalog is not None and catalog_name(catalog) != scan.provenance.catalog:
        raise EvidenceError(
            f"the scan in {scan.folder} is not of {catalog.name}",
            got=scan.provenance.catalog,
            expected=catalog_name(catalog),
        )
    words = []
    for path, video in zip(scan.clips["path"], scan.clips["video"], strict=True):
        group = None if catalog is None else catalog.entries[video].group
        words.append(("file", path) if group is None else ("group", group))
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return np.array([numbers[word] for word in words], dtype=int)


def _balanced(
    rows: Int[np.ndarray, " clip"], labels: Int[np.ndarray, " clip"], most: int, seed: int
) -> Int[np.ndarray, " taken"]:
    """So many rows, one of each label in turn, those of a label in random order."""
    if len(rows) <= most:
        return rows
    mixed = np.random.default_rng(seed).permutation(len(rows))
    turns: Counter[int] = Counter()
    order = []
    for place in mixed.tolist():
        label = int(labels[place])
        order.append((turns[label], label, place))
        turns[label] += 1
    return np.sort(rows[[place for _, _, place in sorted(order)[:most]]])
