import numpy as np
import pytest
import torch
from torch import nn

from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.stimuli.measures.seeds import likeness, spread, stable
from kinetoscope.units.objective import activation, label
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted
from tests.evidence.stimuli.made import made_stimulus

UNIT = activation(Unit("layer", 2))


def network_of_eight():
    torch.manual_seed(0)
    return planted(nn.Sequential(nn.Conv3d(3, 8, 3, padding=1), nn.ReLU()), 8)


def noise(seed, objective=UNIT, **rest):
    frames = torch.rand(3, 8, 16, 16, generator=torch.Generator().manual_seed(seed))
    return made_stimulus(objective, frames=frames, seed=seed, activation=1.0 + seed, **rest)


def test_agrees_with_the_definition_written_out():
    network, stimuli = network_of_eight(), [noise(seed) for seed in range(3)]
    answers = []
    with torch.no_grad():
        blank = network.model.layer(torch.zeros(1, 3, 8, 16, 16))[0].mean((1, 2, 3))
        for each in stimuli:
            answer = network.model.layer((each.frames[None] - 0.5) / 0.25)[0].mean((1, 2, 3))
            answers.append(np.delete((answer - blank).numpy(), 2))
    alike = np.corrcoef(np.stack(answers))
    expected = (alike[0, 1] + alike[0, 2] + alike[1, 2]) / 3
    for found in stable(network, stimuli):
        assert found.measures.stability == pytest.approx(expected, abs=1e-4)
        assert found.measures.activation_spread == pytest.approx(np.std([1, 2, 3], ddof=1) / 2)


def test_the_same_stimulus_is_as_alike_as_can_be_and_its_opposite_is_not():
    network = planted(nn.Conv3d(3, 6, 1), 6)
    frames = 0.5 + 0.4 * torch.rand(3, 8, 16, 16)
    one, same, opposite = (
        made_stimulus(UNIT, frames=x, seed=seed)
        for seed, x in enumerate((frames, frames, 1 - frames))
    )
    assert stable(network, [one, same])[0].measures.stability == pytest.approx(1)
    assert stable(network, [one, opposite])[0].measures.stability == pytest.approx(-1)


def test_only_those_that_differ_in_their_seed_alone_belong_together():
    network = network_of_eight()
    others = [noise(0, slowness=5.0), noise(1, label("unit 3")), noise(2, number=1)]
    pair = [noise(seed) for seed in range(2)]
    mixed = stable(network, [others[0], pair[0], others[1], pair[1], others[2]])
    assert [each.measures.stability is None for each in mixed] == [True, False, True, False, True]
    alone = stable(network, pair, clips_at_once=1)
    assert mixed[1].measures.stability == pytest.approx(alone[0].measures.stability, abs=1e-5)
    assert [each.measures for each in stable(network, others)] == [each.measures for each in others]


def test_labels_are_compared_by_the_other_scores():
    network = network_of_eight()
    (found, _) = stable(network, [noise(seed, label("unit 3")) for seed in range(2)])
    assert -1 <= found.measures.stability <= 1


def test_weights_may_have_another_precision():
    network, pair = network_of_eight(), [noise(seed) for seed in range(2)]
    exact = stable(network, pair)[0].measures.stability
    assert stable(network.bfloat16(), pair)[0].measures.stability == pytest.approx(exact, abs=0.05)


def test_too_few_channels_and_too_few_clips_tell_nothing():
    assert likeness(torch.rand(2, 2)) is None
    assert likeness(torch.rand(1, 9)) is None
    assert likeness(torch.ones(2, 9)) is None
    assert spread([1.0]) is None
    assert spread([-1.0, 1.0]) is None


def test_refuses_stimuli_of_another_network():
    with pytest.raises(UnknownNameError):
        stable(network_of_eight(), [noise(seed, activation(Unit("fc6", 0))) for seed in range(2)])


def test_the_network_comes_back_as_it_went():
    network = network_of_eight().train()
    stable(network, [noise(seed) for seed in range(2)])
    assert all(module.training for module in network.modules())
