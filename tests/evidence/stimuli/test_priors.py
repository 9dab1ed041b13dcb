import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.priors import Prior, squared_length


def definition(x, chi, prior):
    """The sums of the module's docstring, whatever the power."""
    pixels = x.shape[3] * x.shape[4]
    length = x.square().sum(1).sqrt()
    energy = (
        prior.energy_weight
        * length.pow(prior.alpha).sum((1, 2, 3))
        / pixels
        / prior.bound**prior.alpha
    )
    flat = (prior.softness * prior.bound) ** 2
    together = torch.zeros_like(x[:, 0]) + flat
    for axis, weight in ((2, chi[:, None, None, None]), (3, prior.kappa), (4, prior.kappa)):
        step = x.roll(-1, axis) - x
        if not prior.periodic:
            last = torch.arange(x.shape[axis]) == x.shape[axis] - 1
            step = step.movedim(axis, -1).masked_fill(last, 0.0).movedim(-1, axis)
        together = together + weight * step.square().sum(1)
    power = prior.smoothness_power
    roughness = (together ** (power / 2) - flat ** (power / 2)).sum((1, 2, 3))
    return energy, prior.smoothness_weight * roughness / pixels / prior.bound**power


def some_clips(seed=0):
    return torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(seed)).double()


def agrees_with_autograd(prior, x, chi):
    x = x.clone().requires_grad_()
    energy, roughness = definition(x, chi, prior)
    (energy + roughness).sum().backward()
    ours = prior.terms(x.detach(), chi)
    for mine, twin in zip(ours, (energy, roughness, x.grad), strict=True):
        torch.testing.assert_close(mine, twin.detach())


@pytest.mark.parametrize("periodic", [False, True], ids=["borders", "periodic"])
@pytest.mark.parametrize("alpha", [2.0, 3.0, 6.0])
@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 3.0])
def test_agrees_with_the_definition_and_with_autograd(power, alpha, periodic):
    prior = Prior(
        bound=2.5,
        alpha=alpha,
        kappa=0.7,
        energy_weight=1.3,
        smoothness_weight=0.4,
        smoothness_power=power,
        softness=0.1,
        periodic=periodic,
    )
    agrees_with_autograd(prior, some_clips(), torch.tensor([0.0, 5.0]).double())


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("shape", [(1, 3, 1, 5, 5), (3, 1, 2, 2, 2), (2, 2, 4, 1, 6)], ids=str)
def test_agrees_with_the_definition_for_clips_of_one_frame_row_or_channel(shape, power):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
    chi = torch.full((len(x),), 2.0).double()
    agrees_with_autograd(Prior(bound=1.0, smoothness_power=power), x, chi)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=str)
def test_a_clip_has_the_same_terms_alone_in_any_layout_and_gone_through_in_pieces(
    power, layout, monkeypatch
):
    x = some_clips().repeat(3, 1, 1, 1, 1).contiguous(memory_format=layout)
    chi, prior = torch.arange(6.0).double(), Prior(bound=1.5, smoothness_power=power)
    whole = prior.terms(x, chi)
    assert whole[2].is_contiguous(memory_format=layout)
    alone = prior.terms(some_clips()[1:], chi[3:4])
    monkeypatch.setattr("kinetoscope.evidence.stimuli.priors._PIECE", 2 * x[0].numel())
    pieces = prior.terms(x, chi)
    for together, by_itself, parted in zip(whole, alone, pieces, strict=True):
        torch.testing.assert_close(together[3:4], by_itself)
        torch.testing.assert_close(together, parted)


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 4.0])
def test_what_is_constant_has_no_roughness_and_a_finite_slope(power):
    prior = Prior(bound=2.0, smoothness_power=power, softness=0.01 if power < 2 else 0.0)
    for value in (0.0, 1.0):
        clip = torch.full((1, 2, 3, 4, 5), value)
        energy, roughness, gradient = prior.terms(clip, torch.ones(1))
        assert roughness.item() == pytest.approx(0.0, abs=1e-7)
        assert energy.isfinite().all()
        assert gradient.isfinite().all()
        assert value or not gradient.any()


def test_an_edge_is_as_good_as_a_slope_for_power_one_and_worse_for_power_two():
    slope = torch.linspace(0, 1, 9).expand(1, 1, 1, 1, 9)
    edge = (slope > 0.5).float()
    chi = torch.zeros(1)
    first, second = (
        Prior(bound=1.0, smoothness_power=power, softness=1e-4) for power in (1.0, 2.0)
    )
    torch.testing.assert_close(
        first.terms(edge, chi)[1], first.terms(slope, chi)[1], rtol=2e-3, atol=0
    )
    torch.testing.assert_close(second.terms(edge, chi)[1], 8 * second.terms(slope, chi)[1])


def test_edges_of_both_components_cost_less_where_they_are_the_same():
    edge = (torch.arange(8) > 3).float().expand(1, 1, 1, 8, 8)
    chi, prior = torch.zeros(1), Prior(bound=1.0, smoothness_power=1.0, softness=1e-3)
    together = torch.cat([edge, edge], dim=1)
    shifted = (torch.arange(8) > 5).float().expand(1, 1, 1, 8, 8)
    apart = torch.cat([edge, shifted], dim=1)
    assert prior.terms(together, chi)[1] < 0.75 * prior.terms(apart, chi)[1]
    squares = Prior(bound=1.0)
    torch.testing.assert_close(squares.terms(together, chi)[1], squares.terms(apart, chi)[1])


@given(by=st.floats(0.01, 100), power=st.sampled_from([1.0, 2.0, 3.0]))
@settings(max_examples=20, deadline=None)
def test_a_prior_in_other_units_says_the_same_of_the_same_clip(by, power):
    prior, chi = Prior(bound=1.5, smoothness_power=power), torch.tensor([0.5, 3.0]).double()
    energy, roughness, gradient = prior.terms(some_clips(), chi)
    again = prior.scaled(by).terms(by * some_clips(), chi)
    for mine, theirs in zip(again, (energy, roughness, gradient / by), strict=True):
        torch.testing.assert_close(mine, theirs)
    assert prior.scaled(by).bound == pytest.approx(1.5 * by)


def test_lengths_of_pixels_can_be_differentiated_in_any_layout():
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        x = some_clips().contiguous(memory_format=layout).requires_grad_()
        squared = squared_length(x)
        torch.testing.assert_close(squared, x.square().sum(1, keepdim=True))
        (gradient,) = torch.autograd.grad(squared.sum(), x)
        torch.testing.assert_close(gradient, 2 * x.detach())


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
    ("wrong", "message"),
    [
        ({"smoothness_power": 0.5}, "a power of 1 or more"),
        ({"smoothness_power": 1.0, "softness": 0.0}, "no slope where nothing changes"),
        ({"softness": -0.1}, "softened by something"),
    ],
    ids=["power", "no softness", "negative softness"],
)
def test_refuses_a_smoothness_without_slope(wrong, message):
    with pytest.raises(ClipError, match=message):
        Prior(bound=1.0, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"bound": 0.0}, {"bound": 1.0, "alpha": 0.5}], ids=["bound", "alpha"]
)
def test_refuses_a_prior_that_bounds_nothing(wrong):
    with pytest.raises(ClipError, match="positive bound"):
        Prior(**wrong)
