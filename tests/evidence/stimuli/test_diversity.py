import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.stimuli.diversity import likeness
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.units.reading import read
from kinetoscope.units.unit import Unit
from tests.evidence.planted import drifting_gratings, planted


def definition(answer, groups):
    """Every pair of a group, one after the other."""
    grams = []
    for clip in answer.double():
        lines = clip.flatten(1) if clip.ndim > 1 else clip[:, None]
        grams.append(lines @ lines.T)
    found = []
    for mine, group in enumerate(groups):
        others = [each for each in range(len(groups)) if groups[each] == group and each != mine]
        cosines = [
            ((grams[mine] * grams[each]).sum() / grams[mine].norm() / grams[each].norm()).item()
            for each in others
        ]
        found.append(sum(cosines) / len(cosines) if cosines else 0.0)
    return torch.tensor(found)


def answers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    "shape", [(6, 3, 2, 4, 4), (6, 9, 1, 2, 2), (6, 7)], ids=["many places", "few", "none"]
)
def test_agrees_with_the_definition(shape):
    groups = [4, 0, 4, 7, 0, 4]
    answer = answers(*shape)
    torch.testing.assert_close(
        likeness(answer, groups), definition(answer, groups), atol=1e-5, rtol=1e-5
    )


def test_the_same_channels_elsewhere_are_alike_and_other_channels_are_not():
    one = torch.zeros(4, 2, 3, 3)
    one[0, 0, 1, 1], one[1, 0, 1, 1] = 1.0, 2.0
    elsewhere = 5 * one.roll(1, 3)
    other = one.roll(2, 0)
    torch.testing.assert_close(likeness(torch.stack([one, elsewhere]), [0, 0]), torch.ones(2))
    torch.testing.assert_close(likeness(torch.stack([one, other]), [0, 0]), torch.zeros(2))


def test_clips_of_other_groups_have_no_influence_at_all():
    answer = answers(5, 4, 2, 3, 3).requires_grad_()
    groups = torch.tensor([1, 0, 1, 2, 1])
    mine = groups == 1
    likeness(answer, groups)[mine].sum().backward()
    assert not answer.grad[~mine].any()
    assert answer.grad[mine].any()
    alone = likeness(answer.detach()[mine], [1, 1, 1])
    assert torch.equal(likeness(answer.detach(), groups)[mine], alone)


def test_a_clip_alone_is_like_no_other():
    answer = answers(3, 4, 2, 3, 3).requires_grad_()
    found = likeness(answer, [0, 1, 2])
    assert not found.any()


def test_silent_and_huge_answers_have_finite_gradients():
    answer = torch.stack([torch.zeros(3, 4), 1e12 * answers(3, 4), answers(3, 4)])
    answer.requires_grad_()
    found = likeness(answer, [0, 0, 0])
    found.sum().backward()
    assert found.isfinite().all()
    assert answer.grad.isfinite().all()


def test_falls_when_it_is_descended():
    answer = answers(2, 3, 8).abs().requires_grad_()
    before = likeness(answer, [0, 0])
    (gradient,) = torch.autograd.grad(before.sum(), answer)
    after = likeness(answer.detach() - 0.1 * gradient / gradient.norm() * answer.norm(), [0, 0])
    assert (after < before).all()


class AnyOfFour(nn.Module):
    """Unit 0 likes any of four gratings; the others like one each."""

    def __init__(self):
        super().__init__()
        self.gratings = drifting_gratings((0, 90, 180, 270), side=11, frames=5, wavelength=6.0)

    def forward(self, frames):
        each = self.gratings(frames)
        return torch.cat([each.sum(1, keepdim=True).tanh(), each], dim=1)


@pytest.mark.slow
def test_four_stimuli_of_a_unit_that_likes_four_things_are_those_four():
    network = planted(AnyOfFour(), 5, frames=8, short_side=24, size=(24, 24))

    def liked(diversity):
        asked = Maximizing(steps=50, diverse=4, diversity=diversity)
        made = maximize(network, [Unit("layer", 0)], slowness=(0.0,), settings=asked).stimuli
        batch = ClipBatch(frames=torch.stack([each.frames for each in made]))
        answer = read(network, batch, ["layer"])["layer"]
        return likeness(answer, [0] * 4), answer[:, 1:].mean((2, 3, 4))

    alike, each = liked(100.0)
    assert sorted(each.argmax(1).tolist()) == [0, 1, 2, 3]
    assert (each.amax(1) > 3 * each.median(1).values).all()
    assert (alike < 0.3).all()
    assert (liked(0.0)[0] > 0.9).all()
