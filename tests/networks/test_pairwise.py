import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck

from kinetoscope.networks import pairwise
from kinetoscope.networks.pairwise import (
    concatenation_sums,
    dot_product_sums,
    softmax_sums,
)


def numbers(*shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype).requires_grad_()


# The definitions, with the matrix of all pairs


def softmax_of_all_pairs(theta, phi, g, *, scale=1.0):
    pairs = torch.einsum("nci,ncj->nij", theta, phi) * scale
    return torch.einsum("nij,ncj->nci", pairs.softmax(dim=2), g)


def dot_product_of_all_pairs(theta, phi, g):
    return torch.einsum("nij,ncj->nci", torch.einsum("nci,ncj->nij", theta, phi), g) / g.shape[2]


def concatenation_of_all_pairs(a, b, g):
    pairs = torch.relu(a[:, :, None] + b[:, None, :])
    return torch.einsum("nij,ncj->nci", pairs, g) / g.shape[2]


def assert_same(ours, definition, taken, *, tolerance=1e-5):
    """Values and all gradients, against the largest of each; fused attention leaves 1e-7 of 0."""
    answers = [ours(*taken), definition(*taken)]
    upstream = numbers(*answers[0].shape, dtype=answers[0].dtype, seed=9).detach()
    found, wanted = ([answer, *torch.autograd.grad(answer, taken, upstream)] for answer in answers)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        limit = tolerance * max(other.abs().max().item(), 0.1)
        torch.testing.assert_close(one, other, rtol=0, atol=limit)


SIZES = [(1, 1), (7, 5), (5, 7), (40, 160), (160, 40)]


@pytest.mark.parametrize("way", ["matrix", "fused"])
@pytest.mark.parametrize(("channels", "values"), [(6, 6), (8, 4), (4, 8), (1, 1)])
@pytest.mark.parametrize(("places", "keys"), SIZES)
def test_softmax_agrees_with_the_matrix(monkeypatch, way, channels, values, places, keys):
    for limit in ("LARGEST_MATRIX", "LARGEST_MATRIX_OF_UNEQUAL"):
        monkeypatch.setattr(pairwise, limit, 2**22 if way == "matrix" else 0)
    taken = numbers(2, channels, places), numbers(2, channels, keys), numbers(2, values, keys)
    assert_same(
        lambda *taken: softmax_sums(*taken, scale=0.4),
        lambda *taken: softmax_of_all_pairs(*taken, scale=0.4),
        taken,
    )


@pytest.mark.parametrize(("channels", "values"), [(6, 6), (8, 4), (90, 80)])
@pytest.mark.parametrize(("places", "keys"), SIZES)
def test_dot_product_agrees_with_the_matrix(channels, values, places, keys):
    taken = numbers(2, channels, places), numbers(2, channels, keys), numbers(2, values, keys)
    assert_same(dot_product_sums, dot_product_of_all_pairs, taken)


@pytest.mark.parametrize(("places", "keys"), SIZES)
def test_concatenation_agrees_with_the_matrix(places, keys):
    taken = numbers(2, places), numbers(2, keys), numbers(2, 6, keys)
    assert_same(concatenation_sums, concatenation_of_all_pairs, taken)


@pytest.mark.parametrize(
    ("spread", "offset"),
    [(1.0, 0.0), (1e-3, 0.0), (1e3, 0.0), (1.0, 1e4), (1e-3, 1e2)],
    ids=["even", "near", "far", "large and opposite", "near, large and opposite"],
)
def test_concatenation_is_exact_where_large_numbers_cancel(spread, offset):
    a, b = numbers(1, 1500) * spread - offset, numbers(1, 1500, seed=1) * spread + offset
    taken = [each.detach().requires_grad_() for each in (a, b, numbers(1, 3, 1500))]
    exact = [each.detach().double().requires_grad_() for each in taken]
    found, wanted = concatenation_sums(*taken), concatenation_of_all_pairs(*exact)
    found, wanted = (
        [answer, *torch.autograd.grad(answer.sum(), each)]
        for answer, each in ((found, taken), (wanted, exact))
    )
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).norm() < 1e-6 * other.norm()


def test_a_place_that_few_far_keys_count_for_is_exact():
    b = torch.cat([torch.linspace(-1, 1, 1000), torch.tensor([1000.0])])[None]
    a, g = torch.tensor([[-999.9, -1000.0, -2000.0]]), torch.ones(1, 1, 1001)
    sums = concatenation_sums(a, b, g)[0, 0] * 1001
    torch.testing.assert_close(sums, torch.relu(a[0] + 1000), rtol=1e-6, atol=0)


@pytest.mark.parametrize("keys", ["all the same", "in pairs"])
def test_keys_that_tie_count_together(keys):
    b = torch.zeros(1, 8) if keys == "all the same" else torch.arange(8).div(2).floor()[None]
    a = -b.repeat(1, 2) + torch.tensor([-0.5, 0.0]).repeat_interleave(8)
    taken = [each.requires_grad_() for each in (a, b.clone(), torch.randn(1, 3, 8))]
    assert_same(concatenation_sums, concatenation_of_all_pairs, taken)


def test_a_key_at_the_boundary_does_not_count():
    a = torch.zeros(1, 1, requires_grad=True)
    b = torch.zeros(1, 1, requires_grad=True)
    g = torch.ones(1, 1, 1, requires_grad=True)
    sums = concatenation_sums(a, b, g)
    gradients = torch.autograd.grad(sums.sum(), (a, b, g))
    assert [each.item() for each in (sums, *gradients)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("sums", "shapes"),
    [
        (softmax_sums, [(2, 3, 4), (2, 3, 5), (2, 2, 5)]),
        (dot_product_sums, [(2, 3, 4), (2, 3, 5), (2, 2, 5)]),
        (concatenation_sums, [(2, 4), (2, 5), (2, 2, 5)]),
    ],
    ids=["softmax", "dot product", "concatenation"],
)
def test_gradients_and_their_gradients_are_right(sums, shapes):
    taken = [numbers(*shape, dtype=torch.float64, seed=seed) for seed, shape in enumerate(shapes)]
    assert gradcheck(sums, taken)
    assert gradgradcheck(sums, taken)


def test_only_the_gradients_that_are_asked_for_are_computed():
    a, b, g = numbers(1, 4).detach(), numbers(1, 5).detach(), numbers(1, 2, 5)
    concatenation_sums(a, b, g).sum().backward()
    assert g.grad is not None
    assert a.grad is None


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_concatenation_in_half_precision_adds_up_in_full(half):
    a, b, g = (
        each.detach().to(half) for each in (numbers(1, 9), numbers(1, 999), numbers(1, 2, 999))
    )
    found = concatenation_sums(a, b, g)
    wanted = concatenation_of_all_pairs(a.double(), b.double(), g.double())
    assert found.dtype == half
    torch.testing.assert_close(found.double(), wanted, rtol=1e-2, atol=1e-3)


def test_the_order_of_the_keys_does_not_matter():
    a, b, g = numbers(1, 20), numbers(1, 30), numbers(1, 4, 30)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        concatenation_sums(a, b[:, order], g[:, :, order]), concatenation_sums(a, b, g)
    )


class Sums(nn.Module):
    def forward(self, a, b, g):
        return concatenation_sums(a, b, g)


def test_concatenation_has_a_shape_without_values():
    taken = [torch.empty(shape, device="meta") for shape in [(2, 4), (2, 5), (2, 3, 5)]]
    assert concatenation_sums(*taken).shape == (2, 3, 4)


@pytest.mark.slow
def test_concatenation_can_be_exported():
    taken = numbers(2, 4).detach(), numbers(2, 5).detach(), numbers(2, 3, 5).detach()
    exported = torch.export.export(Sums(), taken).module()
    torch.testing.assert_close(exported(*taken), concatenation_sums(*taken))


@pytest.mark.slow
def test_concatenation_stays_exact_over_many_frames():
    a, b, g = numbers(1, 25_088), numbers(1, 25_088, seed=1), numbers(1, 2, 25_088, seed=2)
    found = concatenation_sums(a, b, g)[:, :, :500]
    wanted = concatenation_of_all_pairs(a[:, :500].double(), b.double(), g.double())
    assert (found - wanted).norm() < 1e-6 * wanted.norm()
