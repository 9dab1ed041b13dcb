"""Which part of the clip, no larger than this, is enough for the objective?

A smooth mask over time, height and width is sought for each area, by gradient ascent: the one that
keeps this share of the clip and with which the objective is largest (or, to delete, that takes this
share away and leaves it smallest). A mask is made of the bumps of a coarse grid (`masks.py`), so
that it has no fine pattern that fools the network. The area is held by sorting: the mask's values
in order are pulled to as many ones as the area has, and zeros.

The heat is the mean of the masks over the areas. The facts tell what the objective reaches within
each area, as a share of the way from the clip without anything (0) to the whole clip (1), and the
smallest area that reaches nine tenths of it.

Source: Fong, Patrick and Vedaldi, "Understanding Deep Networks via Extremal Perturbations and
Smooth Masks", ICCV 2019, section 3; that the pull of the area grows is of their code. Here masks
have an axis of time with a width of its own; the value is counted as a share of its way, so that
its scale does not matter; clips are not mirrored, as their motion would be; steps are those of Adam
(Kingma and Ba, ICLR 2015), and far fewer. Nothing is drawn at random.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method, Part
from kinetoscope.evidence.attribution.methods.masks import BumpGrid, Cells, Masks
from kinetoscope.evidence.attribution.methods.room import versions_at_once
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import Removal, check_filling
from kinetoscope.networks.network import Network, frozen
from kinetoscope.tensors import Size
from kinetoscope.units.objective import Objective

Variant = Literal["keep", "delete"]

_PULL = (3.0, 300.0)  # of the area, at the first and at the last step
_SAME = 1e-4  # of the value: what taking everything away has to change
_ENOUGH = 0.9  # of the way from nothing to the whole clip


@dataclass(frozen=True, kw_only=True)
class Extremal(Method):
    """Smooth masks of given area with which the objective is largest.

    Args:
        areas: shares of the clip's volume in space and time, each between 0 and 1.
        variant: `keep` so much that the objective is large, or `delete` it so that it is small.
        filling: what stands in for what is taken away.
        steps: of gradient ascent.
        learning_rate: of Adam; cells go from 0 to 1.
        grid: cells in time, height and width; no more than the clip has pixels.
        width: of a cell's bump along time, and along height and width [cells]; with the usual grid
            a bump is a fifth of the clip, as the paper's.
    """

    areas: tuple[float, ...] = (0.05, 0.1, 0.2)
    variant: Variant = "keep"
    filling: str = "blur"
    steps: int = 60
    learning_rate: float = 0.1
    grid: Size = (8, 16, 16)
    width: tuple[float, float] = (0.75, 1.5)

    name: ClassVar[str] = "extremal"
    source: ClassVar[str] = "Fong 2019"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        check_filling(self.filling)
        if not self.areas or not all(0 < area < 1 for area in self.areas):
            raise ClipError(
                "a mask covers a part of the clip",
                got="areas of " + (", ".join(map(str, self.areas)) or "none"),
                expected="shares of the clip's volume, each between 0 and 1",
            )
        if min(self.steps, *self.grid) < 1 or min(self.learning_rate, *self.width) <= 0:
            raise ClipError(
                "masks are sought in steps, on a grid of bumps",
                got=f"{self.steps} steps of {self.learning_rate} on {self.grid} cells, "
                f"bumps {self.width} wide",
                expected="1 step or more, 1 cell or more along each axis, the others above 0",
            )

    def answer(self, question: Question) -> Attribution:
        at_once = versions_at_once(question, gradients=True)
        cells, masks, reached = [], [], []
        with frozen(question.network):
            search = _Search.of(self, question)
            for start in range(0, len(self.areas), at_once):
                found = search.found(self.areas[start : start + at_once])
                cells.append(found)
                masks.append(search.grid.enlarged(search.grid.coarse(found)))
                reached += search.reached(masks[-1])
        part: Part = "both" if len(question.streams) > 1 else next(iter(question.streams))
        return Attribution(
            method=self.name,
            heat={part: torch.cat(masks).mean(0)[0].float().cpu()},
            native={part: torch.cat(cells).mean(0)[0].float().cpu()},
            value=question.value,
            signed=False,
            facts=self._facts(reached, torch.cat(masks)),
        )

    def _facts(self, reached: Sequence[float], masks: Masks) -> dict[str, float]:
        keeps = self.variant == "keep"
        facts: dict[str, float] = {}
        enough = []
        for area, share, mask in zip(self.areas, reached, masks, strict=True):
            facts[f"reached within {area:g}" if keeps else f"left without {area:g}"] = share
            facts[f"volume for {area:g}"] = float(mask.mean())
            if (share if keeps else 1 - share) >= _ENOUGH:
                enough.append(area)
        return facts | ({"smallest area that is enough": min(enough)} if enough else {})


@dataclass(frozen=True, kw_only=True)
class _Search:
    """Gradient ascent for one clip.

    Args:
        method: its settings.
        question: the clip.
        removal: takes parts of it away.
        grid: makes masks of cells.
        nothing: the objective's value for the clip without anything.
    """

    method: Extremal
    question: Question
    removal: Removal
    grid: BumpGrid
    nothing: float

    @classmethod
    def of(cls, method: Extremal, question: Question) -> "_Search":
        removal = Removal.of(question, method.filling)
        like = next(iter(question.streams.values()))
        with torch.inference_mode():
            nothing = float(question.values(removal.all())[0])
        if abs(question.value - nothing) <= _SAME * max(abs(question.value), abs(nothing)):
            raise ClipError(
                f"the objective needs nothing of the clip from {question.clip.source}",
                got=f"{question.value:.4g} as it is, {nothing:.4g} with {method.filling} all over",
                expected="an objective that changes where everything is taken away",
                hint="take another filling: grey, freeze or swap",
            )
        grid = BumpGrid.of(method.grid, question.extent, method.width, like)
        return cls(method=method, question=question, removal=removal, grid=grid, nothing=nothing)

    def found(self, areas: Sequence[float]) -> Cells:
        """The cells of the best mask of each area, as they are after the last step."""
        like = self.grid.bumps[0]
        # half way up: where all cells are alike, the first steps are the objective's alone
        cells = like.new_full((len(areas), 1, *self.grid.cells), 0.5).requires_grad_()
        wanted = _sorted_masks(areas, [len(bump) for bump in self.grid.bumps]).to(like)
        ascent = torch.optim.Adam([cells], lr=self.method.learning_rate, betas=(0.9, 0.99))
        for step in range(self.method.steps):
            done = step / max(1, self.method.steps - 1)
            pull = _PULL[0] * (_PULL[1] / _PULL[0]) ** done
            cells.grad = self._uphill(cells, wanted, pull).neg()
            ascent.step()
            with torch.no_grad():
                cells.clamp_(0, 1)
        return cells.detach()

    def _uphill(self, cells: Cells, wanted: Tensor, pull: float) -> Tensor:
        """Where to go so that the value grows and the area is kept."""
        with torch.enable_grad():
            coarse = self.grid.coarse(cells)
            versions = self._versions(self.grid.enlarged(coarse))
            missed = (coarse.flatten(1).sort(dim=1).values - wanted).square().mean(1).sum()
        _, slopes = self.question.gradients(versions)
        way = self._way if self.method.variant == "keep" else -self._way
        outward = [slopes[name] / way for name in versions]
        return torch.autograd.grad(
            [*versions.values(), missed], cells, [*outward, missed.new_tensor(-pull)]
        )[0]

    def reached(self, masks: Masks) -> list[float]:
        """How far from nothing (0) to the whole clip (1) each of the masked clips is."""
        with torch.inference_mode():
            values = self.question.values(self._versions(masks))
        return ((values - self.nothing) / (self.question.value - self.nothing)).tolist()

    def _versions(self, masks: Masks) -> dict[Stream, Tensor]:
        gone = masks if self.method.variant == "delete" else 1 - masks
        return self.removal.apply(dict.fromkeys(self.question.streams, gone))

    @property
    def _way(self) -> float:
        """From nothing to the whole clip, in units of the objective."""
        return abs(self.question.value - self.nothing)


def _sorted_masks(areas: Sequence[float], extent: Sequence[int]) -> Float[Tensor, "mask place"]:
    """The values of a mask of each area in order: zeros, then ones."""
    places = math.prod(extent)
    wanted = torch.zeros(len(areas), places)
    for mask, area in zip(wanted, areas, strict=True):
        mask[places - round(area * places) :] = 1
    return wanted
