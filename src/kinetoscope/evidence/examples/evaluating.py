"""What do objectives answer to the clips of a catalog, where the scan cannot tell?

Single neurons, directions and features are not among what a scan keeps. The clips that were scanned
are shown to the network again, all such objectives in one pass, each clip opened once.

Source: as `ranking.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl
import torch

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.examples.ranking import EPSILON, Answers, scanned_answers
from kinetoscope.evidence.scan import Scan
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.units.objective import Neuron, Objective, Together
from kinetoscope.units.reading import SCORES, read_normalized
from kinetoscope.units.receptive import receptive_fields

_BATCH = 8
_PLACE = ("time", "row", "column")


@dataclass(frozen=True)
class _Found:
    """What one objective answers, clip by clip."""

    objective: Objective
    rows: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    places: list[tuple[int, ...]] = field(default_factory=list)

    def answers(self, network: Network, scan: Scan) -> Answers:
        """As those that a scan tells."""
        columns = {"value": self.values}
        if self.places:
            columns |= dict(zip(_PLACE, zip(*self.places, strict=True), strict=True))
        table = scan.clips[self.rows].with_columns(
            **{name: pl.Series(values) for name, values in columns.items()}
        )
        layer = self.objective.terms[0][1].layer
        field = receptive_fields(network, [layer])[layer] if self.places else None
        return Answers(table=table, field=field, excites_above=EPSILON if field else -math.inf)


def objective_answers(
    network: Network,
    catalog: Catalog,
    scan: Scan,
    objectives: Sequence[Objective],
    *,
    clip_cache: ClipCache | None = None,
) -> dict[Objective, Answers]:
    """What objectives answer to every clip; the network is run only where it has to be.

    Args:
        network: that was scanned; comes back as it went.
        catalog: that was scanned. A clip that can't be read any more has no answer.
        scan: of both.
        objectives: any.
        clip_cache: where clips are kept that were opened before.

    Raises:
        UnknownNameError: a layer, a channel or a label is not there.
    """
    known = {each: scanned_answers(scan, each) for each in objectives}
    missing = [_Found(each.bound(network)) for each, answers in known.items() if answers is None]
    if missing:
        with evaluating(network), torch.inference_mode():
            _evaluate(network, catalog, scan, missing, clip_cache)
    found = iter(missing)
    return {
        each: next(found).answers(network, scan) if answers is None else answers
        for each, answers in known.items()
    }


def _evaluate(
    network: Network,
    catalog: Catalog,
    scan: Scan,
    missing: Sequence[_Found],
    clip_cache: ClipCache | None,
) -> None:
    clips: int = scan.provenance.settings["clips"]
    readable = scan.clips.with_row_index("row_of_clip").filter(scan.clips["error"].is_null())
    waiting: list[tuple[int, Clip]] = []
    for (video,), rows in readable.group_by("video", maintain_order=True):
        try:
            views = views_of(
                catalog.entries[int(str(video))], scan.expects, clips=clips, cache=clip_cache
            )
        except (KinetoscopeError, OSError):  # it could be read when it was scanned
            continue
        pairs = zip(rows["row_of_clip"].to_list(), rows["clip"].to_list(), strict=True)
        waiting += [(row, views[clip % clips]) for row, clip in pairs]
        while len(waiting) >= _BATCH:
            _show(network, waiting[:_BATCH], missing)
            waiting = waiting[_BATCH:]
    if waiting:
        _show(network, waiting, missing)


def _show(network: Network, shown: Sequence[tuple[int, Clip]], missing: Sequence[_Found]) -> None:
    batch = ClipBatch.of([clip for _, clip in shown], network.expects).to(network.device)
    layers = list(dict.fromkeys(layer for found in missing for layer in found.objective.layers))
    answers = read_normalized(network, network.normalize(batch), layers)
    for found in missing:
        objective = found.objective
        found.rows.extend(row for row, _ in shown)
        values = Together(network, [objective] * len(shown)).peaks(answers)
        found.values.extend(values.double().tolist())
        found.places.extend(_places(objective, answers, len(shown)))


def _places(
    objective: Objective, answers: dict[str, torch.Tensor], clips: int
) -> list[tuple[int, ...]]:
    """Where one goal alone answers most, for each clip; nothing where there is no one place."""
    (weight, goal), *others = objective.terms
    if others or weight < 0 or goal.layer == SCORES:
        return []
    layer = answers[goal.layer]
    extent = (*layer.shape[2:], 1, 1, 1)[:3]
    if isinstance(goal, Neuron):
        place = goal.place or tuple(length // 2 for length in extent)
        return [place] * clips
    found = type(goal).answers([goal] * clips, layer)
    if found.shape[1] == 1:  # a number for the whole layer
        return []
    best = torch.stack(torch.unravel_index(found.argmax(dim=1), extent), dim=1)
    return [tuple(each) for each in best.tolist()]
