import math

import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.evidence import Provenance
from kinetoscope.evidence.stimuli.maximize import layers_with_slope, maximize
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.stimulus import read_stimuli, write_stimuli
from kinetoscope.evidence.stimuli.writings.accentuation import Accentuation
from kinetoscope.evidence.stimuli.writings.fourier import Fourier
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import activation, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.planted import Weigh, drifting_gratings, planted

QUICK = Maximizing(steps=40, travel=1.0)


def made(*asked, **how):
    """The stimuli, where nothing may fail."""
    found = maximize(*asked, **how)
    assert not found.failures
    return found.stimuli


def small_network(units=16):
    torch.manual_seed(0)
    convolution = nn.Conv3d(3, units, 3, padding=1)
    return planted(nn.Sequential(convolution, nn.ReLU()), units, frames=4)


def units_of(network, count):
    return [Unit("layer", channel) for channel in range(count)]


@pytest.mark.slow
def test_a_linear_unit_gets_its_closed_form():
    """Of <w, x> - R(x), by frequency: w^ / (2 l_B + 2 l_TV (kappa |W|^2 + chi |W_t|^2))."""
    torch.manual_seed(1)
    frames, side, chi, bound = 6, 8, 5.0, 100.0
    weights = torch.randn(1, 2, frames, side, side)
    network = planted(
        Weigh(weights),
        1,
        streams=("flow",),
        frames=frames,
        short_side=side,
        size=(side, side),
        flow_scale=1.0,
    )
    prior = Prior(
        bound=bound, alpha=2.0, energy_weight=200.0, smoothness_weight=100.0, periodic=True
    )
    asked = Maximizing(
        steps=800, gain=1.0, travel=2.25, flow=prior, robustness=Robustness(shift=0), leak=0.0
    )
    (found,) = made(network, [Unit("layer", 0)], slowness=[chi], settings=asked)
    fy, fx = torch.meshgrid(torch.fft.fftfreq(side), torch.fft.fftfreq(side), indexing="ij")
    ft = torch.fft.fftfreq(frames)[:, None, None]
    across = 4 * (math.pi * fx).sin() ** 2 + 4 * (math.pi * fy).sin() ** 2 + 0 * ft
    over_time = 4 * (math.pi * ft).sin() ** 2
    energy, smoothness = (weight / (side**2 * bound**2) for weight in (200.0, 100.0))
    resistance = 2 * energy + 2 * smoothness * (across + chi * over_time)
    closed = torch.fft.ifftn(torch.fft.fftn(weights[0], dim=(1, 2, 3)) / resistance, dim=(1, 2, 3))
    closed = closed.real / side**2  # the unit sees side x side pixels
    assert (found.flow - closed).norm() / closed.norm() < 0.01


@pytest.mark.parametrize("seed", range(3))
def test_slower_means_smoother_in_time_and_less_excited(seed):
    torch.manual_seed(seed)
    network = planted(
        nn.Sequential(nn.Conv3d(2, 2, (3, 5, 5), padding="same")),
        2,
        streams=("flow",),
        flow_scale=1.0,
    )
    asked = Maximizing(steps=150, travel=2.25, gain=5.0)
    stimuli = made(
        network, [Unit("layer", 1)], slowness=[0.0, 1.0, 5.0, 10.0], settings=asked, seed=seed
    )
    rough = [
        (each.flow.diff(dim=1).square().sum() / each.flow.square().sum()).item() for each in stimuli
    ]
    assert rough == sorted(rough, reverse=True)
    reached = [each.mean_activation for each in stimuli]
    assert reached == sorted(reached, reverse=True)


def test_the_bound_holds_at_every_step():
    seen = []

    class Watch(nn.Module):
        def forward(self, frames, flow):
            seen.append((frames.norm(dim=1).max().item(), flow.norm(dim=1).max().item()))
            return torch.cat([frames, flow], dim=1) * 10

    network = planted(Watch(), 5, streams=("frames", "flow"), flow_scale=2.0)
    asked = Maximizing(steps=30, travel=3.0, frames=Prior(bound=0.3), flow=Prior(bound=3.0))
    found = made(network, units_of(network, 5), slowness=[0.0], settings=asked)
    longest = torch.tensor(seen).amax(0)
    assert longest[0] <= 0.3 / 0.25 * (1 + 1e-6)
    assert longest[1] <= 3.0 / 2.0 * (1 + 1e-6)
    assert all(each.flow.norm(dim=0).max() <= 3.0 * (1 + 1e-6) for each in found)


def test_a_unit_alone_and_in_a_batch_of_sixteen_gets_the_same_stimulus():
    network = small_network()
    together = made(network, units_of(network, 16), slowness=[0.0, 5.0], settings=QUICK)
    alone = made(network, [Unit("layer", 11)], slowness=[0.0, 5.0], settings=QUICK)
    for mine, theirs in zip(alone, together[22:24], strict=True):
        assert (mine.objective, mine.slowness) == (theirs.objective, theirs.slowness)
        torch.testing.assert_close(mine.frames, theirs.frames, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_the_drifting_grating_that_was_planted_is_found():
    directions = (0, 60, 135, 270)
    network = planted(
        drifting_gratings(directions, side=11, frames=9), 4, frames=16, short_side=48, size=(48, 48)
    )
    asked = Maximizing(steps=50, travel=3.0, gain=20.0)
    for truth, found in zip(
        directions,
        made(network, units_of(network, 4), slowness=[0.1], settings=asked),
        strict=True,
    ):
        turned = abs((found.frames_velocity.direction - truth + 180) % 360 - 180)
        assert turned < 10
        assert found.frames_velocity.speed == pytest.approx(1.0, rel=0.15)


def test_a_unit_that_is_silent_for_noise_is_woken():
    layer = nn.Conv3d(3, 1, 3, padding=1)
    layer.weight.data.fill_(0.05)
    layer.bias.data.fill_(-1.5)
    network = planted(nn.Sequential(layer, nn.ReLU()), 1)
    (found,) = made(network, [Unit("layer", 0)], slowness=[1.0], settings=QUICK)
    assert found.activation > 0


def test_a_stream_that_the_layer_does_not_see_stays_blank():
    class OnlyFlow(nn.Module):
        def forward(self, frames, flow):
            return flow * 1.0

    network = planted(OnlyFlow(), 2, streams=("frames", "flow"))
    (found,) = made(network, [Unit("layer", 0)], slowness=[0.0], settings=QUICK)
    assert found.frames is None
    assert found.flow_velocity.right > 1


def test_the_network_comes_back_as_it_went():
    network = small_network()
    network.train()
    network.model.layer[0].bias.requires_grad_(False)
    made(network, [Unit("layer", 0)], slowness=[0.0], settings=QUICK)
    assert all(module.training for module in network.modules())
    assert [weight.requires_grad for weight in network.parameters()] == [True, False]
    assert all(weight.grad is None for weight in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_stimuli_survive_their_folder(tmp_path):
    network = small_network()
    unit = Unit("layer", 3)
    best = {activation(unit): 0.5}
    ours = made(network, [unit], slowness=[0.0, 5.0], best_real=best, settings=QUICK)
    write_stimuli(tmp_path / unit.file_name, ours, Provenance.of(network))
    for mine, theirs in zip(ours, read_stimuli(tmp_path / unit.file_name), strict=True):
        torch.testing.assert_close(mine.frames, theirs.frames)
        assert (mine.ratio, mine.frames_velocity) == (theirs.ratio, theirs.frames_velocity)
        assert mine.history == theirs.history


@pytest.mark.parametrize(
    ("unit", "message"),
    [(Unit("layer", 99), "no channel 99"), (Unit("layr", 0), "near: layer")],
    ids=["channel", "layer"],
)
def test_refuses_units_that_do_not_exist(unit, message):
    with pytest.raises(UnknownNameError, match=message):
        made(small_network(), [unit], slowness=[0.0], settings=QUICK)


def test_a_layer_that_chooses_can_be_read_and_not_maximized():
    network = build_network("dsts_two_stream_small_toy").eval()
    first = "average.dsts.layer1"
    layers = [f"{first}.{name}" for name in ("pulse", "neuron", "gates", "mix")]
    assert layers_with_slope(network, layers) == (f"{first}.pulse", f"{first}.mix")
    assert all(weight.requires_grad for weight in network.parameters())
    units = [Unit(f"{first}.neuron", 0), Unit(f"{first}.mix", 0)]
    found = maximize(network, units, slowness=(0.0,), settings=QUICK)
    assert [str(each.objective) for each in found.stimuli] == [f"{first}.mix:0"]
    (failure,) = found.failures
    assert "the layer before it" in failure.reason


def test_a_neuron_changes_the_part_of_a_clip_that_it_sees():
    network = small_network()
    clip = Clip(frames=torch.rand(3, 4, 16, 16, generator=torch.Generator().manual_seed(0)))
    asked = Maximizing(steps=5, writing=Accentuation.of(clip, network, reach=0.0))
    unit = neuron(Unit("layer", 3), (2, 3, 12))
    (found,) = made(network, [unit], slowness=[0.0], settings=asked)
    (early, late), (top, bottom), (left, right) = found.box
    torch.testing.assert_close(
        found.frames, clip.frames[:, early:late, top:bottom, left:right], atol=1e-4, rtol=0
    )


@pytest.mark.slow
def test_waves_reach_the_closed_form_too():
    """With the same priors, the numbers behind the pixels do not matter."""
    torch.manual_seed(2)
    network = planted(
        Weigh(torch.randn(1, 2, 6, 8, 8)), 1, streams=("flow",), frames=6, short_side=8,
        size=(8, 8), flow_scale=1.0,
    )  # fmt: skip
    prior = Prior(
        bound=100.0, alpha=2.0, energy_weight=200.0, smoothness_weight=100.0, periodic=True
    )
    asked = {
        writing: Maximizing(
            steps=600, gain=1.0, travel=2.25, flow=prior, writing=writing, leak=0.0,
            robustness=Robustness(shift=0),
        )
        for writing in (Pixels(), Fourier())
    }  # fmt: skip
    pixels, waves = (
        made(network, [Unit("layer", 0)], slowness=[5.0], settings=each)[0].flow
        for each in asked.values()
    )
    assert (waves - pixels).norm() / pixels.norm() < 0.01
