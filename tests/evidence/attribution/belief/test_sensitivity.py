"""By hand where the network is linear, and as captum has it with the same draws."""

import math

import captum.metrics
import pytest
import torch

from kinetoscope.evidence.attribution.attribution import Attribution
from kinetoscope.evidence.attribution.belief.curves import Taking
from kinetoscope.evidence.attribution.belief.segments import Segments
from kinetoscope.evidence.attribution.belief.sensitivity import (
    Losses,
    completeness_gap,
    infidelity,
    losses,
    max_sensitivity,
    noisy,
    sensitivity_n,
)
from kinetoscope.evidence.attribution.methods.gradients import Gradient
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.removal import Removal
from tests.evidence.attribution.belief.known import joined, linear

WEIGHTS = torch.tensor([[[2.0, 4.0, 1.0, 3.0]]])
FOUR = Segments((1, 1, 4), (1, 1, 4))


@pytest.fixture
def found():
    return losses(Taking(linear(WEIGHTS), FOUR, "grey"), shares=(0.25, 0.5), draws=6, seed=1)


def test_sets_are_of_the_sizes_that_were_asked_for(found):
    assert found.taken.sum(1).tolist() == [1] * 6 + [2] * 6
    assert found.to_lose == pytest.approx(10)
    torch.testing.assert_close(found.lost, found.taken.double() @ WEIGHTS.flatten().double())


def test_what_a_linear_network_is_made_of_tells_its_losses_exactly(found):
    heat = WEIGHTS.flatten().double()
    assert sensitivity_n(heat, found) == pytest.approx(1)
    assert sensitivity_n(-heat, found) == pytest.approx(-1)
    assert infidelity(heat, found, scaled=False) == pytest.approx(0)
    assert infidelity(3 * heat, found) == pytest.approx(0)
    assert infidelity(0 * heat, found) == pytest.approx(1)


def test_correlation_is_the_mean_over_sizes_by_hand():
    taken = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]]).bool()
    lost = torch.tensor([1.0, 2.0, 3.0, 0.0, 0.0, 1.0]).double()
    found = Losses(taken=taken, lost=lost, to_lose=3.0, each=3)
    heat = torch.tensor([1.0, 3.0, 2.0]).double()  # summed: 1 3 2, and 4 5 3
    assert sensitivity_n(heat, found) == pytest.approx((0.5 - math.sqrt(3) / 2) / 2)
    assert infidelity(heat, found, scaled=False) == pytest.approx((0 + 1 + 1 + 16 + 25 + 4) / 6)
    assert math.isnan(sensitivity_n(torch.ones(3).double(), found))


@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_is_that_of_captum_with_the_same_draws(scaled):
    question, chance = joined(), torch.Generator().manual_seed(5)
    segments = Segments(question.extent, (2, 4, 4))
    heat = torch.randn(question.extent, generator=chance)
    found = losses(Taking(question, segments, "grey"), shares=(0.2, 0.5), draws=4, seed=2)
    own = infidelity(segments.sums(heat), found, scaled=scaled)

    removal, masks = Removal.of(question, "grey"), segments.masks(found.taken)
    given = tuple(question.streams.values())
    shares = [heat.expand_as(x) / (x.shape[1] * len(given)) for x in given]  # a pixel once

    def perturb(inputs):
        changed = tuple(removal.apply(dict.fromkeys(question.streams, masks)).values())
        return tuple(masks.expand_as(x) for x in changed), changed

    def values(*versions):
        return question.values(dict(zip(question.streams, versions, strict=True)))

    with torch.no_grad():
        theirs = captum.metrics.infidelity(
            *(values, perturb, given, tuple(shares)),
            n_perturb_samples=len(masks),
            normalize=scaled,
        )
    if scaled:
        theirs = theirs / found.lost.square().mean()
    assert own == pytest.approx(float(theirs[0]), rel=1e-4)


def test_max_sensitivity_is_that_of_captum_with_the_same_draws():
    question = joined()
    own = max_sensitivity(
        *(Gradient(), question, Gradient().answer(question)), draws=3, radius=0.05, seed=4
    )
    chance = torch.Generator().manual_seed(4)
    drawn = [noisy(question.clip, 0.05, 20.0, chance) for _ in range(3)]
    assert question.network.expects.flow_scale == 20.0

    def perturb(inputs, radius):
        return torch.stack([both(clip) for clip in drawn])

    def both(clip):
        return torch.cat([clip.frames, clip.flow])

    def explain(inputs):
        (inputs,) = inputs if isinstance(inputs, tuple) else (inputs,)
        found = []
        for each in inputs:
            about = Question.about(
                question.network,
                type(question.clip)(frames=each[:3], flow=each[3:]),
                question.objective,
            )
            found.append(torch.stack([*Gradient().answer(about).heat.values()]))
        return (torch.stack(found),)

    theirs = captum.metrics.sensitivity_max(
        *(explain, both(question.clip)[None], perturb), perturb_radius=0.05, n_perturb_samples=3
    )
    assert own == pytest.approx(float(theirs[0]), rel=1e-4)


def test_noise_stays_in_display_space_and_within_its_radius():
    clip = joined().clip
    found = noisy(clip, 0.5, 2.0, torch.Generator().manual_seed(0))
    assert 0 <= found.frames.min() <= found.frames.max() <= 1
    assert 0.9 < (found.flow - clip.flow).abs().max() <= 1


def test_completeness_is_a_part_of_what_there_is_to_lose():
    heat = {"frames": torch.full((1, 1, 4), 1.0), "flow": torch.full((1, 1, 4), 2.0)}
    attribution = Attribution(method="m", heat=heat, value=0.0)
    assert completeness_gap(attribution, 10.0) == pytest.approx(0.2)
    assert completeness_gap(attribution, -12.0) == pytest.approx(2)
    assert math.isnan(completeness_gap(attribution, 0.0))
