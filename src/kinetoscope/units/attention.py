"""From one place of a clip, where does a non-local block look?

A block weighs all places of all frames for each place that it answers. For one place that is a
single row of the matrix of all pairs, computed when it is asked for, and its places are told in
the clip's frames and pixels.

Source: Wang, Girshick, Gupta, He, "Non-local Neural Networks", CVPR 2018, figures 1 and 3: the
twenty highest weights of a place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.networks.non_local import NonLocal
from kinetoscope.tensors import Heat
from kinetoscope.units.reading import read
from kinetoscope.units.receptive import ReceptiveField, receptive_fields

Point = tuple[float | int, float | int, float | int]
"""A place in a clip, from zero [frame, pixel row, pixel column]."""


@dataclass(frozen=True, kw_only=True)
class Attention:
    """How much every place of a clip counts for one of them.

    Args:
        query: the middle of the place that was asked for, which the layer has nearest.
        weights: of each place that is looked at. A softmax sums to one; a dot product may be
            negative.
        times: the middle of each place along time [frame].
        rows, columns: the same along height and width [pixels].
    """

    query: Point
    weights: Heat
    times: tuple[float, ...]
    rows: tuple[float, ...]
    columns: tuple[float, ...]

    def top(self, count: int = 20) -> list[tuple[Point, float]]:
        """The places of the highest weights and these weights, highest first."""
        values, places = self.weights.flatten().sort(descending=True, stable=True)
        found = torch.unravel_index(places[:count], self.weights.shape)
        return [
            ((self.times[time], self.rows[row], self.columns[column]), value)
            for time, row, column, value in zip(
                *(axis.tolist() for axis in found), values[:count].tolist(), strict=True
            )
        ]


@torch.no_grad()
def attention_from(network: Network, clip: Clip, layer: str, query: Point) -> Attention:
    """How much every place of a clip counts for one of them, in a non-local block.

    Args:
        network: looked at in eval mode, and left as it was.
        clip: as the network expects it.
        layer: of a `NonLocal`, such as `res3.1.non_local`, or what it stands behind, `res3.1`.
        query: a point of the clip, from zero [frame, pixel row, pixel column]; the layer's
            nearest place is taken.

    Raises:
        UnknownNameError: there is no such layer.
        ClipError: the layer has no non-local block, or the point lies outside of the clip.
    """
    name = _block_name(network, layer)
    block = network.layer(name)
    assert isinstance(block, NonLocal)
    _check_inside(query, (clip.time, *clip.size))
    taken, kept = f"{name}.theta", f"{name}.pool_phi"
    with evaluating(network):
        batch = ClipBatch.of([clip], network.expects).to(network.device)
        answers = read(network, batch, [taken, kept])
        field = receptive_fields(network, [taken])[taken]
    theta, phi = answers[taken], answers[kept]
    lines = [_middles(field, axis, theta.shape[2 + axis]) for axis in range(3)]
    place = _nearest(query, lines)
    times, rows, columns = (
        _pooled(line, kept) for line, kept in zip(lines, phi.shape[2:], strict=True)
    )
    return Attention(
        query=(lines[0][place[0]], lines[1][place[1]], lines[2][place[2]]),
        weights=block.weights_at(theta, phi, place)[0, 0],
        times=times,
        rows=rows,
        columns=columns,
    )


def _block_name(network: Network, layer: str) -> str:
    for name in (layer, f"{layer}.non_local"):
        if isinstance(dict(network.model.named_modules()).get(name), NonLocal):
            return name
    blocks = [name for name, each in network.model.named_modules() if isinstance(each, NonLocal)]
    raise ClipError(
        f"layer {layer} has no non-local block",
        got=type(network.layer(layer)).__name__,
        expected=f"one of {', '.join(blocks)}" if blocks else "a layer with a non-local block",
        hint=None if blocks else "add_non_local(network, [layer]) puts one there",
    )


def _check_inside(query: Point, extent: Sequence[int]) -> None:
    if any(not 0 <= at <= length - 1 for at, length in zip(query, extent, strict=True)):
        raise ClipError(
            "the point lies outside of the clip",
            got=f"frame, row and column {tuple(query)}",
            expected="at most {}, {} and {}".format(*(length - 1 for length in extent)),
        )


def _middles(field: ReceptiveField, axis: int, places: int) -> tuple[float, ...]:
    """Where in the clip the middle of each place's receptive field lies, along one axis."""
    return tuple(field.middle(axis, place) for place in range(places))


def _nearest(query: Point, lines: Sequence[Sequence[float]]) -> tuple[int, int, int]:
    time, row, column = (
        min(range(len(line)), key=lambda place: abs(line[place] - at))
        for at, line in zip(query, lines, strict=True)
    )
    return time, row, column


def _pooled(line: Sequence[float], count: int) -> tuple[float, ...]:
    """The middles of as many equal windows of a line; a rest at its end is in none."""
    width = len(line) // count
    return tuple(
        sum(line[start : start + width]) / width for start in range(0, count * width, width)
    )
