import pytest
import torch
from torch import nn

from kinetoscope.evidence.motion.velocity import velocity_of_frames
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.tie import tie_term
from kinetoscope.units.unit import Unit
from tests.evidence.moved import moved_texture
from tests.evidence.planted import drifting_gratings, planted


def tie(clip, flow, flow_scale=4.0):
    return tie_term(clip, flow / flow_scale, flow_scale=flow_scale, bound=2.0).item()


@pytest.mark.parametrize("velocity", [(1.0, 0.0), (0.0, -2.0), (0.6, 1.3)], ids=str)
def test_true_flow_explains_a_moved_texture_and_wrong_flow_does_not(velocity):
    frames, flow = moved_texture(velocity)
    missed = tie(frames, flow)
    for wrong in (-flow, 0 * flow, flow.flip(1), 2 * flow):
        assert missed < 0.02 * tie(frames, wrong)


def test_flow_to_the_right_is_of_what_goes_right():
    frames, flow = moved_texture((1.0, 0.0))
    assert flow[0, 0].min() > 0
    assert velocity_of_frames(frames[0]).right == pytest.approx(1.0, rel=0.05)
    assert tie(frames, flow) < 1e-9 < tie(frames, -flow)


def test_agrees_with_the_definition_for_whole_pixels():
    chance = torch.Generator().manual_seed(0)
    frames = torch.randn(2, 3, 3, 5, 6, generator=chance).double()
    flow = torch.randint(-2, 3, (2, 2, 3, 5, 6), generator=chance).double()
    missed = torch.zeros(2).double()
    for clip in range(2):
        for t in range(2):
            for y in range(5):
                for x in range(6):
                    right, down = flow[clip, :, t, y, x].int().tolist()
                    if 0 <= x + right < 6 and 0 <= y + down < 5:
                        there = frames[clip, :, t + 1, y + down, x + right]
                        missed[clip] += (there - frames[clip, :, t, y, x]).square().sum()
    found = tie_term(frames, flow / 3, flow_scale=3.0, bound=1.5)
    torch.testing.assert_close(found, missed / (3 * 2 * 5 * 6) / 1.5**2)


def test_both_streams_are_pulled_as_finite_differences_say():
    chance = torch.Generator().manual_seed(0)
    frames = torch.randn(1, 3, 3, 4, 5, generator=chance).double().requires_grad_()
    flow = (0.3 * torch.randn(1, 2, 3, 4, 5, generator=chance)).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, y: tie_term(x, y, flow_scale=1.0, bound=1.0), (frames, flow)
    )


def test_descending_the_tie_finds_the_motion():
    frames, truth = moved_texture((0.7, -0.4))
    velocity = torch.zeros(2, requires_grad=True)
    for _ in range(60):
        flow = velocity.reshape(1, 2, 1, 1, 1).expand_as(truth)
        missed = tie_term(frames, flow, flow_scale=1.0, bound=1.0).sum()
        (gradient,) = torch.autograd.grad(missed, velocity)
        velocity = (velocity - 2.0 * gradient).detach().requires_grad_()
    torch.testing.assert_close(velocity.detach(), torch.tensor([0.7, -0.4]), atol=0.03, rtol=0)


def test_the_last_flow_and_a_clip_of_one_frame_explain_nothing():
    frames, flow = moved_texture((1.0, 0.0))
    other = flow.clone()
    other[:, :, -1] = 99.0
    assert tie(frames, flow) == tie(frames, other)
    single = frames[:, :, :1].clone().requires_grad_()
    missed = tie_term(single, flow[:, :, :1], flow_scale=1.0, bound=1.0)
    missed.sum().backward()
    assert not missed.any()
    assert not single.grad.any()


def test_a_clip_has_the_same_tie_in_any_company():
    first, flow = moved_texture((1.0, 0.5))
    other, wrong = moved_texture((-1.0, 0.0), seed=1)
    both = tie_term(torch.cat([other, first]), torch.cat([-wrong, flow]), flow_scale=1.0, bound=1.0)
    alone = tie_term(first, flow, flow_scale=1.0, bound=1.0)
    torch.testing.assert_close(both[1:], alone)


class Contradicting(nn.Module):
    """Likes a grating that drifts right, beside flow that goes up: no camera sees both."""

    def __init__(self):
        super().__init__()
        self.grating = drifting_gratings((0,), side=11, frames=5)

    def forward(self, frames, flow):
        return self.grating(frames) - flow[:, 1:].tanh()


@pytest.mark.slow
def test_tied_flow_goes_along_with_the_frames_where_that_can_be_seen():
    """Up or down is free: a grating of vertical stripes looks the same."""
    extent = {"frames": 8, "short_side": 24, "size": (24, 24), "flow_scale": 2.0}
    network = planted(Contradicting(), 1, streams=("frames", "flow"), **extent)
    untied, tied = (
        maximize(
            network,
            [Unit("layer", 0)],
            slowness=(0.0,),
            settings=Maximizing(steps=60, tie=tie),
        ).stimuli[0]
        for tie in (0.0, 100.0)
    )
    assert untied.frames_velocity.right == pytest.approx(1.0, rel=0.2)
    assert abs(untied.flow_velocity.right) < 0.1
    assert tied.flow_velocity.right == pytest.approx(tied.frames_velocity.right, rel=0.35)
    assert tied.flow_velocity.down < -1
    assert tied.mean_activation > 0.95 * untied.mean_activation
