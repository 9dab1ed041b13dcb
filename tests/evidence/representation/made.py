"""Videos of one colour each, a network that sees colours in one layer and only grey in another."""

import numpy as np
import torch
from torch import nn

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network
from kinetoscope.video.encode import write_mp4

LABELS = ("red", "green", "blue")
EACH = 6
SPEC = ClipSpec(frames=2, short_side=16, size=(16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)


class Colours(nn.Module):
    """Scores how red, green and blue a clip is; its first layer sees only how light it is."""

    def __init__(self):
        super().__init__()
        self.grey, self.colour = nn.Conv3d(3, 2, 1), nn.Conv3d(3, 4, 1)
        self.grey.weight.data = torch.tensor([[1.0] * 3, [-1.0] * 3])[:, :, None, None, None]
        self.colour.weight.data = torch.eye(4)[:, :3, None, None, None].clone()
        self.grey.bias.data.zero_()
        self.colour.bias.data.zero_()

    def forward(self, frames):
        self.grey(frames)
        return 10 * self.colour(frames)[:, :3].mean(dim=(2, 3, 4))


def colour_network():
    layers = ("grey", "colour")
    return Network(Colours(), labels=LABELS, expects=SPEC, name="colours", layers=layers).eval()


def write_colour(path, label, seed):
    """One colour, as light as any other class is, and never quite the same."""
    numbers = np.random.default_rng(seed)
    levels = np.full(3, 90.0)
    levels[LABELS.index(label)] = 150
    levels += numbers.uniform(-15, 15) + numbers.uniform(-3, 3, 3)
    picture = torch.tensor(levels.round(), dtype=torch.uint8).expand(4, 16, 16, 3)
    write_mp4(path, picture.contiguous(), 8.0)


def colour_catalog(folder, *, split="test", first=0):
    """Six videos a colour; a file that is none, one without a label, a label that comes once."""
    entries = []
    for number in range(EACH * len(LABELS)):
        label = LABELS[number % len(LABELS)]
        path = folder / f"{first + number}.mp4"
        write_colour(path, label, first + number)
        entries.append(Entry(path=path, label=label, where=f"index.csv:{number + 2}"))
    (folder / "broken.mp4").write_text("not a video")
    entries.insert(3, Entry(path=folder / "broken.mp4", label="red", where="index.csv:99"))
    for name, label in (("nameless", None), ("once", "seldom")):
        write_colour(folder / f"{name}.mp4", "red", first + 500)
        entries.append(Entry(path=folder / f"{name}.mp4", label=label))
    labels = (*LABELS, "seldom")
    return Catalog(name=split, root=folder, labels=labels, entries=tuple(entries))
