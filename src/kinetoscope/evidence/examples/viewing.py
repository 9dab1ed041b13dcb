"""How are the views of many units in their best clips written beside the evidence?

Layer by layer, so that clips of several units share a batch. A file a unit, `views/UNIT.npz`, holds
for each rule, clip and stream the view within the box, under a name such as `deconvolved 0 frames`.

Source: as `views.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip
from kinetoscope.errors import ClipError, KinetoscopeError
from kinetoscope.evidence.examples.ranking import EPSILON, Hit
from kinetoscope.evidence.examples.views import View, Wanted, cut_to, keep_views, views
from kinetoscope.evidence.scan import Progress, Scan
from kinetoscope.networks.network import Network
from kinetoscope.units.backward import Rule
from kinetoscope.units.unit import Unit

FOLDER = "views"
_BATCH = 8

Open = Callable[[int], Clip]
"""Gives a clip of the scan by its number."""


@dataclass(frozen=True, kw_only=True)
class Viewed:
    """What was written.

    Args:
        files: of each unit, a file beside the evidence.
        refused: layer, rule and error of what has no meaning for the network.
    """

    files: dict[Unit, str] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)


def write_views(
    network: Network,
    hits: Mapping[Unit, Sequence[Hit]],
    rules: Sequence[Rule],
    opened: Open,
    folder: Path,
    progress: Progress | None = None,
) -> Viewed:
    """Write what in their best clips excites units, by each rule that fits.

    Args:
        network: comes back as it went.
        hits: of each unit, its clips; those that do not excite it have no view.
        rules: "deconvolved", "guided" and "gradient".
        opened: gives a clip; one that can't be read any more is left out.
        folder: of the evidence.
        progress: is told how many units are done, and of how many.
    """
    told = Viewed()
    (folder / FOLDER).mkdir()
    layers: dict[str, list[Unit]] = {}
    for unit in hits:
        layers.setdefault(unit.layer, []).append(unit)
    for units in layers.values():
        for first in range(0, len(units), _BATCH):
            group = units[first : first + _BATCH]
            kept = _views_of_group(
                network, {unit: hits[unit] for unit in group}, rules, opened, told
            )
            for unit, own in kept.items():
                told.files[unit] = f"{FOLDER}/{unit.file_name}.npz"
                keep_views(folder / told.files[unit], own)
            if progress is not None:
                progress(len(told.files), len(hits))
    return told


def _views_of_group(
    network: Network,
    hits: Mapping[Unit, Sequence[Hit]],
    rules: Sequence[Rule],
    opened: Open,
    told: Viewed,
) -> dict[Unit, dict[str, View]]:
    """Of a few units of one layer."""
    kept: dict[Unit, dict[str, View]] = {unit: {} for unit in hits}
    waiting: list[tuple[int, Hit, Wanted]] = []
    for unit, own in hits.items():
        for number, hit in enumerate(own):
            if hit.place is None or hit.activation <= EPSILON:
                continue
            try:
                wanted = Wanted(unit=unit, place=hit.place, clip=opened(hit.clip))
            except (KinetoscopeError, OSError):  # it could be read when it was scanned
                continue
            waiting.append((number, hit, wanted))
            if len(waiting) == _BATCH:
                _lead_back(network, waiting, rules, kept, told)
                waiting = []
    if waiting:
        _lead_back(network, waiting, rules, kept, told)
    return {unit: own for unit, own in kept.items() if own}


def _lead_back(
    network: Network,
    waiting: Sequence[tuple[int, Hit, Wanted]],
    rules: Sequence[Rule],
    kept: dict[Unit, dict[str, View]],
    told: Viewed,
) -> None:
    layer = waiting[0][2].unit.layer
    refused = {each["rule"] for each in told.refused if each["layer"] == layer}
    for rule in rules:
        if rule in refused:
            continue
        try:
            found = views(network, [wanted for _, _, wanted in waiting], rule)
        except ClipError as error:
            told.refused.append({"layer": layer, "rule": rule, "error": str(error)})
            continue
        for (number, hit, wanted), streams in zip(waiting, found, strict=True):
            for stream, view in streams.items():
                kept[wanted.unit][f"{rule} {number} {stream}"] = cut_to(view, hit.box)


def opening(catalog: Catalog, scan: Scan, clip_cache: ClipCache | None) -> Open:
    """Gives clips of a scan from their catalog."""
    clips: int = scan.provenance.settings["clips"]

    def opened(number: int) -> Clip:
        entry = catalog.entries[number // clips]
        return views_of(entry, scan.expects, clips=clips, cache=clip_cache)[number % clips]

    return opened
