"""A clip put together from the video around it."""

import numpy as np
import pytest
import torch

from kinetoscope.clips import transforms
from kinetoscope.clips.cache import views_of
from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.invariance.stretch import Stretch, open_stretch
from kinetoscope.video.encode import write_mp4

SPEC = ClipSpec(
    streams=("frames", "flow"), frames=5, stride=2, short_side=16, size=(16, 16), flow_scale=1.0
)


def numbered(count, *, first, stride=1, frames=3, known=None):
    """Frame k is of grey k / 100, and moves by k pixels to the right."""
    grey = torch.arange(count).reshape(1, -1, 1, 1) / 100
    flow = torch.stack([100 * grey[0], 0 * grey[0]]).expand(2, -1, 4, 4)
    clip = Clip(frames=grey.expand(3, -1, 4, 4), flow=flow, seconds=tuple(map(float, range(count))))
    return Stretch(clip=clip, first=first, stride=stride, frames=frames, known=known or count)


def told(made):
    clip, filled = made
    return (clip.frames[0, :, 0, 0] * 100).round().int().tolist(), clip.flow[0, :, 0, 0], filled


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """21 frames, each lighter than the one before."""
    path = tmp_path_factory.mktemp("video") / "lighter.mp4"
    light = torch.arange(21, dtype=torch.uint8).reshape(-1, 1, 1, 1) * 10 + 20
    write_mp4(path, light.expand(-1, 16, 16, 3).contiguous(), 10.0)
    return Entry(path=path, label="a")


def test_speed_one_is_the_clip_itself():
    places, flow, filled = told(numbered(9, first=3).played())
    assert places == [3, 4, 5]
    assert flow.tolist() == [3, 4, 4]  # the last repeated
    assert filled == 0


def test_twice_as_fast_shows_every_other_frame_and_adds_the_motion_up():
    places, flow, filled = told(numbered(9, first=3).played(speed=2.0))
    assert places == [2, 4, 6]
    assert flow.tolist() == [2 + 3, 4 + 5, 4 + 5]
    assert filled == 0


def test_half_as_fast_moves_half_as_far_also_where_a_frame_comes_twice():
    places, flow, _ = told(numbered(9, first=3).played(speed=0.5))
    assert places == [3, 4, 4]  # the earlier of two that are equally near
    assert flow.tolist() == [0.5 * 3, 0.5 * 4, 0.5 * 4]


def test_half_as_fast_shows_frames_that_the_stride_leaves_out():
    places, flow, _ = told(numbered(9, first=2, stride=2).played(speed=0.5))
    assert places == [3, 4, 5]
    assert flow.tolist() == [3, 4, 4]


def test_begins_later_by_frames_of_the_clip():
    places, *_ = told(numbered(12, first=2, stride=2).played(later=2.0))
    assert places == [6, 8, 10]


def test_holds_the_border_still_and_tells_how_much():
    places, flow, filled = told(numbered(9, first=3, known=6).played(later=2.0))
    assert places == [5, 5, 5]
    assert flow.tolist() == [0, 0, 0]
    assert filled == pytest.approx(2 / 3)
    places, flow, filled = told(numbered(9, first=0).played(later=-2.0))
    assert places == [0, 0, 0]
    assert flow.tolist() == [0, 0, 0]
    assert filled == pytest.approx(2 / 3)


def test_agrees_with_a_clip_played_faster_where_the_steps_are_whole():
    stretch = numbered(9, first=0, frames=9)
    played = transforms.play(stretch.clip, speed=2.0)
    made, _ = stretch.at([0.0, 2.0, 4.0, 6.0, 8.0])
    torch.testing.assert_close(made.frames, played.frames)
    torch.testing.assert_close(made.flow[:, :-1], played.flow[:, :-1])


def test_frames_around_a_clip_are_those_of_its_video(video):
    (clip,) = views_of(video, SPEC)
    stretch = open_stretch(video, clip, SPEC, fastest=2.0, latest=3)
    same, filled = stretch.played()
    assert filled == 0
    torch.testing.assert_close(same.frames, clip.frames)
    assert same.seconds == clip.seconds
    later, _ = stretch.played(later=1.0)
    assert later.seconds == pytest.approx([second + 0.2 for second in clip.seconds])
    fast, filled = stretch.played(speed=2.0)
    assert np.diff(fast.seconds) == pytest.approx([0.4] * 4)
    assert filled == 0


def test_where_the_video_ends_the_clip_stays_in_its_place(video):
    (clip,) = views_of(video, SPEC)
    stretch = open_stretch(video, clip, SPEC, fastest=4.0, latest=3)
    same, _ = stretch.played()
    assert same.seconds == clip.seconds
    assert stretch.known == 21
    fast, filled = stretch.played(speed=4.0)
    assert fast.seconds == pytest.approx([0, 0.2, 1.0, 1.8, 2.0])
    assert filled == pytest.approx(2 / 5)
