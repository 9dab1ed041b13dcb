"""What does the whole job look like, from nothing to a report, on a machine without any data?

Two worlds of videos are made, a small two-stream network is trained on each, and a look is taken
into both. A demo that was interrupted goes on where it stopped.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds.figures import make_figures
from kinetoscope.clips.worlds.mocap import recordings_folder
from kinetoscope.clips.worlds.shapes import make_shapes
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.look.look import look
from kinetoscope.look.looking import QUICK
from kinetoscope.networks.weights import load_network
from kinetoscope.training.loop import train
from kinetoscope.training.progress import counted
from kinetoscope.training.recipe import Augmentation, Recipe
from kinetoscope.video.flow import FlowCache

Say = Callable[[str], None]

_RECIPE: dict[str, Any] = {
    "network": "two_stream_small",
    "validation_split": "validation",
    "test_split": "test",
    "learning_rate": 4e-3,
    "weight_decay": 0.02,
    "label_smoothing": 0.05,
    "clip": {"frames": 10, "stride": 2},  # all twenty frames of a made video
    "keep_every": 4,
}


@dataclass(frozen=True, kw_only=True)
class World:
    """One of the demo's worlds.

    Args:
        about: what its videos show, for the terminal.
        make: makes them.
        training: settings of the recipe.
    """

    about: str
    make: Callable[..., Path]
    training: dict[str, Any]


WORLDS = {
    "shapes": World(
        about="textured shapes, told by appearance, by motion, or only by both",
        make=make_shapes,
        training={
            "epochs": 36,
            "options": {"dropout": 0.2, "appearance_still": True},  # motion is seen in flow alone
            "augmentation": Augmentation(shift_pixels=3.0),
        },
    ),
    "figures": World(
        about="people in action, animated by motion capture",
        make=make_figures,
        training={
            "epochs": 20,
            "options": {"dropout": 0.2},
            "augmentation": Augmentation(
                flip=0.5, shift_pixels=4.0, scale=(0.9, 1.11), brightness=0.1, contrast=0.1
            ),
        },
    ),
}

LOOKING = replace(
    QUICK,
    units_per_layer=5,
    slowness=(0.0, 1.0, 10.0),
    maximizing=Maximizing(steps=160, peak=0.5, settle=0.5),
    sample=32,
)
"""Enough to see by; `kinetoscope look` takes its time."""


def demo(out: Path | str, *, say: Say = print, progress: bool = True) -> list[Path]:
    """Make the worlds, train on each, look into both.

    Args:
        out: for everything.
        say: is told each stage, and how long it took.
        progress: whether to show it, where there is a terminal.

    Returns:
        The pages to open, one a world.

    Raises:
        MissingPackageError: the recordings of motion are not installed.
    """
    recordings_folder()  # better now than after five minutes
    return [_show(Path(out) / name, world, say, progress) for name, world in WORLDS.items()]


def _show(folder: Path, world: World, say: Say, progress: bool) -> Path:
    began = monotonic()
    say(f"{folder.name}: {world.about}")
    with counted("making videos", shown=progress) as told:
        videos = world.make(folder / "videos", processes=2, progress=told)
    say(f"  videos  {videos}  ({monotonic() - began:.0f} s)")
    began = monotonic()
    recipe = Recipe(catalog=str(videos), **_RECIPE, **world.training)
    trained = train(recipe, folder / "trained", progress=progress)
    say(
        f"  network {folder / 'trained'}  test accuracy {trained.test_accuracy:.1%}"
        f"  ({monotonic() - began:.0f} s)"
    )
    began = monotonic()
    page = look(
        load_network(str(trained.weights)),
        read_catalog(videos, split="test"),
        folder / "look",
        how=replace(
            LOOKING,
            training=read_catalog(videos, split="train"),
            checkpoints=folder / "trained",
        ),
        clip_cache=ClipCache(folder / "clips", flow=FlowCache(folder / "flow")),
        progress=progress,
    )
    say(f"  report  {page}  ({monotonic() - began:.0f} s)")
    return page
