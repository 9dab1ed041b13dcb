import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.specificity.ablation import without_units
from kinetoscope.evidence.specificity.remembered import remembered
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network

from .test_ablation import clips_for


@pytest.fixture(scope="module")
def two_streams():
    torch.manual_seed(0)
    return build_network("two_stream_small_toy", labels=["a", "b", "c"]).eval()


class InPlace(nn.Module):
    """Changes what its parts have answered, as many published networks do."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv3d(3, 4, 1)
        self.relu = nn.ReLU(inplace=True)
        self.blocks = nn.ModuleList([nn.Conv3d(4, 4, 1), nn.Conv3d(4, 4, 1)])
        self.head = nn.Conv3d(4, 2, 1)

    def forward(self, x):
        x = self.relu(self.first(x))
        for block in self.blocks:
            answer = block(x)
            answer += x
            x = answer
        return self.head(x).mean((2, 3, 4))


@pytest.mark.slow
def test_answers_are_the_same_to_the_last_bit_whichever_layer_is_changed(two_streams):
    clips = clips_for(two_streams, 2)
    with torch.no_grad():
        for layer in two_streams.layers:
            with without_units(two_streams, layer, [0]):
                expected = two_streams.scores(clips)
            with remembered(two_streams, layer):
                two_streams.scores(clips)
                for _ in range(2):
                    with without_units(two_streams, layer, [0]):
                        assert torch.equal(two_streams.scores(clips), expected), layer


@pytest.mark.parametrize("layer", ["relu", "blocks.0", "blocks.1", "head"])
def test_what_is_changed_in_place_is_not_taken_from_memory(layer):
    torch.manual_seed(0)
    spec = ClipSpec(frames=2, short_side=4, size=(4, 4))
    network = Network(InPlace(), labels=["a", "b"], expects=spec, name="in place").eval()
    clips = clips_for(network)
    with torch.no_grad():
        with without_units(network, layer, [1]):
            expected = network.scores(clips)
        with remembered(network, layer):
            network.scores(clips)
            with without_units(network, layer, [1]):
                assert torch.equal(network.scores(clips), expected)


def test_nothing_below_the_layer_or_beside_it_is_computed_again(two_streams):
    clips = clips_for(two_streams, 2)
    ran = []
    convs = [each for each in two_streams.model.motion.modules() if isinstance(each, nn.Conv3d)]
    hooks = [each.register_forward_hook(lambda *_: ran.append("motion")) for each in convs]
    with torch.no_grad(), remembered(two_streams, "appearance.conv3") as memory:
        two_streams.scores(clips)
        ran.clear()
        computed = memory.computed
        with without_units(two_streams, "appearance.conv3", [0]):
            two_streams.scores(clips)
    for hook in hooks:
        hook.remove()
    assert ran == []
    assert 0 < memory.computed - computed < computed
    assert memory.recalled > 0


def test_other_clips_are_computed_anew(two_streams):
    one, other = clips_for(two_streams, 2), clips_for(two_streams, 3)
    with torch.no_grad():
        expected = two_streams.scores(other)
        with remembered(two_streams, "conv4"):
            two_streams.scores(one)
            found = two_streams.scores(ClipBatch(frames=other.frames, flow=other.flow))
    assert torch.equal(found, expected)


def test_a_network_comes_back_as_it_went(two_streams):
    with pytest.raises(RuntimeError), remembered(two_streams, "conv4"):
        raise RuntimeError
    assert not any("forward" in each.__dict__ for each in two_streams.modules())
