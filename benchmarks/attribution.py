"""What do attributions cost, of the passes that they can't do without?

Each row of `ROWS` is a method against the bare passes it consists of, of r3d_18 with random
weights, on one thread, side by side: as many versions, in as large batches, gradients to the clip
and not to the weights. Methods of many versions are shown a small clip, so that there are many
rounds, and what is not convolution weighs more than it does in large ones. All else that a method
does counts as well: making the versions, the value of the clip itself and of what the way to it
begins with, sums. A first round does not count, and with it the look at how much memory a version
takes, and the rehearsal by which Grad-CAM finds its layer. How far a bound of memory is kept is
measured in processes of their own, with clips of 16 x 112 x 112.

    python benchmarks/attribution.py            # all rows
    python benchmarks/attribution.py smooth     # those with this in their name
"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from measure import most_memory, report, side_by_side, times_faster
from torchvision.models.video import r3d_18

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.attribution.attribution import Method
from kinetoscope.evidence.attribution.methods.grad_cam import GradCAM
from kinetoscope.evidence.attribution.methods.integrated_gradients import IntegratedGradients
from kinetoscope.evidence.attribution.methods.room import batches, versions_at_once
from kinetoscope.evidence.attribution.methods.smooth_grad import SmoothGrad
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import frozen
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.units.objective import label

PACKAGES = ("kinetoscope", "torch", "torchvision")
VERSIONS = 16
LARGE, SMALL = ClipSpec(), ClipSpec(frames=8, short_side=56, size=(56, 56))
BOUNDS = (2**29, 2**30, 2**31)
"""Of memory [bytes]."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A method, and the passes that it consists of.

    Args:
        title: for the report.
        method: as it is measured.
        bare: those passes and nothing else.
        times: as much as the method may take, of the bare passes.
        spec: of the clip.
        rounds: how often it is measured.
    """

    title: str
    method: Method
    bare: Callable[[Question], object]
    times: float
    spec: ClipSpec
    rounds: int


def question(spec: ClipSpec, memory: int | None = None) -> Question:
    """The score of a label in a clip of noise; the same every time."""
    torch.manual_seed(0)
    network = as_network(
        r3d_18(weights=None).eval(), labels=numbered(400), expects=spec, name="r3d_18"
    )
    clip = Clip(frames=torch.rand(3, spec.frames, *spec.size))
    return Question.about(network, clip, label(network.labels[7]), memory=memory)


def there_and_back(asked: Question, *, versions: int) -> None:
    """Forward, and back to the clip, in batches as large as a method takes."""
    at_once = versions_at_once(asked, gradients=True)
    with frozen(asked.network):
        for batch in batches(versions, at_once):
            x = asked.streams["frames"].repeat(batch.stop - batch.start, 1, 1, 1, 1)
            scores = asked.network.model(x.requires_grad_())
            torch.autograd.grad(scores[:, 7].sum(), x)


@torch.inference_mode()
def there(asked: Question) -> None:
    """Forward, once."""
    asked.network.model(asked.streams["frames"])


ROWS = (
    Row(
        title="Grad-CAM at layer4",
        method=GradCAM(layer="layer4"),
        bare=there,
        times=1.05,
        spec=LARGE,
        rounds=30,
    ),
    Row(
        title=f"integrated gradients, {VERSIONS} steps",
        method=IntegratedGradients(steps=VERSIONS),
        bare=partial(there_and_back, versions=VERSIONS),
        times=1.1,
        spec=SMALL,
        rounds=12,
    ),
    Row(
        title=f"SmoothGrad, {VERSIONS} samples",
        method=SmoothGrad(samples=VERSIONS),
        bare=partial(there_and_back, versions=VERSIONS),
        times=1.1,
        spec=SMALL,
        rounds=12,
    ),
)


def main() -> None:
    """Print a line for each row, and for the memory; or be one side of that."""
    torch.set_num_threads(1)
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    if asked.isdigit():
        _be_a_side(int(asked))
        return
    for row in ROWS:
        if asked.lower() in row.title.lower():
            _compare(row)
    if asked in "memory" and sys.platform == "linux":
        _memory()


def _compare(row: Row) -> None:
    about = question(row.spec)
    sides = {"kinetoscope": lambda: _answered(row.method, about), "bare": lambda: row.bare(about)}
    timings = side_by_side(sides, rounds=row.rounds)
    extent = " x ".join(map(str, about.extent))
    report(
        f"attribution: r3d_18, {extent}, {row.title}",
        timings=timings,
        ratio=times_faster(timings, "kinetoscope", "bare"),
        target=round(1 / row.times, 3),
        packages=PACKAGES,
    )


def _answered(method: Method, about: Question) -> None:
    """Answer as if nothing of this clip was known, but for how much memory it takes."""
    method.answer(about.of(about.clip))


def _memory() -> None:
    """The most that is taken above network and clip, of what may be."""
    taken = {bound: _ask(bound) for bound in BOUNDS}
    bounds = ", ".join(f"{bound / 2**30:g}" for bound in BOUNDS)
    report(
        f"attribution: r3d_18, integrated gradients, memory of {bounds} GiB",
        timings={},
        ratio=min(bound / each for bound, each in taken.items()),
        target=1.0,
        packages=PACKAGES,
        mebibytes={str(bound // 2**20): round(each / 2**20, 1) for bound, each in taken.items()},
    )


def _ask(bound: int) -> int:
    told = subprocess.run(
        [sys.executable, __file__, str(bound)],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(told.stdout)


def _be_a_side(bound: int) -> None:
    """Say how much memory is taken at most [bytes], after what libraries take once."""
    about = question(LARGE, bound)
    IntegratedGradients(steps=1).answer(about)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = most_memory()
    two_batches = 2 * versions_at_once(about, gradients=True)
    IntegratedGradients(steps=two_batches).answer(about)
    sys.stdout.write(f"{most_memory() - before}")


if __name__ == "__main__":
    main()
