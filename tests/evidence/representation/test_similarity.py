import math
from itertools import permutations

import pytest
import torch

from kinetoscope.evidence.representation.similarity import (
    gram,
    linear_cka,
    unbiased_cka,
    unbiased_cka_of_grams,
)


def random(clips, features, seed=0):
    return torch.randn(clips, features, generator=torch.Generator().manual_seed(seed))


def rotation(size, seed=9):
    return torch.linalg.qr(random(size, size, seed))[0]


# Known answer


def test_a_representation_is_like_itself():
    a = random(12, 5)
    assert linear_cka(a, a) == pytest.approx(1)
    assert unbiased_cka(a, a) == pytest.approx(1)


def test_two_features_that_share_one_direction():
    """By hand: K = xx' + yy', L = xx' for unit x, y at right angles; <K, L> = 1, |K| = sqrt 2."""
    x, y = torch.tensor([1.0, -1, 0, 0]), torch.tensor([0.0, 0, 1, -1])
    assert linear_cka(torch.stack([x, y], 1), x[:, None]) == pytest.approx(1 / math.sqrt(2))
    assert linear_cka(x[:, None], y[:, None]) == pytest.approx(0)


def test_few_clips_and_many_units_look_alike_only_to_the_biased_estimate():
    pairs = [(random(20, 500, seed), random(20, 500, seed + 100)) for seed in range(10)]
    biased = torch.tensor([linear_cka(a, b) for a, b in pairs])
    unbiased = torch.tensor([unbiased_cka(a, b) for a, b in pairs])
    assert biased.min() > 0.9
    assert abs(unbiased.mean()) < 3 * unbiased.std() / math.sqrt(10)
    assert unbiased.abs().max() < 0.25


def test_both_estimates_meet_where_clips_are_many():
    a = random(800, 6)
    b = torch.cat([a[:, :3], random(800, 3, seed=1)], dim=1)
    assert unbiased_cka(a, b) == pytest.approx(linear_cka(a, b), abs=0.02)
    assert unbiased_cka(a, b) == pytest.approx(0.5, abs=0.05)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    held = 0
    for seed in range(60):
        a = random(60, 4, seed)
        b = torch.cat([a[:, :2], random(60, 2, seed + 100)], dim=1)  # in truth 0.5
        found = unbiased_cka_of_grams(gram(a), gram(b))
        held += found.low <= 0.5 <= found.high
    assert held >= 51  # 57 expected; fewer than 51 happen once in a hundred


# Slow twin


def test_agrees_with_the_definition_by_gram_matrices():
    a, b = random(9, 4).double(), random(9, 7, seed=1).double()
    centre = torch.eye(9).double() - 1 / 9
    k, l = (centre @ x @ x.T @ centre for x in (a, b))  # noqa: E741
    expected = torch.trace(k @ l) / torch.sqrt(torch.trace(k @ k) * torch.trace(l @ l))
    assert linear_cka(a, b) == pytest.approx(expected.item())


@pytest.mark.parametrize("clips", [6, 40], ids=["few clips", "many clips"])
def test_few_clips_and_few_features_give_the_same_number(clips):
    """Zero features are added until the other form is chosen."""
    a, b = random(clips, 8), random(clips, 8, seed=1)
    padded = torch.cat([a, torch.zeros(clips, 100)], dim=1)
    assert linear_cka(padded, b) == pytest.approx(linear_cka(a, b))


def test_agrees_with_the_u_statistic_over_all_quadruples():
    a, b = random(6, 3).double(), random(6, 4, seed=1).double()
    products = {"k": a @ a.T, "l": b @ b.T}

    def hsic(k, l):  # noqa: E741
        terms = [
            k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in permutations(range(6), 4)
        ]
        return sum(terms) / len(terms)

    k, l = products["k"], products["l"]  # noqa: E741
    expected = hsic(k, l) / torch.sqrt(hsic(k, k) * hsic(l, l))
    assert unbiased_cka(a, b) == pytest.approx(expected.item())


def test_the_interval_agrees_with_leaving_out_each_clip():
    a = random(15, 3)
    b = torch.cat([a[:, :1], random(15, 2, seed=1)], dim=1)
    others = [[row for row in range(15) if row != out] for out in range(15)]
    values = torch.tensor([unbiased_cka(a[rows], b[rows]) for rows in others]).double()
    spread = math.sqrt(14 / 15 * (values - values.mean()).square().sum())
    found = unbiased_cka_of_grams(gram(a), gram(b))
    assert found.value == pytest.approx(unbiased_cka(a, b))
    assert found.low == pytest.approx(found.value - 1.959964 * spread)
    assert found.high == pytest.approx(min(1, found.value + 1.959964 * spread))


# Promises


@pytest.mark.parametrize("estimate", [linear_cka, unbiased_cka])
def test_rotations_scales_and_shifts_of_features_change_nothing(estimate):
    a, b = random(30, 6), random(30, 4, seed=1)
    before = estimate(a, b)
    assert estimate(a @ rotation(6), b) == pytest.approx(before, abs=1e-5)
    assert estimate(7 * a - 3, 0.01 * b @ rotation(4) + 5) == pytest.approx(before, abs=1e-4)
    assert estimate(b, a) == pytest.approx(before)


@pytest.mark.parametrize("estimate", [linear_cka, unbiased_cka])
def test_tiny_answers_count_as_large_ones_do(estimate):
    a, b = random(30, 6).double(), random(30, 4, seed=1).double()
    assert estimate(1e-12 * a, b) == pytest.approx(estimate(a, b))


@pytest.mark.parametrize("estimate", [linear_cka, unbiased_cka])
def test_a_layer_that_is_the_same_for_all_clips_is_like_nothing(estimate):
    assert math.isnan(estimate(torch.full((8, 3), 0.1), random(8, 2)))


def test_below_four_clips_there_is_no_estimate_and_below_five_no_interval():
    assert math.isnan(unbiased_cka(random(3, 2), random(3, 2)))
    found = unbiased_cka_of_grams(gram(random(4, 2)), gram(random(4, 3, seed=1)))
    assert not math.isnan(found.value)
    assert math.isnan(found.low)


# Refusals


def test_refuses_rows_that_are_not_of_the_same_clips():
    with pytest.raises(Exception, match="clip"):
        linear_cka(random(5, 2), random(6, 2))
