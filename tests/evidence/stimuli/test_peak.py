"""What is best in one place: its share of the objective, and clips that come to rest."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.units.objective import activation
from kinetoscope.units.unit import Unit
from tests.evidence.planted import Weigh, planted


def network():
    """A unit that answers a little to grey everywhere, and much to a bright spot on black."""
    filters = nn.Conv3d(3, 1, (1, 3, 3), padding="same")
    filters.weight.data.fill_(-0.05)
    filters.weight.data[:, :, :, 1, 1] = 1.0
    filters.bias.data.fill_(0.2)
    return planted(nn.Sequential(filters, nn.ReLU()), 1)


def best(peak):
    settings = Maximizing(steps=40, peak=peak)
    (found,) = maximize(network(), [Unit("layer", 0)], slowness=(0.0,), settings=settings).stimuli
    return found


def test_the_best_place_answers_more_where_it_counts_by_itself():
    mean, peak = best(0.0), best(0.5)
    assert peak.activation > 1.2 * mean.activation
    assert peak.mean_activation > 0.7 * mean.mean_activation


def test_what_has_its_place_in_the_frame_is_found_where_clips_come_to_rest():
    weights = torch.randn(1, 3, 8, 16, 16, generator=torch.Generator().manual_seed(0))
    network = planted(Weigh(weights), 1)
    settings = Maximizing(steps=40, robustness=Robustness(shift=4))
    unrest, rest = (
        maximize(
            network, [Unit("layer", 0)], slowness=(0.0,), settings=replace(settings, settle=settle)
        ).stimuli[0]
        for settle in (0.0, 0.5)
    )
    assert rest.activation > 1.5 * unrest.activation > 0


class Narrow(nn.Module):
    """A unit that answers to clips of one brightness, and to nothing that is far from it."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def forward(self, x):
        missed = (x.mean(dim=1, keepdim=True) - 1.4).abs()
        return self.relu(0.2 - missed.mean(dim=(2, 3, 4), keepdim=True))


def test_a_unit_that_is_leapt_over_in_the_first_steps_is_found_in_a_second_ascent():
    network, unit = planted(Narrow(), 1), activation(Unit("layer", 0))
    settings = Maximizing(steps=40, travel=20.0, opening=0.05, robustness=Robustness(shift=0))
    (found,) = maximize(network, [unit], slowness=(0.0,), settings=settings).stimuli
    assert found.woken
    assert found.activation > 0.15
    silent = maximize(
        network, [unit], slowness=(0.0,), settings=settings, best_real={unit: 0.0}
    ).failures
    assert "dead" in silent[0].reason  # where no real clip excites it either, one ascent is enough


@pytest.mark.parametrize("name", ["peak", "settle"])
@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_lies_between_nothing_and_all(name, share):
    with pytest.raises(ClipError, match="from 0 to 1"):
        Maximizing(**{name: share})
