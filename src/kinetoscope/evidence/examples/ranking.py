"""Which clips excite a unit or an objective most, least, and middling, and where in them?

A clip counts by one number. For a unit this is its largest answer anywhere in the clip, and the
place of that answer is told as the box of the clip that the unit sees there. Of an objective with
one goal it is likewise the largest; where goals are added or unwanted there is no one place to look
at, and their means over the places count. Each video is there once at most, so that nine clips are
nine scenes.

    top      the clips that excite it most, the best first
    bottom   those that excite it least, the least first; of equals the catalog's first
    middle   around the median, by rank, of the videos that excite a unit at all (above `EPSILON`);
             of labels and sums, around the median of all

Units, labels, and sums of both are known from the scan and nothing is run; single neurons,
directions and features are found by showing the network its clips again.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4: the nine clips that excite a unit most. The middle and the bottom are those of Borowski
et al., "Exemplary Natural Images Explain CNN Activations Better than State-of-the-Art Feature
Visualization", ICLR 2021, whose human observers needed both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from kinetoscope.errors import unknown_name
from kinetoscope.evidence.scan import Scan
from kinetoscope.evidence.scanning.summary import EPSILON as EPSILON
from kinetoscope.units.objective import Channel, Label, Objective
from kinetoscope.units.receptive import Box, ReceptiveField
from kinetoscope.units.unit import Unit


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A clip, and where in it a unit answers most.

    Args:
        clip: its number in the scan.
        path: from the catalog's root.
        label: as the catalog has it.
        predicted: as the network has it.
        activation: the unit's largest answer, or the objective's value.
        place: of that answer in the layer: time, row and column; None where there is no one place.
        box: what is seen from there [frames, pixels, pixels]; the whole clip where there is none.
        second: in the middle of the box [seconds, display time]; None if the clip has no times.
    """

    clip: int
    path: str
    label: str | None
    predicted: str
    activation: float
    place: tuple[int, int, int] | None
    box: Box
    second: float | None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What is answered to every clip that could be read.

    Args:
        table: a row a clip, in their order: `value`; where there is one place for it, `time`, `row`
            and `column` in the layer; and what `Scan.clips` says of the clip.
        field: what is seen from a place of the layer; None where there is no one place.
        excites_above: a clip excites it at all if its value is above this.
    """

    table: pl.DataFrame
    field: ReceptiveField | None = None
    excites_above: float = -np.inf

    def one_a_video(self, *, lowest: bool = False) -> pl.DataFrame:
        """By value, the largest or the lowest first; one clip a video, ties by the catalog."""
        ranked = self.table.sort("value", "clip", descending=[not lowest, False])
        return ranked.unique("path", keep="first", maintain_order=True)

    def exciting(self) -> pl.DataFrame:
        """Those of them that excite it at all, the largest first."""
        return self.one_a_video().filter(pl.col("value") > self.excites_above)


def unit_answers(scan: Scan, unit: Unit) -> Answers:
    """The largest answer of a unit to every clip, and its place.

    Raises:
        UnknownNameError: the layer was not scanned, or has no such channel.
    """
    table = scan.unit(unit).rename({"maximum": "value"})
    return Answers(table=table, field=scan.receptive_field(unit.layer), excites_above=EPSILON)


def scanned_answers(scan: Scan, objective: Objective) -> Answers | None:
    """What a scan tells of an objective without running anything; None where it does not.

    Raises:
        UnknownNameError: a label or a channel is not there.
    """
    if len(objective.terms) == 1 and objective.terms[0][0] > 0:
        weight, goal = objective.terms[0]
        if isinstance(goal, Channel) and goal.layer in scan.layers:
            found = unit_answers(scan, Unit(goal.layer, goal.channel))
            table = found.table.with_columns(pl.col("value") * weight)
            return Answers(table=table, field=found.field, excites_above=weight * EPSILON)
    parts = [(weight, _of_goal(scan, goal)) for weight, goal in objective.terms]
    known = [weight * values for weight, values in parts if values is not None]
    return values_of(scan, np.sum(known, axis=0)) if len(known) == len(parts) else None


def values_of(scan: Scan, values: Float[np.ndarray, " clip"]) -> Answers:
    """One number for each row of `Scan.clips`; not a number for one that was not seen."""
    table = scan.clips.with_columns(value=pl.Series(values).fill_nan(None))
    return Answers(table=table.filter(pl.col("value").is_not_null()))


def _of_goal(scan: Scan, goal: Any) -> Float[np.ndarray, " clip"] | None:
    """Of each row of `Scan.clips`, the score of a label or the mean answer of a channel."""
    if isinstance(goal, Label) and scan.scores is not None:
        if goal.name not in scan.labels:
            raise unknown_name("label", goal.name, scan.labels)
        return scan.scores[:, scan.labels.index(goal.name)].double().numpy()
    if isinstance(goal, Channel) and goal.layer in scan.layers:
        rows = scan.unit(Unit(goal.layer, goal.channel))
        means = scan.clips.select("clip").join(
            rows.select("clip", "mean"), on="clip", how="left", maintain_order="left"
        )
        return means["mean"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return None


def top(scan: Scan, answers: Answers, count: int) -> list[Hit]:
    """The clips that excite it most, best first; of each video at most one."""
    return _hits(scan, answers, answers.one_a_video().head(count))


def bottom(scan: Scan, answers: Answers, count: int) -> list[Hit]:
    """The clips that excite it least, the least first; of each video at most one."""
    return _hits(scan, answers, answers.one_a_video(lowest=True).head(count))


def middle(scan: Scan, answers: Answers, count: int) -> list[Hit]:
    """The clips around the median of those that excite it at all, best first; one a video."""
    exciting = answers.exciting()
    return _hits(scan, answers, exciting.slice(max(0, (len(exciting) - count) // 2), count))


def _hits(scan: Scan, answers: Answers, rows: pl.DataFrame) -> list[Hit]:
    return [_hit(scan, answers.field, row) for row in rows.iter_rows(named=True)]


def _hit(scan: Scan, field: ReceptiveField | None, row: dict[str, Any]) -> Hit:
    extent = (scan.expects.frames, *scan.expects.size)
    place, box = None, ((0, extent[0]), (0, extent[1]), (0, extent[2]))
    if field is not None:
        place = (row["time"], row["row"], row["column"])
        box = field.box(place, extent)
    middle_frame = (box[0][0] + max(box[0][0], box[0][1] - 1)) // 2
    return Hit(
        clip=row["clip"],
        path=row["path"],
        label=row["label"],
        predicted=row["predicted"],
        activation=float(row["value"]),
        place=place,
        box=box,
        second=row["seconds"][middle_frame] if row["seconds"] else None,
    )


def top_clips(scan: Scan, unit: Unit, count: int = 9, *, lowest: bool = False) -> list[Hit]:
    """The clips that excite a unit most, best first; of each video at most one.

    Args:
        scan: has the unit's layer.
        unit: which one.
        count: how many, if there are as many videos.
        lowest: those that excite it least instead, the least first.

    Raises:
        UnknownNameError: the layer was not scanned, or has no such channel.
    """
    answers = unit_answers(scan, unit)
    return bottom(scan, answers, count) if lowest else top(scan, answers, count)


def dead_units(scan: Scan, *, epsilon: float = EPSILON) -> list[Unit]:
    """The units of all scanned layers that no clip brings above a tiny answer."""
    return [
        Unit(layer, channel)
        for layer in scan.layers
        for channel, largest in enumerate(scan.channel_maxima(layer).tolist())
        if largest <= epsilon
    ]


def class_means(scan: Scan, unit: Unit) -> dict[str, float]:
    """The mean over the clips of each label of the unit's largest answer, in the labels' order.

    Labels without a clip are left out; labels that the network does not know come last.

    Raises:
        UnknownNameError: the layer was not scanned, or has no such channel.
    """
    return label_means(scan, unit_answers(scan, unit))


def label_means(scan: Scan, answers: Answers) -> dict[str, float]:
    """The mean value over the clips of each label; as `class_means`."""
    rows = answers.table.filter(pl.col("label").is_not_null())
    means = dict(rows.group_by("label", maintain_order=True).agg(pl.col("value").mean()).rows())
    known = [label for label in scan.labels if label in means]
    return {label: means[label] for label in [*known, *(means.keys() - set(known))]}
