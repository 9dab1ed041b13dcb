from itertools import pairwise

import pytest
import torch
from einops import rearrange

from kinetoscope.clips import sampling
from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.open import flow_along, open_clip, open_entry, open_entry_views, open_views
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import Box, random_place, resize_picture
from kinetoscope.errors import ClipError, VideoError
from kinetoscope.video.flow import FlowCache, flow_between
from kinetoscope.video.video import open_video

close = torch.testing.assert_close
BOTH = ClipSpec(streams=("frames", "flow"), frames=6, stride=2, short_side=24, size=(24, 24))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def same(one, two) -> bool:
    return (
        torch.equal(one.frames, two.frames)
        and one.seconds == two.seconds
        and (one.flow is two.flow is None or torch.equal(one.flow, two.flow))
    )


# known answers


def test_the_middle_of_the_video_is_opened_by_default(write_video):
    clip = open_clip(write_video(time=20), BOTH)  # 11 frames are spanned, 9 are left over
    assert clip.seconds == pytest.approx([(4 + 2 * t) / 8 for t in range(6)])
    assert (clip.time, clip.size) == (6, (24, 24))
    assert clip.source.endswith("moving.mp4")


def test_flow_is_the_motion_from_one_frame_of_the_clip_to_the_next_after_resizing(write_video):
    clip = open_clip(write_video(right=1.5, down=-0.5), BOTH)
    # two frames of the video from one to the next, at half the size
    middle = clip.flow[:, :, 6:-6, 6:-6].median(dim=3).values.median(dim=2).values
    close(middle, torch.tensor([[1.5], [-0.5]]).expand(2, 6), atol=0.15, rtol=0)


def test_a_clip_starts_with_the_frame_on_screen(write_video):
    path = write_video(time=20)
    for start in (0.5, 0.55, 0.62):
        assert open_clip(path, BOTH, start_seconds=start).seconds[0] == 0.5


def test_a_span_has_a_middle_of_its_own(write_video):
    spec = ClipSpec(frames=4, short_side=24, size=(24, 24))
    clip = open_clip(write_video(time=20), spec, span=(1.0, 2.0))
    assert clip.seconds == (1.25, 1.375, 1.5, 1.625)


def test_a_video_is_brought_to_the_rate_of_the_spec(write_video):
    spec = ClipSpec(frames=4, frames_per_second=4.0, short_side=24, size=(24, 24))
    clip = open_clip(write_video(time=20, frames_per_second=8.0), spec, start_seconds=0.0)
    assert clip.seconds == (0.0, 0.25, 0.5, 0.75)


@pytest.mark.parametrize(
    ("when_short", "shown"),
    [("repeat-last", [0, 2, 3, 3, 3, 3]), ("loop", [0, 2, 0, 2, 0, 2])],
)
def test_a_short_video_is_filled_up_as_the_spec_says(write_video, when_short, shown):
    spec = ClipSpec(**{**BOTH.to_json(), "when_short": when_short})
    clip = open_clip(write_video(time=4), spec)
    assert clip.seconds == tuple(frame / 8 for frame in shown)
    still = [not clip.flow[:, t].any() for t in range(6)]
    assert still == [False, False, *[when_short == "repeat-last"] * 4]


def test_a_video_of_one_frame_is_a_clip_that_does_not_move(write_video):
    clip = open_clip(write_video(time=1), BOTH)
    assert clip.seconds == (0.0,) * 6
    assert not clip.flow.any()


def test_views_reach_over_the_whole_video_and_the_whole_frame(write_video):
    path = write_video(time=20)
    views = open_views(path, BOTH, clips=3, crops=3)
    assert [view.seconds[0] for view in views] == pytest.approx(
        [start / 8 for start in (0, 5, 9) for _ in range(3)]
    )
    assert views[-1].seconds[-1] == pytest.approx(19 / 8)
    wide = ClipSpec(**{**BOTH.to_json(), "size": (24, 32)})
    whole = open_views(path, wide, clips=3)[1]
    close(views[3].frames, whole.frames[..., :24])
    close(views[4].frames, whole.frames[..., 4:28])
    close(views[5].flow, whole.flow[..., 8:])


def test_an_entry_is_opened_within_its_span(write_video):
    entry = Entry(path=write_video(time=20), start_seconds=1.0, end_seconds=2.0)
    spec = ClipSpec(frames=8, short_side=24, size=(24, 24))
    assert open_entry(entry, spec).seconds[0] == 1.0
    assert [view.seconds[0] for view in open_entry_views(entry, spec, clips=2)] == [1.0, 1.0]


def test_a_real_video_is_opened(shared_data):
    spec = ClipSpec(streams=("frames", "flow"), frames=8, short_side=64, size=(56, 56))
    clip = open_clip(shared_data / "clips" / "golf.mp4", spec)
    assert clip.frames.shape == (3, 8, 56, 56)
    assert 0.1 < clip.frames.mean() < 0.9
    assert clip.flow.abs().max() > 0.1


def test_files_that_decoders_get_wrong_are_opened_all_the_same(shared_data):
    spec = ClipSpec(frames=4, stride=2, short_side=32, size=(32, 32))
    for path in sorted((shared_data / "odd_files").iterdir()):
        views = open_views(path, spec, clips=2)
        assert [view.size for view in views] == [(32, 32)] * 2, path.name
        assert sorted(views[1].seconds) == list(views[1].seconds), path.name


# slow twins


def test_a_clip_agrees_with_the_definition_written_out(write_video):
    path = write_video(time=20)
    clip = open_clip(path, BOTH, sampling=sampling.starting_at(3), crop="right")
    with open_video(path) as video:
        picture = resize_picture(video.frames([3, 5, 7, 9, 11, 13]), (24, 32))
    frames = rearrange(picture, "time height width rgb -> rgb time height width") / 255
    close(clip.frames, frames[..., 8:])
    flow = torch.cat([flow_between(picture[t : t + 2])[:, :1] for t in range(5)], dim=1)
    flow = torch.cat([flow, flow[:, -1:]], dim=1)
    close(clip.flow, flow[..., 8:], atol=1e-2, rtol=1e-3)


def test_flow_along_frames_that_stand_still_agrees_with_pairs(moving_clip):
    clip = moving_clip(time=4, height=24, width=32)
    picture = rearrange(clip.frames * 255, "rgb time height width -> time height width rgb")
    picture = picture.to(torch.uint8).contiguous()
    places = [0, 0, 2, 2, 2, 1, 3]
    flow = flow_along(picture, places, BOTH)
    for t, (here, after) in enumerate(pairwise(places)):
        pair = flow_between(picture[[here, after]])[:, 0].half()
        close(flow[:, t], torch.zeros_like(pair) if here == after else pair)
    close(flow[:, -1], flow[:, -2])


# promises


def test_a_clip_is_the_same_with_a_cache_that_is_empty_or_full(write_video, tmp_path):
    path = write_video()
    cache = FlowCache(tmp_path / "flow", limit_bytes=2**24)
    without = open_clip(path, BOTH)
    assert same(open_clip(path, BOTH, flow_cache=cache), without)
    assert same(open_clip(path, BOTH, flow_cache=cache), without)
    other = open_clip(path, BOTH, start_seconds=0.0, flow_cache=cache)
    assert not torch.equal(other.flow, without.flow)


def test_one_view_is_the_clip(write_video):
    path = write_video()
    assert same(open_views(path, BOTH)[0], open_clip(path, BOTH))


def test_the_same_seed_opens_the_same_clip(write_video):
    path = write_video(time=40)
    one, two, other = (
        open_clip(path, BOTH, sampling=sampling.random(draw), crop=random_place(draw))
        for draw in (seeded(5), seeded(5), seeded(6))
    )
    assert same(one, two)
    assert not same(one, other)


def test_a_network_of_frames_alone_costs_no_flow(write_video):
    spec = ClipSpec(frames=4, short_side=24, size=(24, 24))
    assert open_clip(write_video(), spec).flow is None


# refusals


def test_a_short_video_is_refused_where_the_spec_says_so(write_video):
    spec = ClipSpec(**{**BOTH.to_json(), "when_short": "error"})
    with pytest.raises(ClipError, match=r"(?s)moving.mp4 is too short.*got:      4 frames"):
        open_clip(write_video(time=4), spec)


@pytest.mark.parametrize("start", [-0.5, 2.6])
def test_a_start_outside_of_the_video_is_refused(write_video, start):
    with pytest.raises(ClipError, match=r"can't start there"):
        open_clip(write_video(time=20), BOTH, start_seconds=start)


def test_a_crop_outside_of_the_frame_is_refused(write_video):
    with pytest.raises(ClipError, match="does not fit in the frames of"):
        open_clip(write_video(), BOTH, crop=Box(top=0, left=9, height=24, width=24))


def test_two_ways_to_choose_a_clip_are_refused(write_video):
    with pytest.raises(ClipError, match="said twice"):
        open_clip(write_video(), BOTH, start_seconds=0.0, sampling=sampling.centre())


@pytest.mark.parametrize(
    ("views", "message"),
    [({"crops": 2}, "one crop or in three"), ({"clips": 0}, "in one clip or more")],
)
def test_a_number_of_views_that_can_not_be_is_refused(write_video, views, message):
    with pytest.raises(ClipError, match=message):
        open_views(write_video(), BOTH, **views)


def test_a_missing_file_is_refused_with_the_line_of_the_catalog(tmp_path):
    entry = Entry(path=tmp_path / "gone.mp4", label="jog", where="index.csv:12")
    for opening in (open_entry, open_entry_views):
        with pytest.raises(VideoError, match=r"^index.csv:12: .*gone.mp4"):
            opening(entry, BOTH)


def test_a_file_that_is_not_a_video_is_refused(tmp_path):
    path = tmp_path / 'it\'s a "video" ü.mp4'
    path.write_text("<script>")
    with pytest.raises(VideoError, match=r"ü\.mp4"):
        open_clip(path, BOTH)
