"""Where in the clip does each place of a layer's map lie?

In the middle of its receptive field. Between two middles a map is interpolated linearly along time,
height and width; beyond the first and the last it stays what it was there. That is where the place
looks, which in networks that pad on one side, or leave frames over, is not where stretching the map
from corner to corner would put it.

Over time, a map stays as it is (`each`), or becomes its mean or its maximum (`mean`, `max`), which
is then told for every moment alike.
"""

from collections.abc import Mapping

import torch
from einops import einsum
from torch import Tensor

from kinetoscope.errors import unknown_name
from kinetoscope.evidence.attribution.attribution import Attribution, NativeHeat, Part
from kinetoscope.evidence.attribution.methods.lineage import lineage_of, part_of
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.tensors import Heat, Size
from kinetoscope.units.receptive import ReceptiveField

OVER_TIME = ("each", "mean", "max")


def placed(
    method: str,
    question: Question,
    value: float,
    maps: Mapping[str, NativeHeat],
    *,
    signed: bool,
    facts: Mapping[str, float] | None = None,
) -> Attribution:
    """An attribution from maps of layers, each of which hears a stream of its own, or both."""
    network, lineage = question.network, lineage_of(question.network)
    parts = {part_of(network, name): name for name in maps}
    order: list[Part] = [part for part in (*network.expects.streams, "both") if part in parts]
    native: dict[Part, NativeHeat] = {part: maps[parts[part]].float().cpu() for part in order}
    heat: dict[Part, Heat] = {
        part: brought_to(question.extent, native[part], lineage.receptive_field(parts[part]))
        for part in order
    }
    return Attribution(
        method=method, heat=heat, native=native, value=value, signed=signed, facts=facts or {}
    )


def over_time(heat: NativeHeat, how: str) -> NativeHeat:
    """A map with its time as it is, or told for every moment alike; see `OVER_TIME`."""
    if how == "mean":
        return heat.mean(0, keepdim=True).expand_as(heat).contiguous()
    if how == "max":
        return heat.amax(0, keepdim=True).expand_as(heat).contiguous()
    return heat


def check_over_time(how: str, known: tuple[str, ...]) -> None:
    """Refuse what is no pooling over time.

    Raises:
        UnknownNameError: it is not among those known.
    """
    if how not in known:
        raise unknown_name("pooling over time", how, known)


def brought_to(extent: Size, native: NativeHeat, field: ReceptiveField | None = None) -> Heat:
    """A map of a layer's places in the clip's extent.

    Args:
        extent: of the clip [frames, pixels, pixels].
        native: one value a place.
        field: of the layer; None where places tile the clip evenly.
    """
    time, height, width = (
        _weights(*_middles(field, axis, places, length), places, length)
        for axis, (places, length) in enumerate(zip(native.shape, extent, strict=True))
    )
    words = "t h w, time t, height h, width w -> time height width"
    return einsum(native, time, height, width, words).contiguous()


def _middles(
    field: ReceptiveField | None, axis: int, places: int, length: int
) -> tuple[float, float]:
    """Where the middle of the first place lies, and how far it is to the next [frames, pixels]."""
    if field is None or field.stride[axis] == 0:
        step = length / places
        return (step - 1) / 2, step
    return field.middle(axis), float(field.stride[axis])


def _weights(first: float, step: float, places: int, length: int) -> Tensor:
    """How much each place counts at each point of the clip, `point place`."""
    at = ((torch.arange(length) - first) / step).clamp(0, places - 1)
    return (1 - (at[:, None] - torch.arange(places)).abs()).clamp(min=0)
