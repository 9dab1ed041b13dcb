"""Which clips are probes fitted to, and which are they tested on?

The clips of one scan, which are taken in turn; or those of two, which must have no group in common.
With them come the same clips as a network with random weights sees them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kinetoscope.clips.catalog import Catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.representation.clips import Places, Seen, learnable, seen_clips
from kinetoscope.evidence.scan import Scan

Scans = Scan | Sequence[Scan]
"""One to cross-validate on, or one to fit to and one to test on."""


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Clips to fit to, and clips to test on.

    Args:
        scans: by one network; one or two.
        control: as many, with random weights; or none.
        fitted: clips of the first scan.
        asked: clips of the last one, of which accuracies are; labels are numbered alike.
        left_out: label and groups of each label of the first scan that has too few.
        unlabelled: how many clips of the first scan have no label.
    """

    scans: tuple[Scan, ...]
    control: tuple[Scan, ...]
    fitted: Seen
    asked: Seen
    left_out: tuple[dict[str, Any], ...]
    unlabelled: int

    @classmethod
    def of(
        cls,
        scans: Scans,
        catalogs: Sequence[Catalog],
        control: Scans | None,
        *,
        layers: Sequence[str],
        most: int,
        seed: int,
    ) -> "Sides":
        """Choose clips; the arguments are those of `write_probes`.

        Raises:
            UnknownNameError: a layer was not scanned.
            EvidenceError: there are not two labels with two groups each, or the scans do not
                belong together.
        """
        several, controls = _several(scans), _several(control)
        _check_together(several, controls)
        for name in layers:
            several[0].receptive_field(name)  # refuses a layer that was not scanned
        known: Sequence[Catalog | None] = catalogs or [None] * len(several)
        names = list(layers or several[0].layers)
        found = [
            seen_clips(scan, catalog, layers=names, most=most, seed=seed)
            for scan, catalog in zip(several, known, strict=True)
        ]
        fitted, left_out = learnable(found[0])
        if len(several) > 1:
            _check_apart(catalogs)
        return cls(
            scans=several,
            control=controls,
            fitted=fitted,
            asked=_with_labels_of(fitted, found[1]) if len(several) > 1 else fitted,
            left_out=tuple(left_out),
            unlabelled=int((found[0].labels < 0).sum()),
        )

    @property
    def apart(self) -> bool:
        """Whether clips are tested on that are never fitted to."""
        return len(self.scans) > 1


def shuffled(seen: Seen, seed: int) -> Places:
    """Labels, each given to another video; the clips of one video keep a common one."""
    _, first, of_clip = np.unique(seen.videos, return_index=True, return_inverse=True)
    mixed = np.random.default_rng(seed).permutation(seen.labels[first])
    return mixed[of_clip]


def _several(scans: Scans | None) -> tuple[Scan, ...]:
    if scans is None:
        return ()
    return (scans,) if isinstance(scans, Scan) else tuple(scans)


def _check_together(scans: Sequence[Scan], control: Sequence[Scan]) -> None:
    weights = {scan.provenance.weights_hash for scan in scans}
    if len(weights) > 1 or len(scans) not in (1, 2) or len(control) not in (0, len(scans)):
        raise EvidenceError(
            "the scans do not belong together",
            got=f"{len(scans)} scans of weights {', '.join(sorted(weights))}; "
            f"{len(control)} with random weights",
            expected="one scan or two by one network; as many with random weights, or none",
        )
    for scan, other in zip(scans, control, strict=False):
        if scan.provenance.catalog != other.provenance.catalog:
            raise EvidenceError(
                "the scan with random weights is of other clips",
                got=other.provenance.catalog,
                expected=scan.provenance.catalog,
            )


def _check_apart(catalogs: Sequence[Catalog]) -> None:
    """No group may be fitted to and tested on."""
    words = [
        {entry.group or str(entry.path.absolute()) for entry in catalog} for catalog in catalogs
    ]
    both = sorted(set.intersection(*words)) if words else []
    if both:
        raise EvidenceError(
            "probes would be tested on what they were fitted to",
            got=f"{len(both)} groups or videos in both catalogs, such as {both[0]}",
            expected="catalogs without a common group",
            hint="give one catalog alone: it is cross-validated over its groups",
        )


def _with_labels_of(fitted: Seen, other: Seen) -> Seen:
    """The clips whose label is among those that probes are fitted to, labels numbered likewise."""
    there = np.array([-1, *[_place(fitted.names, name) for name in other.names]])[other.labels + 1]
    kept = there >= 0
    if not kept.any():
        raise EvidenceError(
            "the clips to test on have none of the labels that probes are fitted to",
            got=", ".join(other.names[:8]) or "no labels",
            expected=", ".join(fitted.names[:8]),
        )
    return Seen(
        rows=other.rows[kept],
        labels=there[kept],
        names=fitted.names,
        groups=other.groups[kept],
        videos=other.videos[kept],
    )


def _place(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else -1
