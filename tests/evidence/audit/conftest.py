"""A small catalog in which it is known what is wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.networks.network import Network
from kinetoscope.video.encode import write_mp4
from tests.evidence import boxes

LABELS = ("captioned", "framed", "plain", "single", "absent")
EACH = 14
SIDE = 48
SPEC = replace(boxes.SPEC, short_side=SIDE, size=(SIDE, SIDE))


def moving(seed, time=8, side=SIDE):
    """A texture over which a square passes; all of them differ."""
    numbers = np.random.default_rng(seed)
    coarse = torch.from_numpy(numbers.random((1, 3, 5, 5)))
    whole = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic")[0]
    ground = np.clip(0.3 + 0.4 * whole.numpy().transpose(1, 2, 0), 0, 1)
    frames = np.repeat(ground[None], time, axis=0)
    top, colour = numbers.integers(4, 16), numbers.random(3)
    for t in range(time):
        frames[t, top : top + 10, 5 + 3 * t : 15 + 3 * t] = colour
    return frames


def shown(label, seed):
    frames = moving(seed)
    if label == "captioned":
        frames[:, 33:40, 6:38] = 0.05
        frames[:, 35:38, 9:35:3] = 0.95
    if label == "framed":
        frames[:, :3], frames[:, -3:] = (0.9, 0.8, 0.2), (0.9, 0.8, 0.2)
    return frames


@pytest.fixture(scope="session")
def peculiar(tmp_path_factory):
    """Three classes of fourteen clips, one of one, and none; two copies; one file that is broken.

    The last clip of each class is tested on, and the last of `plain` is a copy of its first, that
    of `framed` a mirrored copy of its first one.
    """
    folder = tmp_path_factory.mktemp("peculiar <videos>")
    entries = []
    for place, label in enumerate(LABELS[:4]):
        for number in range(EACH if label != "single" else 1):
            path = folder / f"{label} {number} <é>.mp4"
            last = number == EACH - 1
            copied = last and label in ("plain", "framed")
            frames = shown(label, 100 * place + (0 if copied else number))
            if copied and label == "framed":
                frames = frames[:, :, ::-1]
            pictures = torch.from_numpy(np.rint(frames * 255).astype(np.uint8).copy())
            write_mp4(path, pictures, 8.0, quality=60 if copied else 90)
            split = "test" if last else "train"
            entries.append(Entry(path=path, label=label, split=split, where=f"list:{len(entries)}"))
    broken = folder / "broken.mp4"
    broken.write_text("not a video")
    entries.insert(3, Entry(path=broken, label="captioned", split="train", where="list:3b"))
    return Catalog(name="peculiar", root=folder, labels=LABELS, entries=tuple(entries))


@pytest.fixture(scope="session")
def watcher():
    return Network(
        boxes.Brightness(), labels=["light", "dark"], expects=SPEC, name="planted", layers=("relu",)
    ).eval()


@pytest.fixture(scope="session")
def looked(peculiar, watcher, tmp_path_factory):
    """Scan and audit of it."""
    from kinetoscope.evidence.audit.audit import write_audit
    from kinetoscope.evidence.scan import scan

    folder = tmp_path_factory.mktemp("look") / "evidence"
    found = scan(watcher, peculiar, folder / "scan", workers=1)
    return write_audit(watcher, peculiar, folder / "audit", scan=found, shuffles=3)
