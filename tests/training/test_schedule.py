import math

import pytest
import torch
from torch import nn

from kinetoscope.training.recipe import Recipe
from kinetoscope.training.schedule import averaged, decay_at, learning_rate


def recipe(**settings):
    return Recipe(network="c3d", catalog="videos", learning_rate=0.1, **settings)


def rates(recipe, steps_per_epoch=10):
    steps = recipe.epochs * steps_per_epoch
    return [learning_rate(recipe, step, steps_per_epoch) for step in range(steps)]


def test_the_rate_rises_in_a_line_and_falls_along_a_cosine():
    found = rates(recipe(epochs=4, warm_up_epochs=1.0))
    assert found[:10] == pytest.approx([0.01 * step for step in range(1, 11)])
    cosine = [0.05 * (1 + math.cos(math.pi * step / 30)) for step in range(30)]
    assert found[10:] == pytest.approx(cosine)


def test_agrees_with_the_librarys_cosine():
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    library = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20)
    for found in rates(recipe(epochs=2, warm_up_epochs=0.0)):
        assert found == pytest.approx(library.get_last_lr()[0])
        optimizer.step()
        library.step()


def test_a_constant_rate_stays_after_the_warm_up():
    assert set(rates(recipe(epochs=2, warm_up_epochs=0.5, schedule="constant"))[4:]) == {0.1}


@pytest.mark.parametrize("warm_up", [0.0, 0.25, 1.0, 2.0, 3.0])
def test_no_step_stands_still(warm_up):
    assert all(0 < rate <= 0.1 for rate in rates(recipe(epochs=2, warm_up_epochs=warm_up)))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_the_average_agrees_with_its_definition(decay):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    average = averaged(model, decay)
    expected = None
    for step in range(30):
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight))
        model(torch.randn(4, 3))
        average.update_parameters(model)
        now = {name: value.clone() for name, value in model.state_dict().items()}
        kept = decay_at(decay, step) if expected else 0.0
        expected = {
            name: kept * expected[name] + (1 - kept) * value
            if expected and value.is_floating_point()
            else value
            for name, value in now.items()
        }
    torch.testing.assert_close(average.module.state_dict(), expected)


def test_without_decay_the_average_is_the_model():
    model = nn.Linear(3, 2)
    average = averaged(model, 0.0)
    for _ in range(3):
        with torch.no_grad():
            model.weight.add_(1.0)
        average.update_parameters(model)
    torch.testing.assert_close(average.module.weight, model.weight, rtol=0, atol=0)
