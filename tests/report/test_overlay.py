"""Clips with heat over them, as videos."""

import pytest
import torch

from kinetoscope.report.overlay import Strip, Watched, write_overlay
from kinetoscope.video.video import open_video


def watched(frames, *, flow, parts=("frames", "flow")):
    picture = torch.full((frames, 16, 16, 3), 128, dtype=torch.uint8)
    heat = torch.zeros(frames, 16, 16)
    heat[:, :4] = 1.0
    motion = torch.ones(2, frames, 16, 16) if flow else None
    return Watched(frames=picture, flow=motion, heat=dict.fromkeys(parts, heat))


def strip(frames, **other):
    over_time = torch.linspace(-1, 1, frames)
    return Strip(over_time=over_time, full_colour=1.0, full_speed=2.0, frames_per_second=25.0)


@pytest.mark.parametrize(
    ("flow", "parts", "screens"),
    [(False, ("frames",), 1), (True, ("frames", "flow"), 2), (True, ("both",), 2)],
    ids=["one stream", "two streams", "both together"],
)
def test_motion_stands_beside_the_clip_where_there_is_heat_of_it(tmp_path, flow, parts, screens):
    write_overlay(tmp_path / "a.mp4", [watched(4, flow=flow, parts=parts)], strip(4))
    with open_video(tmp_path / "a.mp4") as video:
        height, width = video.size
        shown = video.frames([0])[0].float()
    assert width == 224 * screens
    assert height == 224 + 44
    hot, cold = shown[20, 100], shown[200, 100]
    assert hot[0] > hot[2] + 60  # red
    assert (cold - cold.mean()).abs().max() < 20  # grey


def test_a_short_clip_is_shown_slowly_and_again_and_a_long_one_as_it_is(tmp_path):
    write_overlay(tmp_path / "short.mp4", [watched(4, flow=False)], strip(4))
    write_overlay(tmp_path / "long.mp4", [watched(40, flow=False)] * 2, strip(80))
    with open_video(tmp_path / "short.mp4") as short, open_video(tmp_path / "long.mp4") as long:
        assert len(short.seconds) == 24
        assert short.frames_per_second == 8.0
        assert len(long.seconds) == 80
        assert long.frames_per_second == 25.0


def test_the_strip_is_red_when_it_speaks_for_it_blue_against_it_and_white_now(tmp_path):
    write_overlay(tmp_path / "a.mp4", [watched(4, flow=False)], strip(4))
    with open_video(tmp_path / "a.mp4") as video:
        shown = video.frames([0, 3]).float()
    early, late = shown[0, 224 + 4 + 30, 10], shown[0, 224 + 4 + 10, 210]
    assert early[2] > early[0] + 60
    assert late[0] > late[2] + 60
    assert shown[0, 240:260, 24:34].mean((0, 2)).max() > 180  # a line in the first quarter
    assert shown[1, 240:260, 190:202].mean((0, 2)).max() > 180  # and in the last
