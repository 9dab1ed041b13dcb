"""Why is one label taken for another, and what becomes of it without some units?

Units are found in three ways: both labels excite them, they tell the two apart, or they push the
mistaken clips towards the wrong label. Each is then removed, alone, while clips of both labels are
shown; so are some units at random, which is what removing any unit does.

Source: the parts name theirs: `telling.py`, `pushes.py`, `undoing.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import polars as pl
import torch
from torch import Tensor

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import Catalog
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.evidence.failure.pairs import Pair, told_clips
from kinetoscope.evidence.failure.pushes import Pushes, pushes
from kinetoscope.evidence.failure.shown import Opened, drawn, open_again
from kinetoscope.evidence.failure.telling import Told, best_apart, best_both, tell_pair
from kinetoscope.evidence.failure.undoing import before_and_changes, ends
from kinetoscope.evidence.scan import Scan
from kinetoscope.evidence.specificity.removal import Removal, remove_in_turn
from kinetoscope.networks.network import Network
from kinetoscope.units.unit import Unit

Lists = dict[str, list[tuple[Told, float | None]]]
"""Units by why they are looked at, each with its push."""

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class Confusing:
    """How closely confused pairs are looked at.

    Args:
        pairs: how many of the costliest.
        clips: of each label of a pair, how many are shown again.
        mistakes: of each pair, how many mistaken clips are told of, the surest mistakes first.
        units: how many are removed that both labels excite, that tell the two apart, and that push
            the mistaken clips.
        controls: how many are removed at random.
        neighbours: how many near clips are told of each mistaken one.
        replacement: what a removed unit answers: zero, or its mean.
    """

    pairs: int = 4
    clips: int = 48
    mistakes: int = 8
    units: int = 5
    controls: int = 5
    neighbours: int = 5
    replacement: Literal["zero", "mean"] = "zero"


@dataclass(frozen=True)
class PairWork:
    """What is done for each pair."""

    network: Network
    catalog: Catalog
    scan: Scan
    layers: Sequence[str]
    how: Confusing
    seed: int
    clip_cache: ClipCache | None

    def look_at(self, pair: Pair) -> tuple[dict[str, Any], dict[int, Clip]]:
        """All that is told of a pair, in plain values; and its mistaken clips, by number."""
        rows = told_clips(self.scan).filter(pl.col("label").is_in(pair.labels))
        taken = pl.col("predicted").is_in(pair.labels) & (pl.col("label") != pl.col("predicted"))
        surest = rows.filter(taken).sort("probability", "clip", descending=[True, False])
        mistaken = surest["clip"].head(self.how.mistakes).to_list()
        numbers = self._drawn(rows)
        opened = open_again(self.catalog, self.scan, [*numbers, *mistaken], self.clip_cache)
        rows = rows.filter(pl.col("clip").is_in([*opened.clips]))
        wrong = surest.filter(pl.col("clip").is_in([n for n in mistaken if n in opened.clips]))
        pushed = self._pushes(wrong, opened)
        lists = self._lists(tell_pair(self.scan, pair, self.layers), pushed)
        part = {
            **pair_numbers(pair),
            **{name: [_told_part(*each) for each in units] for name, units in lists.items()},
            **self._without(pair, rows, opened, lists, drawn_ones=numbers, mistaken=mistaken),
            "clips": self._clips(wrong, pushed),
            "unread": opened.failures,
        }
        return part, {clip: opened.clips[clip] for clip in wrong["clip"]}

    def _drawn(self, rows: pl.DataFrame) -> list[int]:
        """As many clips of each label as are shown."""
        return [
            number
            for _, own in rows.group_by("label", maintain_order=True)
            for number in drawn(own["clip"].to_list(), self.how.clips, self.seed)
        ]

    def _batches(self, rows: pl.DataFrame, opened: Opened) -> Iterator[ClipBatch]:
        clips = [opened.clips[number] for number in rows["clip"]]
        for first in range(0, len(clips), _BATCH):
            yield ClipBatch.of(clips[first : first + _BATCH], self.network.expects)

    def _places(self, labels: pl.Series) -> list[int]:
        return [self.network.label(label) for label in labels]

    def _pushes(self, mistaken: pl.DataFrame, opened: Opened) -> dict[str, Pushes]:
        """Towards the wrong label; nothing where no clip is mistaken."""
        if not len(mistaken):
            return {}
        return pushes(
            self.network,
            self._batches(mistaken, opened),
            self.layers,
            towards=self._places(mistaken["predicted"]),
            away=self._places(mistaken["label"]),
        )

    def _lists(self, told: Sequence[Told], pushed: Mapping[str, Pushes]) -> Lists:
        """Units by why they are looked at, each with its push."""
        of_unit = {
            Unit(layer, channel): float(push)
            for layer, found in pushed.items()
            for channel, push in enumerate(self._gain(layer, found).mean(dim=0))
        }
        live = {each.unit: each for each in told}
        pushing = sorted(
            (unit for unit in live if of_unit.get(unit, 0.0) > 0),
            key=lambda unit: (-of_unit[unit], unit),
        )
        lists = {
            "both": best_both(told, self.how.units),
            "apart": best_apart(told, self.how.units),
            "pushing": [live[unit] for unit in pushing[: self.how.units]],
        }
        taken = {each.unit for units in lists.values() for each in units}
        left = [each for each in told if each.unit not in taken]
        places = drawn(range(len(left)), self.how.controls, self.seed)
        lists["random"] = [left[place] for place in places]
        return {
            name: [(each, of_unit.get(each.unit)) for each in units]
            for name, units in lists.items()
        }

    def _gain(self, layer: str, found: Pushes) -> Tensor:
        """What would be gone of the push of each unit without it."""
        if self.how.replacement == "zero":
            return found.push
        return found.excess(self._means(layer).nanmean(dim=0))

    def _without(
        self,
        pair: Pair,
        rows: pl.DataFrame,
        opened: Opened,
        lists: Lists,
        *,
        drawn_ones: Sequence[int],
        mistaken: Sequence[int],
    ) -> dict[str, Any]:
        """What the clips of both labels are taken for without each of the units."""
        units = list(dict.fromkeys(each.unit for found in lists.values() for each, _ in found))
        removals = [self._removal(unit) for unit in units]
        masks = {
            name: rows["clip"].is_in(list(numbers)).to_numpy()
            for name, numbers in (("drawn", drawn_ones), ("mistaken", mistaken))
        }
        before, after, changes = before_and_changes(
            remove_in_turn(self.network, self._batches(rows, opened), removals),
            self._places(rows["label"]),
            self._places(rows["label"].map_elements(pair.rival, return_dtype=pl.String)),
            **masks,
            seed=self.seed,
        )
        random = [units.index(each.unit) for each, _ in lists["random"]]
        control = None
        if random:  # where a layer has few units, all of them may be looked at
            by_chance = changes[random].mean(axis=0, keepdims=True)
            control = ends(by_chance, **masks, seed=self.seed)[0]
        return {
            "shown": int(masks["drawn"].sum()),
            "before": before,
            "removed": dict(zip(map(str, units), after, strict=True)),
            "control": control,
        }

    def _removal(self, unit: Unit) -> Removal:
        value = 0.0
        if self.how.replacement == "mean":
            value = self._means(unit.layer)[:, unit.channel].nanmean().item()
        return Removal(layer=unit.layer, channels=(unit.channel,), replacement=value)

    def _clips(self, mistaken: pl.DataFrame, pushed: Mapping[str, Pushes]) -> list[dict[str, Any]]:
        """The mistaken clips, each with the units whose excess pushed it most."""
        told = ("clip", "path", "label", "predicted", "probability")
        return [
            {
                **{name: row[name] for name in told},
                "units": self._excited(row["label"], number, pushed),
            }
            for number, row in enumerate(mistaken.iter_rows(named=True))
        ]

    def _excited(
        self, label: str, number: int, pushed: Mapping[str, Pushes]
    ) -> list[dict[str, Any]]:
        """Units that answer more than they do to clips of the label, and push by that."""
        found = []
        for layer, each in pushed.items():
            typical = self._typical(layer, label)
            excess = each.excess(typical)[number]
            more = each.mean[number] > typical
            found += [
                {
                    "unit": str(Unit(layer, channel)),
                    "answer": float(each.mean[number, channel]),
                    "typical": float(typical[channel]),
                    "push": float(excess[channel]),
                }
                for channel in (more & (excess > 0)).nonzero()[:, 0].tolist()
            ]
        return sorted(found, key=lambda unit: -unit["push"])[: self.how.units]

    def _typical(self, layer: str, label: str) -> Tensor:
        """Mean answers to clips of a label that are recognized; to all of them if none is."""
        clips = self.scan.clips
        own = (clips["label"] == label).fill_null(False)
        right = own & (clips["predicted"] == label).fill_null(False)
        rows = (right if right.any() else own).to_numpy()
        return self._means(layer)[torch.from_numpy(rows)].nanmean(dim=0)

    def _means(self, layer: str) -> Tensor:
        """What the units of a layer answer to each clip on average; read once."""
        if layer not in self._read:
            self._read[layer] = self.scan.means(layer)
        return self._read[layer]

    @cached_property
    def _read(self) -> dict[str, Tensor]:
        return {}


def pair_numbers(pair: Pair) -> dict[str, Any]:
    """A pair in plain values."""
    return {
        "one": pair.one,
        "other": pair.other,
        "taken": list(pair.taken),
        "of": list(pair.clips),
        "cost": pair.cost,
        "share": pair.share.to_json(),
        "expected": pair.expected,
    }


def _told_part(told: Told, push: float | None) -> dict[str, Any]:
    return {
        "unit": str(told.unit),
        "areas": list(told.areas),
        "apart": told.apart,
        "rate": told.rate,
        "push": push,
    }
