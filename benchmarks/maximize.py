"""What does a step of activation maximization cost, of what it has to compute?

Seconds per unit and iteration, of sixteen units of one layer, on one thread, side by side: against
torch-lucent as it comes (pictures only: VGG-16 at 224 x 224), against a plain loop over the whole
of r3d_18, and against the bare forward and backward pass of what a step can't do without: the
network up to the layer, frozen, shown the part of the clip that a neuron sees. Weights are random;
both sides have the same. How much memory a batch takes is measured in processes of their own.

torch-lucent is no part of the environment, and wants an old kornia. Without it, its rows are left
out. With it:

    pip install --no-deps --target lucent torch-lucent==0.1.8 kornia==0.4.1 decorator ipython \\
        traitlets pexpect ptyprocess matplotlib-inline stack-data executing asttokens pure-eval \\
        jedi parso prompt-toolkit wcwidth pygments future
    PYTHONPATH=lucent python benchmarks/maximize.py
"""

import gc
import importlib.util
import random
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from measure import Timing, most_memory, report
from torch import Tensor, nn
from torchvision.models import vgg16
from torchvision.models.video import r3d_18

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.window import window_of
from kinetoscope.networks.network import Network
from kinetoscope.networks.others.adapters import FrameByFrame, as_network, numbered
from kinetoscope.tensors import Size
from kinetoscope.units.objective import Neuron, Objective, activation, neuron
from kinetoscope.units.receptive import seen_or_refused, survey
from kinetoscope.units.unit import Unit

PACKAGES = ("kinetoscope", "torch", "torchvision", "torch-lucent")
UNITS = 16
STEP = 1.2
"""What a whole step may take, of the bare forward and backward pass."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A layer of a network, and what is to be reached there.

    Args:
        title: for the report.
        layer: its name.
        cut: the modules up to it.
        neuron: how many times faster one neuron is to be than the other side.
        channel: the same of a channel at all its positions; None where it is not asked.
        together: clips a batch where whole clips are maximized.
    """

    title: str
    layer: str
    cut: Callable[[nn.Module], nn.Module]
    neuron: float
    channel: float | None = None
    together: int = 2


PICTURES = (
    Case(
        title="VGG-16, conv3_3",
        layer="model.features.14",
        cut=lambda model: model.model.features[:15],
        neuron=30.0,
        channel=2.0,
    ),
    Case(
        title="VGG-16, conv4_3",
        layer="model.features.21",
        cut=lambda model: model.model.features[:22],
        neuron=7.0,
        channel=1.7,
    ),
)
CLIPS = (
    Case(
        title="r3d_18, layer1",
        layer="layer1",
        cut=lambda model: nn.Sequential(model.stem, model.layer1),
        neuron=30.0,
    ),
    Case(
        title="r3d_18, layer2",
        layer="layer2",
        cut=lambda model: nn.Sequential(model.stem, model.layer1, model.layer2),
        neuron=6.0,
    ),
)


def main() -> None:
    """Print a line for each measurement; with arguments, be one side of one."""
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        _be_a_side(sys.argv[1], int(sys.argv[2]))
        return
    picture_network, clip_network = vgg(), r3d()
    for case in PICTURES:
        _compare(case, picture_network, "torch-lucent", _lucent(picture_network, case))
    for case in CLIPS:
        _compare(case, clip_network, "plain loop", partial(_plain_loop, clip_network, case))
    if sys.platform == "linux":
        _memory()


def vgg(*, short: bool = False) -> Network:
    """VGG-16 for clips of one frame; or one that ends at conv3_3."""
    torch.manual_seed(0)
    spec = ClipSpec(frames=1, short_side=224, size=(224, 224))
    model = vgg16(weights=None).eval()
    if short:
        model.features = model.features[:15]
        model.avgpool, model.classifier = nn.AdaptiveAvgPool2d(1), nn.Identity()
    labels = numbered(256 if short else 1000)
    return as_network(FrameByFrame(model), labels=labels, expects=spec, name="vgg16")


def r3d() -> Network:
    """r3d_18 for clips of 16 x 112 x 112."""
    torch.manual_seed(0)
    return as_network(
        r3d_18(weights=None).eval(), labels=numbered(400), expects=ClipSpec(), name="r3d_18"
    )


def _compare(
    case: Case, network: Network, other: str, run: Callable[[], list[float]] | None
) -> None:
    """One neuron, and where it is asked the whole channel, against the other and the bare pass."""
    sides: dict[str, Callable[[], list[float]]] = {} if run is None else {other: run}
    seen = seen_or_refused(survey(network), case.layer)
    extent = window_of(network, Neuron(case.layer, 0), seen).extent
    for batch in (8, UNITS):
        sides[f"neuron, batch {batch}"] = partial(_ours, network, case, neuron, batch)
        for layout in ("plain", "channels last"):
            side = partial(_bare, network, case, extent, batch, layout)
            sides[f"bare, batch {batch}, {layout}"] = side
    if case.channel is not None:
        sides["channel"] = partial(_ours, network, case, activation, case.together)
    timings = _side_by_side(sides)
    for batch in (8, UNITS):
        ours = timings[f"neuron, batch {batch}"]
        layouts = [each for name, each in timings.items() if f"bare, batch {batch}," in name]
        bare = min(layouts, key=lambda each: each.median)
        title = f"maximize: {case.title}, one neuron, batch {batch}"
        _report(f"{title}, whole step", {"kinetoscope": ours, "bare": bare}, 1 / STEP)
        if run is not None:
            _report(title, {"kinetoscope": ours, other: timings[other]}, case.neuron)
    if run is not None and case.channel is not None:
        both = {"kinetoscope": timings["channel"], other: timings[other]}
        title = f"maximize: {case.title}, channel, batch {case.together}"
        _report(title, both, case.channel)


def _report(name: str, timings: dict[str, Timing], target: float) -> None:
    ours, other = (each.median for each in timings.values())
    report(name, timings=timings, ratio=other / ours, target=target, packages=PACKAGES)


def _side_by_side(
    sides: Mapping[str, Callable[[], list[float]]], rounds: int = 3
) -> dict[str, Timing]:
    """Each side says itself how long units and iterations took; a first round does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    chance = random.Random(0)
    for round_ in range(rounds + 1):
        for name in chance.sample(sorted(sides), len(sides)):
            gc.collect()
            taken = sides[name]()
            if round_ > 0:
                seconds[name] += taken
    found = {}
    for name, taken in seconds.items():
        first, median, third = statistics.quantiles(taken, n=4)
        found[name] = Timing(median=median, spread=(third - first) / median)
    return found


def _ours(
    network: Network, case: Case, asked: Callable[[Unit], Objective], batch: int, steps: int = 3
) -> list[float]:
    """Steps are told apart by when progress is told; the first of each batch is left out.

    All batches are alike, so of whole clips, which take long, two batches stand for all.
    """
    moments: list[float] = []
    settings = Maximizing(steps=steps, clips_at_once=batch)
    units = UNITS if asked is neuron else 2 * batch
    objectives = [asked(Unit(case.layer, channel)) for channel in range(units)]
    maximize(
        network,
        objectives,
        slowness=(1.0,),
        settings=settings,
        progress=lambda _: moments.append(time.process_time()),
    )
    batches = [moments[first : first + steps] for first in range(0, len(moments), steps)]
    return [(later - sooner) / batch for at in batches for sooner, later in pairwise(at)]


def _bare(
    network: Network, case: Case, extent: Size, batch: int, layout: str, steps: int = 3
) -> list[float]:
    """Nothing but the two passes."""
    part = case.cut(network.model).requires_grad_(False)
    pictures = network.expects.frames == 1
    x = torch.randn(batch, 3, *(extent[1:] if pictures else extent))
    if layout != "plain":
        tight = torch.channels_last if pictures else torch.channels_last_3d
        x = x.contiguous(memory_format=tight)
    x.requires_grad_()
    taken = []
    for _ in range(steps):
        start = time.process_time()
        answer = part(x)
        middle = tuple(side // 2 for side in answer.shape[2:])
        answer[(..., *middle)].diagonal().sum().backward()
        taken.append((time.process_time() - start) / batch)
        x.grad = None
    network.model.requires_grad_(True)
    return taken[1:]


def _plain_loop(network: Network, case: Case, steps: int = 1) -> list[float]:
    """One clip, the whole network, gradients to the weights as well, Adam."""
    x = torch.randn(1, 3, 16, 112, 112, requires_grad=True)
    adam = torch.optim.Adam([x], lr=0.05)
    answers: list[Tensor] = []
    hook = network.layer(case.layer).register_forward_hook(lambda *each: answers.append(each[-1]))
    start = time.process_time()
    for step in range(steps):
        network.model.zero_grad()
        adam.zero_grad()
        network.model(x)
        (-answers[step][:, 3].mean()).backward()
        adam.step()
    taken = time.process_time() - start
    hook.remove()
    network.model.zero_grad()
    return [taken / steps]


def _lucent(network: Network, case: Case) -> Callable[[], list[float]] | None:
    """As it comes: 128 pixels shown at 224, its transforms, the whole network, all gradients."""
    if importlib.util.find_spec("lucent") is None:
        sys.stderr.write("torch-lucent is not installed; see the head of this file\n")
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lucent.optvis import objectives, render

    model, layer = network.model.model, case.layer.removeprefix("model.").replace(".", "_")

    def run(steps: int = 2) -> list[float]:
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            render.render_vis(
                model,
                objectives.neuron(layer, 3),
                thresholds=(steps,),
                progress=False,
                show_image=False,
            )
        taken = time.process_time() - start
        model.zero_grad()
        return [taken / steps]

    return run


BATCHES = (8, 16, 32, 64)


def _memory() -> None:
    """What a batch takes above the network itself: of all of VGG-16, and of what is left of it."""
    told = {
        side: {str(batch): round(_ask(side, batch), 1) for batch in BATCHES}
        for side in ("whole", "cut short")
    }
    whole, short = (each[str(BATCHES[-1])] for each in told.values())
    report(
        f"maximize: {PICTURES[0].title}, one neuron, memory of a batch of {BATCHES[-1]}",
        timings={},
        ratio=short / whole,
        target=0.9,
        packages=PACKAGES,
        mebibytes=told,
    )


def _ask(side: str, batch: int) -> float:
    asked = [sys.executable, __file__, side, str(batch)]
    return float(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def _be_a_side(side: str, batch: int) -> None:
    """Say how much memory the steps of a batch take at most [MiB].

    What is taken before the first step, for one whole clip, is the same for all batches; the kernel
    is told to forget it.
    """
    case, network = PICTURES[0], vgg(short=side == "cut short")
    asked = [neuron(Unit(case.layer, channel)) for channel in range(batch)]
    settings = Maximizing(steps=3, clips_at_once=batch)
    maximize(network, asked[:1], slowness=(1.0,), settings=settings)
    before = _resident()
    forget = _Forget()
    maximize(network, asked, slowness=(1.0,), settings=settings, progress=forget)
    sys.stdout.write(f"{(most_memory() - before) / 2**20}")


class _Forget:
    """Has the most memory that was taken so far forgotten, at the first call."""

    called = False

    def __call__(self, _: int) -> None:
        if not self.called:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        self.called = True


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


if __name__ == "__main__":
    main()
