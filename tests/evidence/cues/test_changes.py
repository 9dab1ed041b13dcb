import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.cues import changes
from kinetoscope.evidence.cues.changes import changes_for

from .moving import moving_clips

close = torch.testing.assert_close


def made(streams=("frames", "flow"), stills=1, shuffles=1, seed=0):
    clips, _ = moving_clips(4)
    found = changes_for(streams, stills=stills, shuffles=shuffles, seed=seed)
    return clips, {each.name: list(each.clips(clips, clips[::-1])) for each in found}, found


def test_streams_are_taken_away_only_where_there_are_two():
    _, of_frames, _ = made(streams=("frames",))
    _, of_both, _ = made()
    assert set(of_both) - set(of_frames) == {
        *("frames blank", "flow blank", "both blank", "frames swapped", "flow swapped")
    }
    assert next(iter(of_both)) == changes.AS_IT_IS


def test_every_change_does_what_it_is_called():
    clips, shown, _ = made()
    first, other = clips[0], clips[-1]
    assert shown[changes.AS_IT_IS][0] is first
    assert not shown[changes.FROZEN][0].flow.any()
    close(shown[changes.FROZEN][0].frames[:, 0], first.frames[:, 4])
    close(shown[changes.REVERSED][0].frames, first.frames.flip(1))
    close(shown[changes.OTHER_TEXTURE][0].frames[:, -1], other.frames[:, 4])
    close(shown[changes.OWN_TEXTURE][0].frames[:, -1], first.frames[:, 4])
    for name in (changes.OTHER_TEXTURE, changes.OWN_TEXTURE, changes.FRAMES_SWAPPED):
        assert torch.equal(shown[name][0].flow, first.flow)
    assert torch.equal(shown[changes.FRAMES_SWAPPED][0].frames, other.frames)
    assert torch.equal(shown[changes.FLOW_SWAPPED][0].flow, other.flow)
    shuffled = shown[changes.SHUFFLED][0].frames
    assert sorted(shuffled[0, :, 8, 8].tolist()) == sorted(first.frames[0, :, 8, 8].tolist())


def test_clips_are_frozen_at_frames_that_are_spread_evenly():
    clips, _, found = made(stills=3)
    frozen = [each for each in found if each.name == changes.FROZEN]
    stills = [next(iter(each.clips(clips, clips))).frames[:, 0] for each in frozen]
    for still, at in zip(stills, (1, 4, 6), strict=True):
        close(still, clips[0].frames[:, at])


def test_orders_follow_from_the_seed():
    first, again, other = (made(seed=seed)[1][changes.SHUFFLED] for seed in (0, 0, 5))
    assert torch.equal(first[1].frames, again[1].frames)
    assert not all(torch.equal(a.frames, b.frames) for a, b in zip(first, other, strict=True))


def test_a_blank_stream_is_zero_after_normalizing_and_the_other_is_left():
    _, _, found = made()
    blank = {each.name: each for each in found}
    batch = ClipBatch(frames=torch.ones(1, 3, 2, 4, 4), flow=torch.ones(1, 2, 2, 4, 4))
    shown = blank[changes.FLOW_BLANK].blanked(batch)
    assert not shown.flow.any()
    assert shown.frames.all()
    assert not blank[changes.BOTH_BLANK].blanked(batch).frames.any()
    assert blank[changes.AS_IT_IS].blanked(batch).flow.all()
