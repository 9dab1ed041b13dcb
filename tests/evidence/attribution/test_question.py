"""What is asked of a clip: hand-computed values and gradients, and what can't be asked."""

import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network, frozen
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.planted import peephole, zeroed_stream

BOTH = ClipSpec(
    streams=("frames", "flow"),
    frames=2,
    short_side=2,
    size=(2, 2),
    mean=(0.5,) * 3,
    std=(0.25,) * 3,
    flow_scale=2.0,
)


class Sums(torch.nn.Module):
    """The sum of each stream, that of flow squared."""

    def __init__(self):
        super().__init__()
        self.each = torch.nn.Identity()

    def forward(self, frames, flow):
        frames = self.each(frames)
        return torch.stack([frames.flatten(1).sum(1), flow.square().flatten(1).sum(1)], dim=1)


class Count(torch.nn.Module):
    """How many pixels are bright: has no slope."""

    def forward(self, frames):
        return (frames > 0).flatten(1).sum(1, keepdim=True).float()


@pytest.fixture
def question():
    network = Network(Sums(), labels=["frames", "flow"], expects=BOTH, name="sums").eval()
    clip = Clip(frames=torch.full((3, 2, 2, 2), 0.75), flow=torch.full((2, 2, 2, 2), 6.0))
    return Question.about(network, clip, label("flow"))


def test_the_clip_is_held_as_the_network_is_shown_it(question):
    torch.testing.assert_close(question.streams["frames"], torch.ones(1, 3, 2, 2, 2))
    torch.testing.assert_close(question.streams["flow"], torch.full((1, 2, 2, 2, 2), 3.0))


def test_each_version_of_the_clip_has_its_value(question):
    assert question.value == 16 * 9
    versions = {name: torch.cat([x, 0 * x, x / 3]) for name, x in question.streams.items()}
    torch.testing.assert_close(question.values(versions), torch.tensor([144.0, 0.0, 16.0]))
    assert question.asking(label("frames")).value == 24


def test_each_version_has_its_own_gradient(question):
    versions = {name: torch.cat([x, 2 * x]) for name, x in question.streams.items()}
    with frozen(question.network):
        values, slopes = question.gradients(versions)
    torch.testing.assert_close(values, torch.tensor([144.0, 576.0]))
    torch.testing.assert_close(slopes["flow"][0], torch.full((2, 2, 2, 2), 6.0))
    torch.testing.assert_close(slopes["flow"][1], torch.full((2, 2, 2, 2), 12.0))


def test_a_stream_that_is_not_seen_has_a_gradient_of_zeros(question):
    with frozen(question.network):
        _, slopes = question.asking(activation(Unit("each", 0))).gradients(question.streams)
    assert slopes["frames"].any()
    assert torch.equal(slopes["flow"], torch.zeros(1, 2, 2, 2, 2))


def test_another_clip_and_another_network_are_asked_the_same(question):
    still = Clip(frames=torch.full((3, 2, 2, 2), 0.5), flow=torch.zeros(2, 2, 2, 2))
    assert question.of(still).value == 0
    assert question.put_to(question.network).value == question.value


def test_two_versions_at_once_answer_as_alone():
    case = zeroed_stream()
    asked = Question.about(case.network, case.clip, case.objective)
    versions = {name: torch.cat([x, 0.5 * x]) for name, x in asked.streams.items()}
    with frozen(case.network):
        together = asked.values(versions)
        alone = [asked.values({name: x[n : n + 1] for name, x in versions.items()}) for n in (0, 1)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_without_a_slope_there_is_no_gradient():
    spec = ClipSpec(frames=2, short_side=2, size=(2, 2))
    network = Network(Count(), labels=["bright"], expects=spec, name="count").eval()
    asked = Question.about(network, Clip(frames=torch.ones(3, 2, 2, 2)), label("bright"))
    assert asked.value == 24
    with frozen(network), pytest.raises(ClipError, match="occlusion"):
        asked.gradients(asked.streams)


def cut(clip, *, frames=None, side=None):
    return Clip(frames=clip.frames[:, :frames, :side, :side], source="a short video")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": 5}, "5 x 32 x 32"),
        ({"side": 16}, "8 x 16 x 16"),
    ],
    ids=["too short", "too small"],
)
def test_a_clip_of_another_extent_is_refused(change, said):
    case = peephole()
    with pytest.raises(ClipError, match="a short video") as refused:
        Question.about(case.network, cut(case.clip, **change), case.objective)
    assert said in str(refused.value)
    assert "8 x 32 x 32" in str(refused.value)
    assert "open_clip" in str(refused.value)


def test_a_clip_that_is_too_long_is_told_of_windows():
    case = peephole()
    long = Clip(frames=case.clip.frames.repeat(1, 2, 1, 1))
    with pytest.raises(ClipError, match="window by window"):
        Question.about(case.network, long, case.objective)


def test_a_clip_without_the_flow_that_a_network_needs_is_refused():
    case = zeroed_stream()
    with pytest.raises(ClipError, match="flow"):
        Question.about(case.network, Clip(frames=case.clip.frames), case.objective)


@pytest.mark.parametrize(
    ("objective", "near"),
    [
        (label("insid"), "near: inside"),
        (activation(Unit("stages.7", 0)), "stages.0"),
        (activation(Unit("stages.0", 99)), "99"),
    ],
    ids=["class", "layer", "channel"],
)
def test_what_the_network_does_not_have_is_refused(objective, near):
    case = peephole()
    with pytest.raises(UnknownNameError) as refused:
        _ = Question.about(case.network, case.clip, objective).value
    assert near in str(refused.value)
