"""Which weights of one training are there, and of which epoch is each?

A training keeps the weights of every so many epochs where its recipe says `keep_every`. Any folder
of files does whose names end in a number.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.1, who look at epochs 1, 2, 5, 10, 20, 30, 40 and 64.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from kinetoscope.errors import EvidenceError

FOLDER = "epochs"
"""Where a training keeps them, in its folder."""

_KINDS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights, and after how many epochs they were kept; 0 is before the first."""

    epoch: int
    path: Path


def checkpoints_in(folder: Path) -> list[Checkpoint]:
    """The checkpoints of a folder, in the order of their epochs.

    Args:
        folder: of a training that kept some, or of files whose names end in the epoch.

    Raises:
        EvidenceError: there are fewer than two, or two of one epoch.
    """
    inner = folder / FOLDER
    place = inner if inner.is_dir() else folder
    files = [path for path in sorted(place.glob("*")) if path.suffix in _KINDS]
    found = [
        Checkpoint(epoch=int(number[1]), path=path)
        for path in files
        if (number := re.search(r"(\d+)$", path.stem))
    ]
    epochs = [each.epoch for each in found]
    if len(set(epochs)) < 2 or len(set(epochs)) < len(epochs):
        raise EvidenceError(
            f"{place} has no checkpoints that can be followed",
            got=", ".join(path.name for path in files[:5]) or "no files of weights",
            expected="two files or more whose names end in different numbers of epochs",
            hint="train with keep_every = 1 in the recipe, or --set keep_every=1",
        )
    return sorted(found, key=lambda each: each.epoch)
