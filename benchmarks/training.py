"""What does a training step cost, and where does its time go?

A step of `two_stream_small` on 16 clips of 16 frames of 64 x 64 pixels, on one thread: with freed
memory kept against given back to the system, with channels last against contiguous, and how much
of it is spent on drawing clips and on changing them with every augmentation on.
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from measure import Timing, report, side_by_side

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.memory import keep_memory
from kinetoscope.networks.zoo import build_network
from kinetoscope.training.augment import change, draw_changes
from kinetoscope.training.drawing import CHANCES, open_material
from kinetoscope.training.fitting import Fitting
from kinetoscope.training.recipe import Augmentation, Recipe
from kinetoscope.video.encode import write_mp4

PACKAGES = ("kinetoscope", "torch", "lightning-fabric")
CLIPS = 16
EVERYTHING = Augmentation(
    flip=0.5,
    shift_pixels=6.0,
    scale=(0.8, 1.25),
    rotate_degrees=10.0,
    brightness=0.1,
    contrast=0.2,
    noise=0.05,
    cutout_pixels=16,
    stream_dropout=0.1,
)


def main() -> None:
    """Print a line for each measurement; with arguments, be one side of the first."""
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        _answer(Path(sys.argv[1]), kept=sys.argv[2] == "kept")
        return
    with tempfile.TemporaryDirectory() as folder:
        _make_videos(Path(folder))
        _memory(Path(folder))
        keep_memory()
        _formats(Path(folder))
        _shares(Path(folder))


def _memory(folder: Path) -> None:
    """Each side is a process of its own, because what the C library keeps is kept for good."""
    sides = {
        name: subprocess.Popen(
            [sys.executable, __file__, str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("given back", "kept")
    }
    timings = side_by_side(
        {name: partial(_ask, side) for name, side in sides.items()}, clock=time.perf_counter
    )
    for side in sides.values():
        side.communicate()
    ratio = timings["given back"].median / timings["kept"].median
    report("training: freed memory", timings=timings, ratio=ratio, target=1.1, packages=PACKAGES)


def _formats(folder: Path) -> None:
    recipe = _recipe(folder)
    formats = ("contiguous", "channels_last")
    fitted = {name: _fitting(replace(recipe, memory_format=name)) for name in formats}
    timings = side_by_side({name: partial(_step, each) for name, each in fitted.items()})
    ratio = timings["contiguous"].median / timings["channels_last"].median
    report("training: memory format", timings=timings, ratio=ratio, target=1.0, packages=PACKAGES)


def _shares(folder: Path) -> None:
    """Changing clips may cost 15 % of a step, all augmentations on; so may drawing them."""
    fitted = _fitting(_recipe(folder, augmentation=EVERYTHING))
    train, spec = fitted.material.train, fitted.network.expects
    places, rng = np.arange(CLIPS), np.random.default_rng(0)
    chances = rng.random((CLIPS, CHANCES))
    clips, _ = train.draw(places, chances)
    changes = draw_changes(EVERYTHING, CLIPS, spec, rng)
    assert isinstance(clips, ClipBatch)
    timings = side_by_side(
        {
            "step": partial(_step, fitted),
            "drawing": lambda: train.draw(places, chances),
            "augmentation": lambda: change(clips, changes, spec=spec),
        }
    )
    for part in ("drawing", "augmentation"):
        shown: dict[str, Timing] = {name: timings[name] for name in ("step", part)}
        ratio = 0.15 * timings["step"].median / timings[part].median
        report(f"training: {part}", timings=shown, ratio=ratio, target=1.0, packages=PACKAGES)


def _answer(folder: Path, *, kept: bool) -> None:
    """Do a step for every line that comes, and say so."""
    if kept:
        keep_memory()
    fitted = _fitting(_recipe(folder))
    for _ in sys.stdin:
        _step(fitted)
        sys.stdout.write("done\n")
        sys.stdout.flush()


def _ask(side: "subprocess.Popen[str]") -> None:
    assert side.stdin is not None
    assert side.stdout is not None
    side.stdin.write("step\n")
    side.stdin.flush()
    side.stdout.readline()


def _step(fitted: Fitting) -> None:
    fitted.model.train()
    fitted._step(np.arange(CLIPS), 0, 0)


def _fitting(recipe: Recipe) -> Fitting:
    material = open_material(recipe, progress=False)
    network = build_network(recipe.network, labels=material.labels, expects=material.spec)
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    return Fitting(fabric, recipe, network, material)


def _recipe(folder: Path, **settings: object) -> Recipe:
    values = {"network": "two_stream_small", "catalog": str(folder), "clips_per_batch": CLIPS}
    return Recipe(**values, validation_fraction=0.0, learning_rate=1e-5, **settings)


def _make_videos(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        path = folder / f"label {number % 4}" / f"{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        still = rng.integers(0, 255, (80, 80, 3), dtype=np.uint8)
        frames = np.stack([np.roll(still, time, axis=1) for time in range(32)])
        write_mp4(path, torch.from_numpy(frames), 15.0)


if __name__ == "__main__":
    main()
