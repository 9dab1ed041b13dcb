"""Into which parts is a clip cut, so that orders of removal can be compared?

Blocks of space-time, about two frames long and an eighth of the picture high and wide. Pixels would
be too small: a random order of pixels takes away a veil of dust, and any order of connected parts
would be unlike it whether it is right or not. Blocks are as even as can be, and cover the clip.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from kinetoscope.errors import ClipError
from kinetoscope.tensors import Heat, Size

Order = Int[Tensor, " segment"]
"""Segments, the first to be taken first."""

Orders = Int[Tensor, "order segment"]
Taken = Bool[Tensor, "version segment"]
"""Which segments are taken away, for each of several versions of a clip."""

_FRAMES = 2  # of a block, where the clip is no longer than 16 frames
_MOST = 8  # blocks along each axis


@dataclass(frozen=True)
class Segments:
    """A grid of blocks.

    Args:
        extent: of the clip [frames, pixels, pixels].
        parts: how many blocks along time, height and width.

    Raises:
        ClipError: there are more blocks than frames or pixels.
    """

    extent: Size
    parts: Size

    def __post_init__(self):
        if any(not 1 <= part <= all_ for part, all_ in zip(self.parts, self.extent, strict=True)):
            raise ClipError(
                "a clip can't be cut so",
                got=f"{' x '.join(map(str, self.parts))} blocks (time, height, width)",
                expected=f"1 to {' x '.join(map(str, self.extent))}",
            )

    @classmethod
    def of(cls, extent: Size) -> "Segments":
        """The usual ones.

        >>> Segments.of((10, 64, 64)).parts
        (5, 8, 8)
        """
        time, height, width = extent
        frames = min(_MOST, math.ceil(time / _FRAMES))
        return cls(extent, (frames, min(_MOST, height), min(_MOST, width)))

    def __len__(self) -> int:
        return math.prod(self.parts)

    @cached_property
    def owner(self) -> Int[Tensor, "time height width"]:
        """In which segment each pixel lies."""
        time, row, column = (
            torch.arange(length) * parts // length
            for length, parts in zip(self.extent, self.parts, strict=True)
        )
        _, rows, columns = self.parts
        return (time[:, None, None] * rows + row[:, None]) * columns + column

    def sums(self, heat: Heat) -> Float[Tensor, " segment"]:
        """The heat of each segment, in double precision."""
        if tuple(heat.shape) != self.extent:
            raise ClipError(
                "the heat is not of this clip", got=tuple(heat.shape), expected=self.extent
            )
        empty = torch.zeros(len(self), dtype=torch.float64)
        return empty.index_add(0, self.owner.flatten(), heat.flatten().double())

    def masks(self, taken: Taken) -> Float[Tensor, "version 1 time height width"]:
        """1 where a segment is taken away."""
        return taken.float()[:, self.owner.to(taken.device)][:, None]

    def by_heat(self, heat: Heat, seed: int = 0) -> Order:
        """The hottest first. Where several are equally hot, chance decides, not the place."""
        shuffled = self.at_random(1, seed)[0]
        return shuffled[self.sums(heat)[shuffled].argsort(descending=True, stable=True)]

    def from_the_centre(self, seed: int = 0) -> Order:
        """By a Gaussian in the middle of the clip, as wide as the clip along each axis."""
        axes = ((torch.arange(length) + 0.5) / length - 0.5 for length in self.extent)
        time, row, column = torch.meshgrid(*axes, indexing="ij")
        far = time.square() + row.square() + column.square()
        return self.by_heat((-far / 2).exp(), seed)

    def at_random(self, draws: int, seed: int) -> Orders:
        """Orders that know nothing."""
        chance = torch.Generator().manual_seed(seed)
        return torch.stack([torch.randperm(len(self), generator=chance) for _ in range(draws)])
