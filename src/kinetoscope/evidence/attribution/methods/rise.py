"""Which places does the objective do well with, when much of the clip is hidden at random?

Random smooth masks each leave a share of the clip: a coarse grid of cells in time, height and width
that are kept or hidden by chance, brought to the clip's size along straight lines and moved by less
than a cell. The heat of a pixel is the mean of the objective's value over the masks, each weighted
by how much of the pixel it keeps: `sum(value * mask) / (count * share)`. No gradient is needed, so
it fits every network and every objective.

A random estimate has an error, and so the facts tell it: `relative standard error` is that of a
pixel's heat as a part of the spread of the heat over pixels. At 1 the map is nothing but chance; it
falls with the square root of the count of masks.

Source: Petsiuk, Das and Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box
Models", BMVC 2018, sections 3.2 and 3.3. They weigh probabilities, which have a zero. Scores do
not, so here the mean value is taken off first: a score with an offset has the same heat, which is
below zero where a pixel does better hidden. The axis of time and the standard error are our own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method, Part
from kinetoscope.evidence.attribution.methods.masks import Masks, RandomMasks
from kinetoscope.evidence.attribution.methods.room import versions_at_once
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import Removal, check_filling
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Heat, Size
from kinetoscope.units.objective import Objective, PerClip

_NOISE = 1e-6  # of the largest value: what passes may differ by that do not depend on the mask


@dataclass(frozen=True, kw_only=True)
class Rise(Method):
    """The mean value over random masks, weighted by what they keep.

    Args:
        masks: how many; the first of them are the same whatever the count.
        grid: cells in time, height and width; no more than the clip has pixels.
        share: of the cells that is kept, on average.
        filling: what stands in for what is hidden.
        together: whether a mask hides the same of both streams; otherwise one stream at a time,
            with the other whole.
        seed: of the masks.
    """

    masks: int = 500
    grid: Size = (4, 7, 7)
    share: float = 0.5
    filling: str = "grey"
    together: bool = True
    seed: int = 0

    name: ClassVar[str] = "rise"
    source: ClassVar[str] = "Petsiuk 2018"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        check_filling(self.filling)
        if self.masks < 2 or not 0 < self.share < 1 or min(self.grid) < 1:
            raise ClipError(
                "these are no random masks",
                got=f"{self.masks} masks of {self.grid} cells that keep {self.share}",
                expected="2 masks or more, 1 cell or more along each axis, a share between 0 and 1",
            )

    def answer(self, question: Question) -> Attribution:
        removal = Removal.of(question, self.filling)
        masks = RandomMasks.drawn(self.masks, self.grid, self.share, self.seed, question.extent)
        hidden: dict[Part, tuple[Stream, ...]] = {name: (name,) for name in question.streams}
        if self.together and len(hidden) > 1:
            hidden = {"both": tuple(question.streams)}
        at_once = versions_at_once(question, gradients=False)
        heat: dict[Part, Heat] = {}
        facts = {"masks": float(self.masks)}
        for part, streams in hidden.items():
            values = _values(removal, question, masks.batches(at_once), streams)
            heat[part], error = weighted(values, masks.batches(at_once), self.share)
            of = f" of {part}" if len(hidden) > 1 else ""
            facts[f"relative standard error{of}"] = _relative(error, heat[part])
        return Attribution(method=self.name, heat=heat, value=question.value, facts=facts)


def weighted(
    values: PerClip, batches: Iterable[Masks], share: float
) -> tuple[Heat, Float[Tensor, "time height width"]]:
    """The mean over masks of what a value is above the mean value, times the mask.

    Args:
        values: of the objective, one a mask.
        batches: the masks, in the same order.
        share: that masks keep on average.

    Returns:
        The heat, in units of the objective, and its standard error.
    """
    above = (values.double() - values.double().mean()).float()
    if above.abs().max() <= _NOISE * values.abs().max():
        above = torch.zeros_like(above)
    count, start, total, square = len(values), 0, 0.0, 0.0
    for masks in batches:
        own, kept = above[start : start + len(masks)], masks[:, 0]
        total = total + torch.einsum("m,mthw->thw", own, kept).double()
        # the mean is not moved by taking off the share, as `above` adds up to nothing
        square = square + torch.einsum("m,mthw->thw", own**2, (kept - share) ** 2).double()
        start += len(masks)
    heat = torch.as_tensor(total) / (count * share)
    spread = torch.as_tensor(square) / (count * share**2) - heat**2
    return heat.float(), (spread.clamp(min=0) / (count - 1)).sqrt().float()


def _values(
    removal: Removal, question: Question, batches: Iterable[Masks], streams: Sequence[Stream]
) -> PerClip:
    """The objective's value under each mask."""
    found = []
    with frozen(question.network), torch.inference_mode():
        for kept in batches:
            hidden = 1 - kept.to(question.streams[streams[0]])
            found.append(question.values(removal.apply(dict.fromkeys(streams, hidden))).cpu())
    return torch.cat(found)


def _relative(error: Tensor, heat: Heat) -> float:
    """The error as a part of the spread of the heat; nothing where the heat is the same."""
    spread = float(heat.std())
    return float(error.square().mean().sqrt()) / spread if spread > 0 else 0.0
