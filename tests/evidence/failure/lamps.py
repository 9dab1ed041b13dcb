"""A world of lamps, and a network of which one unit is to blame for what it mixes up.

Videos are called after the lamp that is lit: left, right or low. In some that are called left a
fourth lamp is lit as well, whose unit the network takes for a sign of right.
"""

import av
import numpy as np
import torch
from torch import nn

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network

LABELS = ("left", "right", "low")
LEFT, RIGHT, LOW, BLAMED, DEAD, UPPER = range(6)
CORNERS = [(0, 0), (0, 16), (16, 0), (16, 16)]  # of the lamps of the first four units
SPEC = ClipSpec(frames=4, short_side=32, size=(32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)


class Lamps(nn.Module):
    """A unit for each lamp, a dead one, and one for both upper lamps that counts for nothing."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv3d(3, 6, (4, 32, 32))
        self.units = nn.ReLU()
        self.label = nn.Conv3d(6, 3, 1)
        with torch.no_grad():
            self.look.weight.zero_()
            for unit, (top, left) in enumerate(CORNERS):
                self.look.weight[unit, :, :, top : top + 16, left : left + 16] = 1 / (3 * 4 * 256)
            self.look.weight[UPPER, :, :, :16] = 1 / (3 * 4 * 512)
            self.look.bias.copy_(torch.tensor([-0.25, -0.25, -0.25, -0.25, -1.0, 0.0]))
            self.label.weight.zero_()
            for label, unit in ((0, LEFT), (1, RIGHT), (2, LOW)):
                self.label.weight[label, unit] = 10
            self.label.weight[1, BLAMED] = 20
            self.label.bias.zero_()

    def forward(self, frames):
        return self.label(self.units(self.look(frames)))[:, :, 0, 0, 0]


def lamp_network():
    return Network(Lamps(), labels=LABELS, expects=SPEC, name="lamps", layers=("units", "label"))


def write_lamps(path, lit):
    """A dark mp4 in which some lamps are lit, each as brightly as asked."""
    pictures = np.zeros((4, 32, 32, 3), dtype=np.uint8)
    for lamp, brightness in lit.items():
        top, left = CORNERS[lamp]
        pictures[:, top : top + 16, left : left + 16] = round(255 * brightness)
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264rgb", rate=8, options={"crf": "0", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def lamp_catalog(folder, each=6, blamed=2):
    """Videos of every label; of those that are called left, the first ones are misleading."""
    entries = []
    for label, name in enumerate(LABELS):
        for number in range(each):
            lit = {label: 0.8 + 0.02 * number}
            if label == LEFT and number < blamed:
                lit[BLAMED] = 0.9
            path = folder / f"{name}-{number}.mp4"
            write_lamps(path, lit)
            entries.append(Entry(path=path, label=name, where=f"lamps.csv:{len(entries) + 2}"))
    return Catalog(name="lamps", root=folder, labels=LABELS, entries=tuple(entries))
