import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from kinetoscope.networks.zoo import build_network

FUSIONS = ["conv", "sum", "max", "concatenation", "late"]


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    network = build_network("two_stream_small", labels=5)
    shapes, table = shapes_of(network), table_of("two_stream_small")
    assert shapes.pop("label") == (5, 1, 1, 1)
    assert shapes == {layer: table[layer.rpartition(".")[2]] for layer in shapes}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_answers_probabilities_and_has_its_layers(fusion, clips_for, shapes_of):
    network = build_network("two_stream_small_toy", fusion=fusion).eval()
    assert list(shapes_of(network)) == list(network.layers)
    torch.testing.assert_close(network(clips_for(network, 2)).sum(dim=1), torch.ones(2))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_both_predictions_are_averaged_as_probabilities(fusion, clips_for):
    network = build_network("two_stream_small_toy", fusion=fusion, keep_motion=True).eval()
    batch = clips_for(network, 2)
    fused, motion = (branch.softmax(dim=1) for branch in network.branches(batch))
    torch.testing.assert_close(network(batch), (fused + motion) / 2)


def test_late_fusion_lets_each_prediction_see_one_stream(clips_for):
    network = build_network("two_stream_small_toy", fusion="late").eval()
    batch = clips_for(network)
    other = type(batch)(frames=batch.frames, flow=torch.zeros_like(batch.flow))
    assert torch.equal(network.branches(batch)[0], network.branches(other)[0])
    assert not torch.equal(network.branches(batch)[1], network.branches(other)[1])


def test_it_is_cheap(clips_for):
    with torch.device("meta"):
        network = build_network("two_stream_small").eval()
    with FlopCounterMode(display=False) as counter:
        network(clips_for(network))
    assert 50e6 < counter.get_total_flops() / 2 < 250e6
