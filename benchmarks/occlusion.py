"""How much faster is occlusion that computes only what a box changes, with the same result?

Ours against captum's Occlusion, which runs the whole network for each box: boxes of 4 x 16 x 16
(time, height, width), a stride of 4 x 8 x 8, clips of 16 frames, r3d_18 with random weights, one
thread. Ours attributes all boxes; the passes of the clip itself and the check are among its time.
Captum's time goes with the number of boxes, so it is shown some of them, from all over the clip,
before and after ours. On these the maps are compared pixel by pixel.

    python benchmarks/occlusion.py 112 160    # sides of the pictures
"""

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from captum.attr import Occlusion as Captum
from measure import Timing, report
from torch import Tensor
from torchvision.models.video import r3d_18

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.attribution import Attribution
from kinetoscope.evidence.attribution.methods.occlusion import Occlusion, plan_of, spread
from kinetoscope.evidence.attribution.methods.regions import Regions, boxes
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.tensors import Size
from kinetoscope.units.objective import label

PACKAGES = ("kinetoscope", "torch", "torchvision", "captum")
OURS = Occlusion(box=(4, 16, 16), stride=(4, 8, 8))
SHOWN = 12
"""Boxes that captum is shown each time."""

SAME = 1e-4
"""How far the maps may be apart, of the largest heat."""

LEAST, OF_THE_PLAN = 3.4, 0.9
"""Times faster than captum, at 112; and on larger pictures, of what the plan promises."""


def main() -> None:
    """Print a line for each side of the pictures."""
    torch.set_num_threads(1)
    for side in map(int, sys.argv[1:] or ["112", "160"]):
        _compare(side)


def _compare(side: int) -> None:
    question = _question(side)
    regions = boxes(question.extent, *OURS.sizes(question.network.expects))
    some = [
        [(2 * number + turn) * len(regions.each) // (2 * SHOWN) for number in range(SHOWN)]
        for turn in (0, 1)
    ]
    question.network.model(question.streams["frames"])  # what a first pass prepares
    before, their_map = _timed(lambda: _captum(question, some[0]))
    taken, ours = _timed(lambda: OURS.answer(question))
    after, more = _timed(lambda: _captum(question, some[1]))
    apart = max(
        _apart(ours, chosen, regions, found)
        for chosen, found in zip(some, (their_map, more), strict=True)
    )
    plan = plan_of(OURS, question.network, question.objective)
    count, theirs = len(regions.each), [before / SHOWN, after / SHOWN]
    each = {"captum": sum(theirs) / 2, "kinetoscope": taken / count}
    spreads = {"captum": abs(before - after) / (before + after), "kinetoscope": 0.0}
    ratio = each["captum"] / each["kinetoscope"]
    report(
        f"occlusion: r3d_18, 16 x {side} x {side}, box 4 x 16 x 16, stride 4 x 8 x 8, a box",
        timings={name: Timing(median=each[name], spread=spreads[name]) for name in each},
        ratio=ratio,
        target=LEAST if side == 112 else float(f"{OF_THE_PLAN * plan.gain:.4g}"),
        packages=PACKAGES,
        boxes=count,
        planned=float(f"{plan.gain:.4g}"),
        of_the_plan=float(f"{ratio / plan.gain:.3g}"),
        apart=float(f"{apart:.2g}"),
        same=apart <= SAME and ours.facts["boxes computed in full"] == 0,
    )


def _question(side: int) -> Question:
    torch.manual_seed(0)
    spec = ClipSpec(short_side=side, size=(side, side))
    model = r3d_18(weights=None).eval().requires_grad_(False)
    network = as_network(model, labels=numbered(400), expects=spec, name="r3d_18")
    clip = Clip(frames=torch.rand(3, spec.frames, side, side))
    return Question.about(network, clip, label(network.labels[3]))


class Some(Captum):
    """Captum's own loop, over boxes that are chosen."""

    chosen: Sequence[int]

    def _get_feature_idx_to_tensor_idx(
        self, *given: object, **named: object
    ) -> dict[int, list[int]]:
        return {number: [0] for number in self.chosen}


def _captum(question: Question, chosen: Sequence[int]) -> Tensor:
    """The heat that captum finds with some of the boxes."""
    box, stride = OURS.sizes(question.network.expects)
    method = Some(question.network.model)
    grid = boxes(question.extent, box, stride).grid
    method.chosen = [_in_their_order(number, grid) for number in chosen]
    found = method.attribute(
        question.streams["frames"],
        sliding_window_shapes=(3, *box),
        strides=(3, *stride),
        target=3,
    )
    return found[0, 0]


def _in_their_order(number: int, grid: Size) -> int:
    """The number that captum gives a box: the first axis is counted first."""
    time_, rows, columns = grid
    t, y, x = number // (rows * columns), number // columns % rows, number % columns
    return t + time_ * (y + rows * x)


def _apart(ours: Attribution, chosen: Sequence[int], regions: Regions, theirs: Tensor) -> float:
    """The largest difference where these boxes are, of the largest heat."""
    some = Regions(each=tuple(regions.each[number] for number in chosen), grid=regions.grid)
    falls = ours.native["frames"].flatten()[list(chosen)]
    found = spread(falls, some, some.each[0].extent)
    hidden = found != 0
    return float((found - theirs)[hidden].abs().max() / found.abs().max())


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what came of it."""
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


if __name__ == "__main__":
    main()
