import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.priors import Prior


def definition(x, chi, prior):
    """The sums of the module's docstring, one difference at a time."""
    pixels = x.shape[3] * x.shape[4]
    length = x.square().sum(1).sqrt()
    energy = (
        prior.energy_weight
        * length.pow(prior.alpha).sum((1, 2, 3))
        / pixels
        / prior.bound**prior.alpha
    )
    roughness = torch.zeros(len(x), dtype=x.dtype)
    for axis, weight in ((2, chi), (3, prior.kappa), (4, prior.kappa)):
        step = x.roll(-1, axis) - x
        if not prior.periodic:
            step = step.narrow(axis, 0, x.shape[axis] - 1)
        roughness = roughness + weight * step.square().sum((1, 2, 3, 4))
    return energy, prior.smoothness_weight * roughness / pixels / prior.bound**2


def some_clips(seed=0):
    return torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("periodic", [False, True], ids=["borders", "periodic"])
@pytest.mark.parametrize("alpha", [2.0, 3.0, 6.0])
def test_agrees_with_the_definition_and_with_autograd(alpha, periodic):
    x, chi = some_clips().requires_grad_(), torch.tensor([0.0, 5.0]).double()
    prior = Prior(
        bound=2.5,
        alpha=alpha,
        kappa=0.7,
        energy_weight=1.3,
        smoothness_weight=0.4,
        periodic=periodic,
    )
    energy, roughness = definition(x, chi, prior)
    (energy + roughness).sum().backward()
    ours = prior.terms(x.detach(), chi)
    for mine, twin in zip(ours, (energy, roughness, x.grad), strict=True):
        torch.testing.assert_close(mine, twin)


def test_chi_weighs_time_alone():
    steady = torch.randn(1, 2, 1, 5, 5).expand(1, 2, 4, 5, 5).contiguous()
    prior = Prior(bound=1.0)
    slow, free = (prior.terms(steady, torch.tensor([chi]))[1] for chi in (10.0, 0.0))
    torch.testing.assert_close(slow, free)


@given(bound=st.floats(0.1, 5), seed=st.integers(0, 100))
@settings(max_examples=20, deadline=None)
def test_no_pixel_is_longer_than_the_bound_and_shorter_ones_stay(bound, seed):
    x = some_clips(seed)
    before = x.clone()
    Prior(bound=bound).project_(x)
    assert x.norm(dim=1).max() <= bound * (1 + 1e-9)
    within = (before.norm(dim=1, keepdim=True) <= bound).expand_as(x)
    torch.testing.assert_close(x[within], before[within])


@pytest.mark.parametrize(
    "wrong", [{"bound": 0.0}, {"bound": 1.0, "alpha": 0.5}], ids=["bound", "alpha"]
)
def test_refuses_a_prior_that_bounds_nothing(wrong):
    with pytest.raises(ClipError, match="positive bound"):
        Prior(**wrong)
