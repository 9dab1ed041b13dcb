import math

import pytest
import torch

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.seeds import generator_for
from kinetoscope.evidence.beside.made_clips import KINDS, gratings, made_clips, made_scenes
from kinetoscope.evidence.beside.scenes import Glide, draw_scene
from kinetoscope.evidence.motion.velocity import velocity_of_flow, velocity_of_frames

SPEC = ClipSpec(streams=("frames", "flow"), frames=8, short_side=32, size=(32, 32))
TINY = ClipSpec(frames=2, short_side=4, size=(4, 4))


@pytest.mark.parametrize(
    "spec",
    [
        ClipSpec(frames=1, short_side=8, size=(8, 6)),
        ClipSpec(streams=("flow",), frames=3, short_side=5, size=(5, 5)),
        ClipSpec(streams=("frames", "flow"), frames=2, short_side=1, size=(1, 1)),
    ],
    ids=["one frame", "flow alone", "one pixel"],
)
def test_clips_are_made_for_any_spec_in_display_space(spec):
    batches = list(made_clips(spec, batch=64))
    assert 200 < sum(len(batch) for batch in batches) < 400
    for batch in batches:
        assert (batch.frames is not None) == ("frames" in spec.streams)
        assert (batch.flow is not None) == ("flow" in spec.streams)
        for stream in spec.streams:
            x = batch.stream(stream)
            assert x.shape[2:] == (spec.frames, *spec.size)
            assert x.isfinite().all()
        if batch.frames is not None:
            assert batch.frames.min() >= 0
            assert batch.frames.max() <= 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_clips_whatever_the_batch():
    some = torch.cat([batch.stream("frames") for batch in made_clips(TINY, batch=7)])
    same = torch.cat([batch.stream("frames") for batch in made_clips(TINY, batch=64)])
    other = torch.cat([batch.stream("frames") for batch in made_clips(TINY, seed=1, batch=64)])
    assert torch.equal(some, same)
    assert not torch.equal(some, other)


def test_every_kind_is_there():
    made = len(made_scenes(TINY))
    assert made == sum(len(kind(TINY, generator_for(0))) for kind in KINDS)


@pytest.mark.parametrize("place", range(0, 120, 17))
def test_a_grating_moves_as_its_flow_says(place):
    frames, flow = draw_scene(gratings(SPEC, generator_for(0))[place], SPEC)
    seen, told = velocity_of_frames(frames), velocity_of_flow(flow)
    assert math.hypot(seen.right - told.right, seen.down - told.down) < 0.1 * told.speed


def test_what_stands_still_has_no_flow():
    still = [scene for scene in made_scenes(TINY) if all(s.motion == Glide() for s in scene)]
    assert len(still) > 50
    for scene in still:
        frames, flow = draw_scene(scene, TINY)
        assert flow.abs().max() == 0
        if scene[0].beat == 0:
            assert torch.equal(frames[:, 0], frames[:, 1])
