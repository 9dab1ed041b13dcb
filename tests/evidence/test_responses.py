from dataclasses import replace

import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import UnknownNameError
from kinetoscope.evidence.responses import respond
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import SCORES, read


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network("two_stream_small_toy", labels=["a", "b", "c"]).train()


def batches(network, sizes):
    expects = network.expects
    numbers = torch.Generator().manual_seed(0)
    extent = (expects.frames, *expects.size)
    frames = torch.rand(sum(sizes), 3, *extent, generator=numbers)
    flow = torch.randn(sum(sizes), 2, *extent, generator=numbers)
    places = torch.arange(sum(sizes)).split(list(sizes))
    return [ClipBatch(frames=frames[place], flow=flow[place]) for place in places]


def test_the_largest_and_the_mean_are_those_over_all_places(network):
    (batch,) = batches(network, [3])
    found = respond(network, [batch], ["fusion", SCORES])
    network.eval()
    with torch.no_grad():
        answer = read(network, batch, ["fusion"])["fusion"]
        scores = network.scores(batch)
    network.train()
    torch.testing.assert_close(found.largest["fusion"], answer.amax(dim=(2, 3, 4)))
    torch.testing.assert_close(found.mean["fusion"], answer.mean(dim=(2, 3, 4)))
    torch.testing.assert_close(found.scores, scores)


def test_the_answer_does_not_depend_on_the_batch_and_the_mode_stays(network):
    one = respond(network, batches(network, [1, 1, 1]), ["conv4", SCORES])
    three = respond(network, batches(network, [3]), ["conv4", SCORES])
    torch.testing.assert_close(one.largest["conv4"], three.largest["conv4"])
    torch.testing.assert_close(one.scores, three.scores)
    assert network.training


def test_a_stream_can_be_blanked_after_normalizing(network):
    made = batches(network, [2])
    found = respond(
        network,
        made,
        ["motion.conv1"],
        normalized_change=lambda batch: replace(batch, flow=torch.zeros_like(batch.stream("flow"))),
    )
    still = [replace(batch, flow=torch.zeros_like(batch.stream("flow"))) for batch in made]
    expected = respond(network, still, ["motion.conv1"])
    torch.testing.assert_close(found.largest["motion.conv1"], expected.largest["motion.conv1"])
    assert found.scores is None


def test_a_layer_that_is_not_there_is_refused(network):
    with pytest.raises(UnknownNameError, match="fusoin"):
        respond(network, batches(network, [1]), ["fusoin"])
