import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.stimuli.measures.showing import (
    blank,
    can_be_shown,
    check_shown,
    shown,
    shown_in_batches,
)
from kinetoscope.units.objective import activation, label, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted
from tests.evidence.stimuli.made import made_stimulus

BOX = ((2, 5), (4, 10), (0, 16))


class BothStreams(nn.Module):
    def forward(self, frames, flow):
        return torch.cat([frames, flow], dim=1)


def two_streams():
    mean, std = (0.2, 0.3, 0.4), (0.1, 0.2, 0.3)
    return planted(BothStreams(), 5, streams=("frames", "flow"), mean=mean, std=std)


UNIT = activation(Unit("layer", 0))


def test_what_a_neuron_sees_is_put_back_at_its_place():
    network, part = two_streams(), torch.rand(3, 3, 6, 16)
    batch = shown(network, [made_stimulus(UNIT, frames=part, box=BOX)])
    assert torch.equal(batch.frames[0, :, 2:5, 4:10], part)
    normal = network.normalize(batch)
    normal.frames[0, :, 2:5, 4:10] = 0
    assert not normal.frames.any()
    assert not normal.flow.any()


def test_a_blank_stream_has_the_mean_colour_and_no_motion():
    network = two_streams()
    streams = {stream: blank(network.expects, stream) for stream in ("frames", "flow")}
    assert streams["frames"][:, 3, 2, 1].tolist() == pytest.approx([0.2, 0.3, 0.4])
    assert streams["flow"].shape == (2, 8, 16, 16)
    assert not streams["flow"].any()


def test_batches_are_parts_of_the_whole():
    network = two_streams()
    stimuli = [made_stimulus(UNIT, flow=torch.randn(2, 8, 16, 16)) for _ in range(5)]
    batches = list(shown_in_batches(network, stimuli, 2))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert torch.equal(torch.cat([b.flow for b in batches]), shown(network, stimuli).flow)


def test_what_was_made_beside_a_real_stream_is_not_shown_without_it():
    flow = torch.zeros(2, 8, 16, 16)
    assert can_be_shown(made_stimulus(UNIT, flow=flow, held={"frames": "blank"}))
    assert not can_be_shown(made_stimulus(UNIT, flow=flow, held={"frames": "real"}))
    both = made_stimulus(UNIT, flow=flow, frames=torch.rand(3, 8, 16, 16), held={"frames": "own"})
    assert can_be_shown(both)


@pytest.mark.parametrize(
    ("objective", "frames", "box", "error", "words"),
    [
        (label("unit 7"), None, None, UnknownNameError, "unit 7"),
        (neuron(Unit("fc6", 0)), None, None, UnknownNameError, "fc6"),
        (UNIT, torch.rand(3, 8, 32, 32), None, ClipError, "3 x 8 x 32 x 32"),
        (UNIT, torch.rand(3, 3, 6, 15), BOX, ClipError, "3 x 3 x 6 x 16"),
    ],
    ids=["another label", "another layer", "another size", "not what the box holds"],
)
def test_refuses_stimuli_of_another_network(objective, frames, box, error, words):
    with pytest.raises(error, match=words):
        check_shown(two_streams(), [made_stimulus(objective, frames=frames, box=box)])


def test_refuses_a_stream_that_the_network_does_not_take():
    network = planted(nn.Conv3d(3, 2, 1), 2)
    with pytest.raises(ClipError, match="flow"):
        check_shown(network, [made_stimulus(UNIT, flow=torch.zeros(2, 8, 16, 16))])


def test_refuses_nothing_at_all():
    with pytest.raises(ClipError, match="no stimulus"):
        check_shown(two_streams(), [])
