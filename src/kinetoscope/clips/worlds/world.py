"""How is a made world written: which clips, in which folders, with which truth beside them?

A world is a folder per label with an mp4 a clip, the truth about each clip beside it, an
`index.csv` with every factor as a column, and a `world.json` with the settings it was made with:

    world.json  index.csv  labels.txt
    ring/ring_train_000.mp4  ring/ring_train_000.truth.safetensors  ...

The folder is complete or absent. Asked for again, a complete one is left as it is.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import UInt8
from safetensors.numpy import save

from kinetoscope.errors import CatalogError, ClipError
from kinetoscope.files import whole_folder
from kinetoscope.video.encode import write_mp4

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Factor = str | int | float
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class ClipsPerLabel:
    """How many clips each label gets in each split."""

    train: int = 60
    validation: int = 12
    test: int = 24

    def __post_init__(self):
        if min(self.train, self.validation, self.test) < 0 or not self.train + self.test:
            raise CatalogError(
                "a made world has clips",
                got=f"{self.train} to train, {self.validation} to validate, {self.test} to test",
                expected="no number below 0, and one clip or more",
            )

    def of(self, split: Split) -> int:
        """How many clips a label gets in one split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A clip that is to be drawn. These four are all that its random numbers depend on."""

    seed: int
    label: str
    split: Split
    index: int

    @property
    def name(self) -> str:
        """The clip's file name without its ending."""
        return f"{self.label}_{self.split}_{self.index:03d}"


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A clip that was drawn.

    Args:
        frames: RGB in 0 to 255, `time height width 3`.
        factors: what was drawn, for the columns of index.csv.
        truth: what is known of each frame, by name.
    """

    frames: UInt8[np.ndarray, "time height width 3"]
    factors: Mapping[str, Factor]
    truth: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class World:
    """What a world is made of.

    Args:
        name: which world.
        drawing: counts up whenever the same settings begin to give other clips.
        settings: everything that its clips depend on, as plain values.
        wanted: its clips, in the order of index.csv.
        draw: gives the clip; a function that can be sent to another process.
        frames_per_second: of the mp4 files.
        notes: what a reader of the truth has to know, saved in each truth file's header.
    """

    name: str
    drawing: int
    settings: Mapping[str, Any]
    wanted: Sequence[Wanted]
    draw: Callable[[Wanted], Drawn]
    frames_per_second: float
    notes: Mapping[str, str]


def all_wanted(
    labels: Sequence[str], clips_per_label: ClipsPerLabel, seed: int
) -> tuple[Wanted, ...]:
    """Every clip of a world, label by label."""
    return tuple(
        Wanted(seed=seed, label=label, split=split, index=index)
        for label in labels
        for split in SPLITS
        for index in range(clips_per_label.of(split))
    )


def write_world(
    folder: Path, world: World, *, processes: int = 1, progress: Progress | None = None
) -> Path:
    """Draw a world into a folder, unless it lies there already.

    Args:
        folder: where; made whole, or not at all.
        world: what.
        processes: how many draw at once. The clips are the same for every number. With more than
            one, a script that calls this needs its `if __name__ == "__main__":`.
        progress: called after each clip with the number done and the number wanted.

    Returns:
        the folder, which is a catalog.

    Raises:
        CatalogError: something else lies there.
    """
    described = _describe(world)
    if _lies_there(folder, described):
        return folder
    with whole_folder(folder) as aside:
        for label in dict.fromkeys(wanted.label for wanted in world.wanted):
            (aside / label).mkdir()
        rows = []
        for row in _written(world, aside, processes):
            rows.append(row)
            if progress is not None:
                progress(len(rows), len(world.wanted))
        _write_index(aside / "index.csv", rows)
        labels = dict.fromkeys(wanted.label for wanted in world.wanted)
        (aside / "labels.txt").write_text("".join(f"{label}\n" for label in labels))
        (aside / "world.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    return folder


def check_frames(frames: int, size: int, least_size: int) -> None:
    """Refuse clips that are too short or too small to show anything.

    Raises:
        ClipError: they are, or the size is odd, which mp4 files can't have.
    """
    if frames < 2 or size < least_size or size % 2:
        raise ClipError(
            "clips of this size can't be made",
            got=f"{frames} frames of {size} x {size} pixels",
            expected=f"2 frames or more, and an even size from {least_size} pixels",
        )


def _describe(world: World) -> dict[str, Any]:
    described = {"world": world.name, "drawing": world.drawing, "settings": world.settings}
    return json.loads(json.dumps(described))


def _lies_there(folder: Path, described: Mapping[str, Any]) -> bool:
    """Whether this very world lies in the folder.

    Raises:
        CatalogError: something else does.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        found = json.loads((folder / "world.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if found == described:
        return True
    raise CatalogError(
        f"{folder} is not overwritten",
        got=_difference(found, described),
        expected="an empty or absent folder, or the same world made before",
        hint="choose another folder, or remove this one yourself",
    )


def _difference(found: Any, described: Mapping[str, Any]) -> str:
    if not isinstance(found, dict) or found.get("world") != described["world"]:
        return f"a folder that is not a made world of {described['world']}"
    before, now = found.get("settings") or {}, described["settings"]
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return f"the same kind of world with another {', '.join(names) or 'version of the drawing'}"


def _written(world: World, aside: Path, processes: int) -> Iterator[dict[str, Factor]]:
    write = partial(_write_clip, world.draw, aside, world.frames_per_second, dict(world.notes))
    if processes == 1:
        yield from map(write, world.wanted)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(write, world.wanted, chunksize=8)


def _write_clip(
    draw: Callable[[Wanted], Drawn],
    aside: Path,
    frames_per_second: float,
    notes: dict[str, str],
    wanted: Wanted,
) -> dict[str, Factor]:
    """Draw one clip and write it; give its row of index.csv."""
    drawn = draw(wanted)
    place = aside / wanted.label / f"{wanted.name}.mp4"
    write_mp4(place, torch.from_numpy(drawn.frames), frames_per_second)
    truth = {name: np.ascontiguousarray(array) for name, array in drawn.truth.items()}
    place.with_suffix(".truth.safetensors").write_bytes(save(truth, metadata=notes))
    path = f"{wanted.label}/{place.name}"
    return {"path": path, "label": wanted.label, "split": wanted.split} | dict(drawn.factors)


def _write_index(path: Path, rows: Sequence[Mapping[str, Factor]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
