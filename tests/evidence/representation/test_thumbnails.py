import numpy as np
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.representation.thumbnails import SIDE, thumbnail, thumbnails


def test_the_frame_in_the_middle_is_shown():
    frames = torch.zeros(3, 5, 20, 30)
    frames[0, 2] = 1
    picture = thumbnail(Clip(frames=frames, flow=None))
    assert picture.shape == (SIDE, SIDE, 3)
    assert (picture == np.array([255, 0, 0])).all()


def test_each_clip_has_its_own_picture(colour_scan, colour_videos):
    rows = np.array([0, 1, 2])
    pictures, failures = thumbnails(colour_videos, colour_scan, rows)
    assert pictures.mean(axis=(1, 2)).argmax(axis=1).tolist() == [0, 1, 2]
    assert failures == []


def test_a_video_that_has_gone_is_grey_and_told(colour_scan, colour_videos):
    told = []
    rows = np.array([2, 3])
    pictures, failures = thumbnails(
        colour_videos, colour_scan, rows, progress=lambda done, total: told.append((done, total))
    )
    assert (pictures[1] == 128).all()
    assert [failure["path"] for failure in failures] == ["broken.mp4"]
    assert told == [(1, 2), (2, 2)]
