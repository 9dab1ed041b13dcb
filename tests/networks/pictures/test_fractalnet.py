from dataclasses import replace

import pytest
import torch

from kinetoscope.networks.pictures.fractalnet import (
    CIFAR,
    LOCAL,
    VARIANTS,
    FractalBlock,
    Join,
    build,
)
from tests.networks.pictures.picture_shapes import count, settled, shapes_of_layers, without_time


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return settled(build(VARIANTS["fractalnet_toy"]))


@pytest.fixture
def pictures():
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def weights_of(columns, channels, labels):
    """Convolutions without bias, two weights a norm, and the layer of scores."""
    before, total = 3, channels[-1] * labels + labels
    for after in channels:
        of_block = columns * before * after + (2**columns - 1 - columns) * after * after
        total += 9 * of_block + 2 * (2**columns - 1) * after
        before = after
    return total


@pytest.mark.parametrize(
    ("name", "weights"), [("fractalnet20", 33_724_618), ("fractalnet40", None)]
)
def test_weights_are_as_many_as_the_expansion_gives(name, weights):
    config = VARIANTS[name]
    with torch.device("meta"):
        found = count(build(config))
    assert found == weights_of(config.columns, config.channels, config.labels)
    assert weights in (found, None)


def test_shapes_are_those_of_the_table(table_of):
    with torch.device("meta"):
        model = build(VARIANTS["fractalnet20"])
    shapes, table = shapes_of_layers(model, "fractalnet20"), without_time(table_of("fractalnet"))
    assert {layer: shapes[layer] for layer in table} == table


@torch.no_grad()
@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_a_block_is_the_expansion_rule_written_out(columns):
    torch.manual_seed(0)
    block = settled(FractalBlock(2, 3, replace(CIFAR, columns=columns), 0))
    convs = [iter(column) for column in block.columns]

    def expand(size, x):
        """What meets in the last join of a block of `size` columns, the longest first."""
        if size == 1:
            return [next(convs[-1])(x)]
        half = sum(meeting := expand(size - 1, x)) / len(meeting)
        return [*expand(size - 1, half), next(convs[columns - size])(x)]

    picture = torch.randn(2, 2, 8, 8)
    meeting = expand(columns, picture)
    torch.testing.assert_close(block(picture, None), sum(meeting) / columns)


@torch.no_grad()
@pytest.mark.parametrize("column", [0, 1, 2])
def test_any_column_alone_is_a_plain_network(toy, pictures, column):
    x = pictures
    for place in range(1, 6):
        for conv in getattr(toy, f"block{place}").columns[column]:
            x = conv(x)
        x = getattr(toy, f"pool{place}")(x)
    plain = toy.mean(toy.label(x))
    toy.paths.column = column
    torch.testing.assert_close(toy(pictures), plain)
    toy.paths.column = None
    assert not torch.allclose(toy(pictures), plain)


def test_dropping_paths_never_drops_all():
    torch.manual_seed(0)
    kept = Join((0, 1, 2), drop=0.95).kept(torch.full((1000,), LOCAL))
    assert kept.sum(dim=0).min() == 1
    assert (kept.sum(dim=0) > 1).any()


def test_local_dropping_leaves_out_the_share_that_it_should():
    torch.manual_seed(0)
    kept = Join((0, 1, 2), drop=0.15).kept(torch.full((20_000,), LOCAL))
    assert kept.mean().item() == pytest.approx(1 - 0.15 + 0.15**3 / 3, abs=0.005)


def test_half_of_the_pictures_see_one_column_and_each_column_as_often(toy):
    torch.manual_seed(0)
    paths = toy.train().paths(torch.empty(6000, 1))
    shares = torch.bincount(paths + 1, minlength=4) / 6000
    torch.testing.assert_close(
        shares, torch.tensor([1 / 2, 1 / 6, 1 / 6, 1 / 6]), atol=0.03, rtol=0
    )


@torch.no_grad()
def test_a_picture_that_sees_one_column_answers_as_that_column_does():
    torch.manual_seed(0)
    join, ended = Join((1, 2), drop=0.15), [torch.randn(3, 2, 4, 4) for _ in range(2)]
    joined = join(ended, torch.tensor([1, 2, 0]))
    assert torch.equal(joined[0], ended[0][0])
    assert torch.equal(joined[1], ended[1][1])
    assert not joined[2].any()  # column 0 does not end here, and goes on from what it held


def test_training_repeats_by_seed(toy, pictures):
    toy.train()
    answers = []
    for _ in range(2):
        torch.manual_seed(3)
        answers.append(toy(pictures))
    assert torch.equal(*answers)


def test_gradients_reach_every_weight(toy, pictures):
    toy(pictures).square().sum().backward()
    assert all(each.grad is not None for each in toy.parameters())
    toy.train()(pictures).sum().backward()
