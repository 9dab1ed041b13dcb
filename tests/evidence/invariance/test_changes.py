"""Changes of clips, and of their flow with them."""

from dataclasses import replace

import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.invariance.changes import Subject, changes_for
from kinetoscope.evidence.invariance.stretch import Stretch

SPEC = ClipSpec(streams=("frames", "flow"), frames=8, short_side=16, size=(16, 16))
NAMES = [change.name for change in changes_for(SPEC)]


def subject(seed=0):
    chance = torch.Generator().manual_seed(3)
    frames = torch.rand(3, 8, 16, 16, generator=chance)
    flow = torch.randn(2, 8, 16, 16, generator=chance)
    flow[:, -1] = flow[:, -2]
    clip = Clip(frames=frames, flow=flow, seconds=tuple(map(float, range(8))))
    stretch = Stretch(clip=clip, first=0, stride=1, frames=8, known=8)
    drawn = torch.Generator().manual_seed(seed)
    return Subject(clip=clip, stretch=stretch, mean=(0.4, 0.5, 0.6), chance=drawn)


def of(name, value, **where):
    (change,) = changes_for(SPEC, [name])
    return change.make(subject(**where), value)


@pytest.mark.parametrize("coarse", [False, True], ids=["fine", "coarse"])
@pytest.mark.parametrize("name", NAMES)
def test_one_value_changes_nothing(name, coarse):
    (change,) = changes_for(SPEC, [name], coarse=coarse)
    assert list(change.values) == sorted(change.values)
    assert change.steps[change.place] == 0
    made, filled = change.make(subject(), change.unchanged)
    torch.testing.assert_close(made.frames, subject().clip.frames)
    torch.testing.assert_close(made.flow, subject().clip.flow)
    assert filled == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_value_gives_a_clip_of_the_same_extent_that_differs(name):
    (change,) = changes_for(SPEC, [name])
    clip = subject().clip
    for value in change.values:
        made, filled = change.make(subject(), value)
        assert made.frames.shape == clip.frames.shape
        assert made.flow.shape == clip.flow.shape
        assert 0 <= filled <= 1
        assert (value == change.unchanged) == torch.allclose(made.frames, clip.frames)


def test_speeds_reach_from_a_quarter_to_four_times():
    (speed,) = changes_for(SPEC, ["speed"])
    assert (speed.values[0], speed.values[-1]) == (0.25, 4.0)
    assert speed.steps == pytest.approx((-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2))


def test_a_mirrored_clip_moves_the_other_way():
    made, _ = of("flip", 1.0)
    clip = subject().clip
    torch.testing.assert_close(made.frames, clip.frames.flip(3))
    torch.testing.assert_close(made.flow[0], -clip.flow[0].flip(2))


def test_a_quarter_turn_turns_pixels_and_motion():
    made, filled = of("rotation", 90.0)
    clip = subject().clip
    torch.testing.assert_close(made.frames, clip.frames.rot90(1, (2, 3)), atol=1e-5, rtol=0)
    turned = clip.flow.rot90(1, (2, 3))
    # what moved right moves up, which is minus down
    torch.testing.assert_close(made.flow[1], -turned[0], atol=1e-4, rtol=0)
    torch.testing.assert_close(made.flow[0], turned[1], atol=1e-4, rtol=0)
    assert filled == 0


def test_twice_as_large_moves_twice_as_far():
    plain = replace(subject().clip, flow=torch.ones(2, 8, 16, 16))
    (change,) = changes_for(SPEC, ["scale"])
    made, filled = change.make(replace(subject(), clip=plain), 2.0)
    torch.testing.assert_close(made.flow, torch.full_like(made.flow, 2.0))
    assert filled == 0
    assert change.make(replace(subject(), clip=plain), 0.5)[1] == pytest.approx(0.75)


def test_moved_frames_change_places_and_none_keeps_its_own():
    clip = subject().clip
    for share, moved in ((0.25, 2), (0.5, 4), (1.0, 8)):
        made, _ = of("frame order", share)
        same = (made.frames == clip.frames).flatten(2).all(2).all(0)
        assert (~same).sum() == moved
        assert sorted(made.frames[0, :, 0, 0].tolist()) == sorted(clip.frames[0, :, 0, 0].tolist())


def test_the_order_depends_on_its_seed_alone():
    one, again, other = (of("frame order", 1.0, seed=seed)[0].frames for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_contrast_is_about_the_mean_colour_and_leaves_motion():
    made, _ = of("contrast", 0.5)
    clip = subject().clip
    mean = torch.tensor([0.4, 0.5, 0.6]).reshape(3, 1, 1, 1)
    torch.testing.assert_close(made.frames, (clip.frames + mean) / 2)
    assert torch.equal(made.flow, clip.flow)


def test_a_translation_repeats_the_edge():
    made, filled = of("translation", 4.0)
    clip = subject().clip
    torch.testing.assert_close(made.frames[..., 4:], clip.frames[..., :-4])
    torch.testing.assert_close(made.flow[..., 4:], clip.flow[..., :-4])
    assert filled == 0.25


def test_networks_without_frames_have_no_contrast():
    names = [change.name for change in changes_for(replace(SPEC, streams=("flow",)))]
    assert names == [name for name in NAMES if name != "contrast"]


def test_refuses_a_change_that_is_not_there():
    with pytest.raises(UnknownNameError, match="no change is called turn"):
        changes_for(SPEC, ["turn"])
    with pytest.raises(UnknownNameError, match="no change is asked for"):
        changes_for(SPEC, [])
