"""How is a smooth mask made of a few cells?

    random   cells that are kept or hidden by chance, brought to the clip's size along straight
             lines, and moved by less than a cell
    bumps    each cell is a bump with a flat top, as high as the cell; a pixel takes the largest of
             the bumps over it, smoothly. Such masks have no finer detail than a bump, and gradients

Source: random masks: Petsiuk, Das and Saenko, "RISE", BMVC 2018, section 3.2; bumps: Fong, Patrick
and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and Smooth Masks", ICCV 2019,
section 3.2, with the bump of their code. Here both have an axis of time, and the smooth maximum is
taken along one axis after the other and brought to one where all cells are one.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from kinetoscope.tensors import Size

Cells = Float[Tensor, "mask 1 _time _height _width"]
CoarseMasks = Float[Tensor, "mask 1 _time _height _width"]
Masks = Float[Tensor, "mask 1 time height width"]
"""From 0 to 1."""

_COLD = 20.0  # of the smooth maximum, as in the code of extremal perturbations


@dataclass(frozen=True, kw_only=True)
class RandomMasks:
    """Masks, as the cells and the shifts that they are made of.

    Args:
        cells: kept (1) or hidden (0), `mask 1 time height width`.
        shifts: by how much each mask is moved along each axis, less than a cell.
        extent: of the clip.
    """

    cells: Tensor
    shifts: Sequence[Size]
    extent: Size

    @classmethod
    def drawn(cls, count: int, grid: Size, share: float, seed: int, extent: Size) -> "RandomMasks":
        """Draw masks one after the other, so that the count of them does not change the first."""
        chance = torch.Generator().manual_seed(seed)
        grid = no_finer(grid, extent)
        cells, shifts = [], []
        for _ in range(count):
            cells.append((torch.rand(1, *grid, generator=chance) < share).float())
            time, height, width = (
                int(torch.randint(side, (), generator=chance)) for side in _cell(grid, extent)
            )
            shifts.append((time, height, width))
        return cls(cells=torch.stack(cells), shifts=shifts, extent=extent)

    def batches(self, at_once: int) -> Iterator[Masks]:
        """The masks, so many at once."""
        for start in range(0, len(self.shifts), at_once):
            yield self._made(slice(start, start + at_once))

    def _made(self, which: slice) -> Masks:
        made = self.cells[which]
        grid = self.cells.shape[2:]
        for axis, equation in enumerate(
            ("mcthw,mxt->mcxhw", "mcthw,mxh->mctxw", "mcthw,mxw->mcthx")
        ):
            line = _line(grid[axis], _cell(grid, self.extent)[axis])
            moved = [line[shift[axis] :][: self.extent[axis]] for shift in self.shifts[which]]
            made = torch.einsum(equation, made, torch.stack(moved))
        return made


@dataclass(frozen=True, kw_only=True)
class BumpGrid:
    """Makes masks of cells.

    Bumps are so smooth that it is enough to have them at two places a cell along each axis, and
    straight lines between.

    Args:
        bumps: of time, height and width, how high each cell's bump stands at each place.
        extent: of the clip.
    """

    bumps: tuple[Tensor, Tensor, Tensor]
    extent: Size

    @classmethod
    def of(cls, grid: Size, extent: Size, width: tuple[float, float], like: Tensor) -> "BumpGrid":
        """For a clip.

        Args:
            grid: cells in time, height and width; no more are made than the clip has pixels.
            extent: of the clip.
            width: of a bump along time, and along height and width [cells].
            like: of the device and the precision of the clip.
        """
        cells = no_finer(grid, extent)
        places = no_finer((2 * grid[0], 2 * grid[1], 2 * grid[2]), extent)
        time, height, across = (
            _bumps(*each).to(like)
            for each in zip(cells, places, (width[0], width[1], width[1]), strict=True)
        )
        return cls(bumps=(time, height, across), extent=extent)

    @property
    def cells(self) -> Size:
        """How many along time, height and width."""
        time, height, across = (bump.shape[1] for bump in self.bumps)
        return time, height, across

    def coarse(self, cells: Cells) -> CoarseMasks:
        """At each place the smooth maximum of the bumps, each as high as its cell."""
        for axis, bump in enumerate(self.bumps, start=2):
            lines = cells.movedim(axis, -1)[..., None, :] * bump
            cells = (smooth_maximum(lines) / smooth_maximum(bump)).movedim(-1, axis)
        # a single bump comes out a little above 1; its gradient stays, so that it can sink again
        return cells + (cells.clamp(max=1) - cells).detach()

    def enlarged(self, coarse: CoarseMasks) -> Masks:
        """Masks of the clip's size."""
        return F.interpolate(coarse, size=self.extent, mode="trilinear")


def smooth_maximum(values: Tensor) -> Tensor:
    """Over the last axis: the mean of values, weighted by how near each is to the largest.

    >>> smooth_maximum(torch.tensor([0.0, 1.0]))
    tensor(1.)
    """
    return (values * (_COLD * values).softmax(-1)).sum(-1)


def _bumps(cells: int, places: int, width: float) -> Float[Tensor, "place cell"]:
    """Flat to half its width from the centre of the cell, then falling as a Gaussian does."""
    at = (torch.arange(places) + 0.5) * cells / places - 0.5
    away = (at[:, None] - torch.arange(cells)).abs() / width
    return (-2 * (away - 0.5).clamp(min=0) ** 2).exp()


def no_finer(grid: Size, extent: Size) -> Size:
    """As many cells along each axis, but no more than pixels."""
    time, height, width = (min(pair) for pair in zip(grid, extent, strict=True))
    return time, height, width


def _cell(grid: Sequence[int], extent: Size) -> Size:
    """How large a cell is [frames, pixels, pixels]."""
    time, height, width = (
        math.ceil(length / count) for length, count in zip(extent, grid, strict=True)
    )
    return time, height, width


def _line(count: int, side: int) -> Float[Tensor, "pixel cell"]:
    """How much of each cell there is in each pixel along an axis; one cell more than there are."""
    cells = torch.eye(count)[None]
    return F.interpolate(cells, size=(count + 1) * side, mode="linear")[0].T
