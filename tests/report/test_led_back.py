import numpy as np
import pytest
import torch
from PIL import Image

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.examples.kept import keep_clip
from kinetoscope.evidence.examples.views import keep_views
from kinetoscope.report.led_back import led_back
from kinetoscope.report.shelf import Shelf

GREY = 128


@pytest.fixture
def unit(tmp_path):
    """Two clips of white; of the second the unit sees only what lies at the upper left edge."""
    boxes = [[[0, 2], [4, 12], [4, 12]], [[2, 4], [0, 4], [0, 4]]]
    for number in range(2):
        frames = torch.ones(3, 4, 16, 16)
        keep_clip(tmp_path / f"{number}.npz", Clip(frames=frames, flow=torch.zeros(2, 4, 16, 16)))
    views = {
        "deconvolved 0 frames": torch.ones(3, 2, 8, 8),
        "deconvolved 1 frames": -torch.ones(3, 2, 4, 4),
        "deconvolved 0 flow": torch.zeros(2, 2, 8, 8),
        "deconvolved 1 flow": torch.zeros(2, 2, 4, 4),
    }
    keep_views(tmp_path / "views.npz", views)
    top = [{"clip": number, "box": box} for number, box in enumerate(boxes)]
    return {"layer": "a", "channel": 0, "top": top, "views": "views.npz"}


def opened(track, folder):
    """The frames of a strip, `time height width rgb`."""
    picture = np.asarray(Image.open(folder / track["src"]).convert("RGB")).astype(int)
    rows = -(-track["count"] // track["columns"])
    cells = picture.reshape(rows, track["height"], track["columns"], track["width"], 3)
    cells = cells.transpose(0, 2, 1, 3, 4).reshape(-1, track["height"], track["width"], 3)
    return cells[: track["count"]]


def told(unit, folder, clips=(0, 1)):
    paths = {clip: folder / f"{clip}.npz" for clip in clips}
    return led_back(unit, paths, folder, 1.0, Shelf(folder))


def test_cuts_lie_side_by_side_and_those_at_an_edge_on_their_side(unit, tmp_path):
    found = told(unit, tmp_path)
    assert found["count"] == 2
    shown = opened(found["deconvolved"]["frames"], tmp_path)
    time, height, width, _ = shown.shape
    assert (time, height, width) == (2, 56, 2 * 56 + 2)
    assert shown[0, 10, 10].mean() > 240  # all of the first speaks for it
    assert abs(shown[0, 10, 56 + 2 + 10].mean() - GREY) < 8  # nothing of the second is up here
    assert shown[0, 50, 56 + 2 + 50].mean() < 15  # what there is lies below, on the right


def test_the_clips_are_cut_alike(unit, tmp_path):
    shown = opened(told(unit, tmp_path)["clips"]["frames"], tmp_path)
    assert shown[0, 10, 10].mean() > 240
    assert abs(shown[0, 10, 70].mean() - GREY) < 8
    assert shown[0, 50, 110].mean() > 240


def test_no_motion_is_white(unit, tmp_path):
    assert opened(told(unit, tmp_path)["deconvolved"]["flow"], tmp_path).min() > 250


def test_a_clip_that_could_not_be_kept_is_left_out(unit, tmp_path):
    assert told(unit, tmp_path, clips=(1,))["count"] == 1
    assert told(unit, tmp_path, clips=()) is None


def test_a_unit_without_views_has_none(unit, tmp_path):
    assert told({**unit, "views": None}, tmp_path) is None
