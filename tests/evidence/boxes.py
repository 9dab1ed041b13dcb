"""Videos in which one box is lighter than the rest, and a network that looks for such boxes."""

from pathlib import Path

import av
import numpy as np
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec

SPEC = ClipSpec(frames=8, short_side=32, size=(32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)


class Brightness(nn.Module):
    """Looks for light and for dark in boxes of 2 frames of 16 x 16 pixels; one unit is dead."""

    def __init__(self):
        super().__init__()
        self.boxes = nn.Conv3d(3, 3, (2, 16, 16), stride=(2, 16, 16))
        self.relu = nn.ReLU()
        with torch.no_grad():
            for channel, sign in enumerate((1.0, -1.0, 0.0)):
                self.boxes.weight[channel] = sign / (3 * 2 * 16 * 16)
            self.boxes.bias[:] = torch.tensor([0.0, 1.0, -1.0])

    def forward(self, frames):
        seen = self.relu(self.boxes(frames))
        return 10 * seen[:, :2].amax(dim=(2, 3, 4))


def write_video(path: Path, light: float, box: tuple[int, int, int], background: float = 0.5):
    """A grey mp4 in which one box of 2 frames of 16 x 16 pixels is as light as asked."""
    pictures = np.full((8, 32, 32, 3), round(background * 255), dtype=np.uint8)
    time, row, column = box
    part = np.s_[2 * time : 2 * time + 2, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16]
    pictures[part] = round(light * 255)
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264rgb", rate=8, options={"crf": "0", "g": "1"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


PLACES = [(0, 0, 1), (1, 1, 0), (2, 0, 0), (3, 1, 1), (0, 1, 1), (2, 1, 0), (1, 0, 1)]
