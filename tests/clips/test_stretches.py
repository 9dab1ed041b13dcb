import pytest
import torch

from kinetoscope.clips import stretches
from kinetoscope.clips.open import open_clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.stretches import open_stretches
from kinetoscope.errors import ClipError, VideoError
from kinetoscope.video.video import Video

FRAMES = ClipSpec(frames=4, stride=2, short_side=24, size=(24, 24))
BOTH = ClipSpec(streams=("frames", "flow"), frames=4, short_side=24, size=(24, 24))


def test_a_video_is_seen_from_its_start_to_its_end(write_video):
    found = list(open_stretches(write_video(time=20), FRAMES, every_seconds=1.0))
    spans = [(each.start_seconds, each.end_seconds) for each in found]
    assert spans == [pytest.approx(span) for span in ((0, 1), (1, 2), (2, 2.5))]
    # 7 frames are spanned, at 8 a second, around 0.5 s, 1.5 s and as near as can be to 2.25 s
    firsts = [each.clip.seconds[0] * 8 for each in found]
    assert firsts == pytest.approx([1, 9, 13])
    assert [each.repeated for each in found] == [0, 0, 0]


@pytest.mark.parametrize("spec", [FRAMES, BOTH], ids=["frames", "frames and flow"])
@pytest.mark.parametrize("every", [0.25, 0.9])
def test_each_clip_is_the_one_that_is_opened_alone(write_video, spec, every):
    path = write_video(time=20)
    for each in open_stretches(path, spec, every_seconds=every):
        alone = open_clip(path, spec, start_seconds=each.clip.seconds[0])
        assert each.clip.seconds == alone.seconds
        assert torch.equal(each.clip.frames, alone.frames)
        if alone.flow is not None:
            assert torch.equal(each.clip.flow, alone.flow)


def test_the_whole_video_is_seen_by_the_clip_in_its_middle(write_video):
    path = write_video(time=20)
    (found,) = open_stretches(path, FRAMES)
    assert torch.equal(found.clip.frames, open_clip(path, FRAMES).frames)
    assert (found.start_seconds, found.end_seconds) == pytest.approx((0, 2.5))


def test_the_file_is_decoded_once_and_straight_on(write_video, monkeypatch):
    monkeypatch.setattr(stretches, "_READ_AT_ONCE", 5)
    asked = []
    read = Video.frames
    monkeypatch.setattr(
        Video,
        "frames",
        lambda self, indices, **how: asked.extend(indices) or read(self, indices, **how),
    )
    assert len(list(open_stretches(write_video(time=40), FRAMES, every_seconds=0.3))) == 17
    assert asked == sorted(set(asked))


def test_no_frame_is_kept_longer_than_it_is_needed(write_video, monkeypatch):
    monkeypatch.setattr(stretches, "_READ_AT_ONCE", 5)
    kept = []
    clip = stretches._clip
    monkeypatch.setattr(
        stretches,
        "_clip",
        lambda footage, order, spec: kept.append(len(footage.place)) or clip(footage, order, spec),
    )
    list(open_stretches(write_video(time=160), FRAMES, every_seconds=0.5))
    assert max(kept) <= 7 + 5  # the length of a clip, and what is read ahead


def test_a_short_video_says_how_many_frames_were_filled(write_video):
    (found,) = open_stretches(write_video(time=5), FRAMES, every_seconds=3.0)
    assert found.clip.time == 4
    assert found.repeated == 1
    assert torch.equal(found.clip.frames[:, 2], found.clip.frames[:, 3])


@pytest.mark.parametrize("every", [0.0, -1.0, float("nan")])
def test_refuses_stretches_without_a_length(write_video, every):
    with pytest.raises(ClipError, match="has a length"):
        list(open_stretches(write_video(), FRAMES, every_seconds=every))


def test_refuses_what_is_no_video(tmp_path):
    with pytest.raises(VideoError):
        list(open_stretches(tmp_path / "absent.mp4", FRAMES))
