"""What becomes of objectives that can't be served, and of streams that are not made."""

import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli import asking
from kinetoscope.evidence.stimuli.ascent import Ascent
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.priors import Prior
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.units.objective import activation, direction, features, label, neuron
from kinetoscope.units.reading import read
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted

QUICK = Maximizing(steps=30, travel=1.0)


class Mixed(nn.Module):
    """Four channels: live, dead, without slope, and one that breaks once it is excited enough."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv3d(3, 4, 3, padding=1)
        with torch.no_grad():
            self.conv.weight[1], self.conv.bias[1] = 0.01, -50.0
            self.conv.weight[2] = 0.0

    def forward(self, frames):
        answer = self.conv(frames)
        breaks = torch.where(answer[:, 3:] > 1.0, torch.nan, answer[:, 3:])
        return torch.cat([answer[:, :3].relu(), breaks], dim=1)


def units(*channels, layer="layer"):
    return [activation(Unit(layer, channel)) for channel in channels]


def test_what_can_not_be_maximized_is_told_and_the_others_go_on():
    found = maximize(planted(Mixed(), 4), units(0, 1, 2, 3), slowness=[0.0, 5.0], settings=QUICK)
    assert [str(each.objective) for each in found.stimuli] == ["layer:0", "layer:0"]
    reasons = {str(each.objective): each.reason for each in found.failures}
    assert "dead" in reasons["layer:1"]
    assert "vanishes everywhere" in reasons["layer:2"]
    assert "not a number at step" in reasons["layer:3"]


def test_a_unit_is_the_same_beside_one_that_breaks():
    network = planted(Mixed(), 4)
    alone, beside = (
        maximize(network, asked, slowness=[1.0], settings=QUICK).of(asked[0])[0]
        for asked in (units(0), units(0, 3, 1))
    )
    torch.testing.assert_close(alone.frames, beside.frames, atol=1e-4, rtol=1e-4)


def test_a_batch_that_does_not_fit_in_memory_is_halved(monkeypatch):
    """Memory that ends is a stand-in here: batches of more than two clips raise as torch does."""
    sizes = []

    class Tight(Ascent):
        def __init__(self, question, makings):
            sizes.append(len(makings))
            if len(makings) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
            super().__init__(question, makings)

    torch.manual_seed(0)
    network = planted(nn.Conv3d(3, 6, 3, padding=1), 6, frames=4)
    roomy = maximize(network, units(*range(6)), slowness=[0.0], settings=QUICK)
    monkeypatch.setattr(asking, "Ascent", Tight)
    found = maximize(network, units(*range(6)), slowness=[0.0], settings=QUICK)
    assert sizes == [6, 3, 1, 1, 1, 1, 1, 1] or max(sizes[2:]) <= 2
    assert not found.failures
    for mine, theirs in zip(found.stimuli, roomy.stimuli, strict=True):
        torch.testing.assert_close(mine.frames, theirs.frames, atol=1e-4, rtol=1e-4)


def test_one_clip_that_does_not_fit_is_told(monkeypatch):
    class Full(Ascent):
        def __init__(self, question, makings):
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 9 bytes")

    monkeypatch.setattr(asking, "Ascent", Full)
    network = planted(nn.Conv3d(3, 2, 3, padding=1), 2, frames=4)
    found = maximize(network, units(0, 1), slowness=[0.0], settings=QUICK)
    assert len(found.failures) == 2
    assert "does not fit in memory" in found.failures[0].reason


class Both(nn.Module):
    """Answers the product of red and of motion to the right."""

    def forward(self, frames, flow):
        return (frames[:, :1] + 1) * (flow[:, :1] + 1)


def two_streams():
    return planted(Both(), 1, streams=("frames", "flow"), frames=4, flow_scale=1.0)


def test_a_stream_is_held_blank_at_a_clip_or_at_its_own_optimum():
    network = two_streams()
    clip = Clip(
        frames=torch.full((3, 4, 16, 16), 0.5), flow=torch.full((2, 4, 16, 16), -3.0), source="back"
    )
    found = {
        name: maximize(
            network, units(0), slowness=[0.0], settings=Maximizing(steps=30, hold={"flow": what})
        ).stimuli[0]
        for name, what in (("blank", "blank"), ("clip", clip), ("own", "own"))
    }
    assert found["blank"].flow is None
    torch.testing.assert_close(found["clip"].flow, clip.flow)
    assert found["own"].flow[0].mean() > 1.0
    assert found["own"].activation > found["blank"].activation > found["clip"].activation
    # Against motion to the left, the less red the better.
    red = {name: each.frames[0].mean().item() for name, each in found.items()}
    assert red["clip"] < 0.45 < 0.55 < red["blank"]
    assert found["clip"].held == {"flow": "clip back"}


def test_what_must_be_together_is_made_together():
    (found,) = maximize(
        two_streams(), units(0), slowness=[0.0], settings=Maximizing(steps=30)
    ).stimuli
    assert found.frames[0].mean() > 0.55
    assert found.flow[0].mean() > 1.0


def test_several_stimuli_of_a_unit_differ():
    torch.manual_seed(0)
    network = planted(nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.ReLU()), 4, frames=4)
    asked = Maximizing(steps=30, diverse=3, diversity=20.0)
    found = maximize(network, units(0, 1), slowness=[0.0], settings=asked).stimuli
    assert [(str(each.objective), each.number) for each in found] == [
        (f"layer:{channel}", number) for channel in (0, 1) for number in (0, 1, 2)
    ]
    assert (found[0].frames - found[1].frames).abs().mean() > 0.01
    assert any(found[0].history["diversity"])


def test_a_unit_that_has_to_be_woken_says_so():
    layer = nn.Conv3d(3, 1, 3, padding=1)
    layer.weight.data.fill_(0.05)
    layer.bias.data.fill_(-1.5)
    network = planted(nn.Sequential(layer, nn.ReLU(inplace=True)), 1)
    (found,) = maximize(network, units(0), slowness=[1.0], settings=QUICK).stimuli
    assert found.woken
    assert found.activation > 0


def test_features_of_a_clip_are_brought_back():
    torch.manual_seed(0)
    network = planted(nn.Conv3d(3, 8, 3, padding=1), 8, frames=4)
    clip = Clip(frames=0.2 + 0.6 * torch.rand(3, 4, 16, 16))
    target = read(network, ClipBatch.of([clip], network.expects), ["layer"])["layer"][0].detach()
    free = Prior(bound=160 / 255, energy_weight=0.0, smoothness_weight=0.0)
    asked = Maximizing(steps=100, frames=free, strength=1000.0)
    (found,) = maximize(
        network, [features("layer", target, name="noise")], slowness=[0.0], settings=asked
    ).stimuli
    assert found.mean_activation > -0.05
    assert (found.frames - clip.frames).abs().mean() < 0.05


def test_labels_directions_and_differences_are_maximized():
    torch.manual_seed(0)
    network = planted(nn.Conv3d(3, 3, 3, padding=1), 3, frames=4)
    vector = [0.0, 1.0, -1.0]
    asked = [
        label("unit 2"),
        direction("layer", vector),
        label("unit 1") - label("unit 2"),
        neuron(Unit("layer", 0)),
        -neuron(Unit("layer", 0)),
    ]
    found = maximize(network, asked, slowness=[0.0], settings=QUICK)
    assert not found.failures
    assert [each.objective for each in found.stimuli] == asked
    assert all(each.mean_activation > 0 for each in found.stimuli)
    assert found.stimuli[3].box is not None


def test_patience_ends_an_ascent_that_has_arrived():
    torch.manual_seed(0)
    network = planted(nn.Conv3d(3, 3, 3, padding=1), 3, frames=4)
    hasty, patient = (
        maximize(
            network, units(0, 1), slowness=[0.0], settings=Maximizing(steps=120, patience=patience)
        ).stimuli
        for patience in (5, None)
    )
    for short, long in zip(hasty, patient, strict=True):
        assert len(short.history["objective"]) < len(long.history["objective"]) == 120
        assert short.activation > 0.95 * long.activation


def test_transparency_shows_where_the_unit_looks():
    class Corner(nn.Module):
        def forward(self, frames):
            return frames[:, :1, 2:4, 4:8, 0:4]

    asked = Maximizing(steps=20, transparency=True)
    (found,) = maximize(planted(Corner(), 1), units(0), slowness=[0.0], settings=asked).stimuli
    assert found.opacity.shape == found.frames.shape[1:]
    inside = torch.zeros_like(found.opacity, dtype=torch.bool)
    inside[1:5, 2:10, 0:6] = True
    assert found.opacity[~inside].sum() < 0.05 * found.opacity.sum()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"slowness": [-1.0]}, "0 or above"),
        ({"slowness": []}, "one value or more"),
        ({"slowness": [0.0], "settings": Maximizing(hold={"flow": "blank"})}, "can't be held"),
    ],
    ids=["negative", "none", "a stream that is not there"],
)
def test_refuses_what_makes_no_sense(how, message):
    with pytest.raises(ClipError, match=message):
        maximize(planted(nn.Conv3d(3, 2, 3, padding=1), 2), units(0), **how)


def test_refuses_no_steps():
    with pytest.raises(ClipError, match="more than 0"):
        Maximizing(steps=0)
