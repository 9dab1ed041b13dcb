"""What stands in the place of what is taken away: hand-computed, and the same outside of it."""

import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import FILLINGS, Removal, blurred
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label

BOTH = ClipSpec(
    streams=("frames", "flow"), frames=5, short_side=4, size=(4, 4), mean=(0.5,) * 3, std=(0.5,) * 3
)


class Sum(torch.nn.Module):
    def forward(self, frames, flow):
        return frames.flatten(1).sum(1, keepdim=True) + flow.flatten(1).sum(1, keepdim=True)


@pytest.fixture
def question():
    chance = torch.Generator().manual_seed(0)
    frames, flow = (
        torch.rand(3, 5, 4, 4, generator=chance),
        torch.rand(2, 5, 4, 4, generator=chance),
    )
    network = Network(Sum(), labels=["sum"], expects=BOTH, name="sum").eval()
    clip, other = (
        Clip(frames=each, flow=flow * sign) for each, sign in ((frames, 1), (1 - frames, -1))
    )
    return Question.about(network, clip, label("sum"), other=other)


def removed(question, filling, *frames_of_time):
    """The frames of the clip, and its flow, without these moments at one pixel."""
    mask = torch.zeros(1, 1, *question.extent)
    mask[:, :, list(frames_of_time), 1, 2] = 1
    found = Removal.of(question, filling).apply({"frames": mask, "flow": mask})
    return found["frames"][0, :, :, 1, 2], found["flow"][0, :, :, 1, 2]


@pytest.mark.parametrize("filling", FILLINGS)
def test_outside_of_the_part_nothing_changes(question, filling):
    mask = torch.zeros(2, 1, *question.extent)
    mask[0, :, 1:3, :2] = 1
    found = Removal.of(question, filling).apply({"frames": mask})
    kept = mask.expand_as(found["frames"]) == 0
    whole = question.streams["frames"].expand_as(found["frames"])
    assert torch.equal(found["frames"][kept], whole[kept])
    assert torch.equal(found["flow"][1], question.streams["flow"][0])


def test_freezing_repeats_the_frame_before_without_motion(question):
    frames, flow = removed(question, "freeze", 2, 3)
    x = question.streams["frames"][0, :, :, 1, 2]
    assert torch.equal(frames, x[:, [0, 1, 1, 1, 4]])
    assert torch.equal(flow[:, 2:4], torch.zeros(2, 2))


def test_at_the_beginning_the_frame_after_is_repeated(question):
    frames, _ = removed(question, "freeze", 0, 1)
    assert torch.equal(frames, question.streams["frames"][0, :, [2, 2, 2, 3, 4], 1, 2])


@pytest.mark.parametrize("filling", ["freeze", "interpolate"])
def test_a_pixel_of_which_nothing_is_left_shows_its_middle_frame(question, filling):
    frames, _ = removed(question, filling, 0, 1, 2, 3, 4)
    torch.testing.assert_close(frames, question.streams["frames"][0, :, [2] * 5, 1, 2])


def test_interpolating_goes_straight_from_before_to_after(question):
    frames, flow = removed(question, "interpolate", 1, 2, 3)
    for stream, found in (("frames", frames), ("flow", flow)):
        x = question.streams[stream][0, :, :, 1, 2]
        line = torch.stack([torch.lerp(x[:, 0], x[:, 4], at / 4) for at in range(5)], dim=1)
        torch.testing.assert_close(found, line)


def test_interpolating_at_an_end_repeats_what_is_left(question):
    frames, _ = removed(question, "interpolate", 3, 4)
    expected = question.streams["frames"][0, :, [0, 1, 2, 2, 2], 1, 2]
    torch.testing.assert_close(frames, expected, rtol=0, atol=1e-5)


def test_grey_is_the_mean_colour_and_no_motion(question):
    for found in removed(question, "grey", 2):
        assert found[:, 2].count_nonzero() == 0


def test_swapping_shows_the_other_clip(question):
    frames, flow = removed(question, "swap", 2)
    torch.testing.assert_close(frames[:, 2], -question.streams["frames"][0, :, 2, 1, 2])
    torch.testing.assert_close(flow[:, 2], -question.streams["flow"][0, :, 2, 1, 2])


def test_a_blur_keeps_what_is_the_same_everywhere():
    torch.testing.assert_close(
        blurred(torch.full((1, 3, 5, 8, 8), 0.3)), torch.full((1, 3, 5, 8, 8), 0.3)
    )


@pytest.mark.parametrize("filling", FILLINGS)
def test_a_part_taken_away_by_a_share_has_a_gradient(question, filling):
    mask = torch.full((1, 1, *question.extent), 0.3, requires_grad=True)
    found = Removal.of(question, filling).apply({"frames": mask, "flow": mask})
    sum(x.square().sum() for x in found.values()).backward()
    assert mask.grad is not None
    assert mask.grad.isfinite().all()
    assert mask.grad.abs().max() > 0


def test_without_another_clip_nothing_is_swapped(question):
    alone = Question.about(question.network, question.clip, label("sum"))
    with pytest.raises(ClipError, match="swapped"):
        Removal.of(alone, "swap")


def test_a_filling_that_is_not_there_is_refused(question):
    with pytest.raises(UnknownNameError, match="freeze"):
        Removal.of(question, "freze")
