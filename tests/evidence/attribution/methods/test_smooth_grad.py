"""SmoothGrad: the definition written out, and what noise may not change."""

import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.attribution.methods.gradients import Gradient
from kinetoscope.evidence.attribution.methods.smooth_grad import OVER_SAMPLES, SmoothGrad
from kinetoscope.networks.network import frozen
from kinetoscope.units.objective import label
from tests.evidence.attribution.methods.rectified import asked, network_of


def written(question, samples, noise, seed):
    """Gradients of each sample, `sample channel time height width` a stream."""
    chance = torch.Generator().manual_seed(seed)
    found = {name: [] for name in question.streams}
    for _ in range(samples):
        noisy = {
            name: x + torch.randn(x.shape, generator=chance) * noise * (x.max() - x.min())
            for name, x in question.streams.items()
        }
        with frozen(question.network):
            for name, slope in question.gradients(noisy)[1].items():
                found[name].append(slope[0])
    return {name: torch.stack(each) for name, each in found.items()}


@pytest.mark.parametrize("over_channels", ["sum", "largest"])
@pytest.mark.parametrize("over_samples", OVER_SAMPLES)
def test_agrees_with_the_definition_written_out(over_samples, over_channels):
    question = asked()
    slopes = written(question, 5, 0.2, 7)
    joined = {
        "mean": lambda x: x.mean(0),
        "square": lambda x: (x**2).mean(0),
        "variance": lambda x: x.var(0, correction=0),
    }[over_samples]
    method = SmoothGrad(
        samples=5, noise=0.2, seed=7, over_samples=over_samples, over_channels=over_channels
    )
    found = method.answer(question)
    for name, each in slopes.items():
        one = joined(each)
        expected = one.sum(0) if over_channels == "sum" else one.abs().amax(0)
        torch.testing.assert_close(found.heat[name], expected, rtol=1e-4, atol=1e-7)
    assert found.signed == (over_samples == "mean" and over_channels == "sum")
    assert found.facts["samples"] == 5
    flow = question.streams["flow"]
    assert found.facts["noise of flow"] == pytest.approx(0.2 * float(flow.max() - flow.min()))


def test_of_a_linear_network_noise_changes_nothing():
    question = asked(("frames",), model=nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 144, 3)))
    found = SmoothGrad(samples=4).answer(question).whole
    torch.testing.assert_close(found, Gradient().answer(question).whole)
    spread = SmoothGrad(samples=4, over_samples="variance").answer(question).whole
    torch.testing.assert_close(spread, torch.zeros_like(spread))


def test_the_seed_makes_the_noise():
    question = asked()
    one, same, other = (SmoothGrad(samples=2, seed=s).answer(question).whole for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_random_numbers_of_others_stay_as_they_are():
    before = torch.get_rng_state()
    SmoothGrad(samples=1).answer(asked())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"samples": 0}, ClipError),
        ({"noise": 0.0}, ClipError),
        ({"over_samples": "median"}, UnknownNameError),
    ],
    ids=["no samples", "no noise", "unknown"],
)
def test_settings_without_meaning_are_refused(settings, error):
    with pytest.raises(error):
        SmoothGrad(**settings).check(network_of(), label("a"))
