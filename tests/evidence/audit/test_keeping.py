import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.audit.keeping import few_frames, keep_clips
from tests.evidence.audit.conftest import SPEC


@pytest.mark.parametrize(
    ("shape", "kept"),
    [
        ((3, 32, 32), (3, 32, 32, 3)),
        ((20, 100, 60), (8, 100, 60, 3)),
        ((9, 224, 112), (8, 112, 56, 3)),
    ],
    ids=["all of it", "a few frames", "smaller"],
)
def test_keeps_few_and_small_frames(shape, kept):
    clip = Clip(frames=torch.rand(3, *shape, generator=torch.Generator().manual_seed(0)))
    assert few_frames(clip).shape == kept


def test_frames_are_spread_from_the_first_to_the_last():
    grey = torch.linspace(0, 1, 15)[None, :, None, None].expand(3, 15, 16, 16)
    found = few_frames(Clip(frames=grey.contiguous()))[:, 0, 0, 0]
    np.testing.assert_allclose(found, np.rint(255 * np.linspace(0, 1, 8)), atol=1)


@pytest.mark.slow
def test_a_clip_that_can_not_be_opened_any_more_is_told_of_without_frames(peculiar, tmp_path):
    told = keep_clips(tmp_path, peculiar, SPEC, [0, 3], None)  # the fourth is broken
    assert {video: each["kept"] for video, each in told.items()} == {"0": True, "3": False}
    assert told["3"]["path"] == "broken.mp4"
    assert list(load_file(tmp_path / "clips.safetensors")) == ["0"]
