"""Made clips whose motion is known, and small real files of them."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from einops import rearrange

from kinetoscope.clips.clip import Clip
from kinetoscope.video.encode import write_mp4


def _texture(right, down):
    """A smooth pattern in colour, a value at every point of the plane [pixels]."""
    waves = [
        torch.sin(right * 0.9 + down * 0.31 + 1.0) + torch.sin(right * 0.23 - down * 0.7),
        torch.sin(right * 0.5 - down * 0.2) + torch.sin(right * 0.11 + down * 0.83 + 2.0),
        torch.sin(right * 0.37 + down * 0.61) + torch.sin(-right * 0.7 + down * 0.29 + 0.5),
    ]
    return 0.5 + torch.stack(waves) / 5


@pytest.fixture
def moving_clip() -> Callable[..., Clip]:
    """Makes a clip of a texture that moves evenly: `(time, height, width, right, down)`."""

    def make(*, time=8, height=48, width=64, right=1.5, down=-0.5) -> Clip:
        rows, columns = torch.meshgrid(
            torch.arange(height).double(), torch.arange(width).double(), indexing="ij"
        )
        frames = [_texture(columns - t * right, rows - t * down) for t in range(time)]
        flow = torch.tensor([right, down]).reshape(2, 1, 1, 1).expand(2, time, height, width)
        return Clip(
            frames=torch.stack(frames, dim=1).float(),
            flow=flow.float().contiguous() if time > 1 else torch.zeros(2, 1, height, width),
            seconds=tuple(t / 8 for t in range(time)),
            source="moving texture",
        )

    return make


@pytest.fixture
def busy_clip() -> Callable[..., Clip]:
    """Makes a clip of noise with random motion: `(time, height, width, seed)`."""

    def make(*, time=6, height=9, width=14, seed=0) -> Clip:
        generator = torch.Generator().manual_seed(seed)
        flow = torch.randn(2, time, height, width, generator=generator)
        flow[:, -1] = flow[:, max(0, time - 2)]
        return Clip(
            frames=torch.rand(3, time, height, width, generator=generator),
            flow=flow,
            seconds=tuple(math.sqrt(t) for t in range(time)),
            source="noise",
        )

    return make


@pytest.fixture
def write_video(tmp_path, moving_clip) -> Callable[..., Path]:
    """Writes a real mp4 of a moving texture: `(name, frames_per_second, time, height, ...)`."""

    def write(name="moving.mp4", *, frames_per_second=8.0, **moving) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        clip = moving_clip(**{"time": 20, "height": 48, "width": 64} | moving)
        frames = rearrange(clip.frames, "rgb time height width -> time height width rgb")
        write_mp4(path, (frames * 255).round().to(torch.uint8), frames_per_second)
        return path

    return write
