"""How much faster is occlusion that computes only what a box changes, with the same result?

Ours against captum's Occlusion, which runs the whole network for each box: boxes of 4 x 16 x 16
(time, height, width), a stride of 4 x 8 x 8, clips of 16 frames, r3d_18 with random weights, one
thread. Ours attributes all boxes; the passes of the clip itself and the check are among its time.
Captum's time goes with the number of boxes, so it is shown some of them, from all over the clip,
one at a time between two batches of ours, so that a drift of the machine meets both alike; of the
two passes that it runs for one box, the clip's own is not counted. On these boxes the maps are
compared pixel by pixel.

    python benchmarks/occlusion.py 112 160    # sides of the pictures
"""

import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from captum.attr import Occlusion as Captum
from measure import Timing, report
from torch import Tensor
from torchvision.models.video import r3d_18

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.attribution import Attribution
from kinetoscope.evidence.attribution.methods.occlusion import AT_ONCE, Occlusion, plan_of, spread
from kinetoscope.evidence.attribution.methods.regions import Regions, boxes
from kinetoscope.evidence.attribution.methods.room import version_bytes
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.tensors import Size
from kinetoscope.units.objective import label

PACKAGES = ("kinetoscope", "torch", "torchvision", "captum")
OURS = Occlusion(box=(4, 16, 16), stride=(4, 8, 8))
SHOWN = 16
"""Boxes that captum is shown."""

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
    question.network.model(question.streams["frames"])  # what a first pass prepares
    version_bytes(question, gradients=False)  # rehearsed without values, where captum has no place
    plan = plan_of(OURS, question.network, question.objective)
    count = len(regions.each)
    between = Between(question, [(2 * n + 1) * count // (2 * SHOWN) for n in range(SHOWN)])
    with between.every(max(count // AT_ONCE // SHOWN, 1)):
        taken, ours = _timed(lambda: OURS.answer(question))
    apart = _apart(ours, regions, between.found)
    theirs = [seconds / 2 for seconds in between.seconds]  # the clip's own pass, and the box's
    each = {
        "captum": statistics.mean(theirs),
        "kinetoscope": (taken - sum(between.seconds)) / count,
    }
    first, middle, third = statistics.quantiles(theirs, n=4)
    spreads = {"captum": (third - first) / middle, "kinetoscope": 0.0}
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


class Between:
    """Shows captum a box now and then, while ours is at work.

    Args:
        question: that ours is asked.
        waiting: the boxes.
    """

    def __init__(self, question: Question, waiting: Sequence[int]):
        self.found: dict[int, Tensor] = {}
        self.seconds: list[float] = []
        self._question, self._waiting = question, list(waiting)

    @contextmanager
    def every(self, passes: int) -> Iterator[None]:
        """Show one before every so manyth pass of the network, until the block ends."""
        ours, theirs = itertools.count(1), False

        def show(*_: object) -> None:
            nonlocal theirs
            if theirs or next(ours) % passes or not self._waiting:
                return
            box, theirs = self._waiting.pop(0), True
            taken, self.found[box] = _timed(lambda: _captum(self._question, [box]))
            self.seconds.append(taken)
            theirs = False

        handle = self._question.network.model.register_forward_pre_hook(show)
        try:
            yield
        finally:
            handle.remove()


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


def _apart(ours: Attribution, regions: Regions, theirs: Mapping[int, Tensor]) -> float:
    """The largest difference where these boxes are, of the largest heat."""
    falls, apart = ours.native["frames"].flatten(), 0.0
    for box, found in theirs.items():
        one = Regions(each=(regions.each[box],), grid=regions.grid)
        heat = spread(falls[box, None], one, one.each[0].extent)
        apart = max(apart, float((heat - found)[heat != 0].abs().max()))
    return apart / float(falls[list(theirs)].abs().max())


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of processor time, and what came of it."""
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


if __name__ == "__main__":
    main()
