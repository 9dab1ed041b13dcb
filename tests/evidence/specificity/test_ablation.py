import threading

import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.specificity.ablation import changing, not_removable, without_units
from kinetoscope.networks.network import Network, TokenGrid, evaluating
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read

SPEC = ClipSpec(frames=4, short_side=8, size=(8, 8))


def network_of(model, layers, tokens=None):
    return Network(
        model, labels=["a", "b"], expects=SPEC, name="planted", layers=layers, tokens=tokens
    ).eval()


def clips_for(network, count=3):
    spec, generator = network.expects, torch.Generator().manual_seed(0)
    place = (spec.frames, *spec.size)
    made = {"frames": torch.rand(count, 3, *place, generator=generator)}
    if "flow" in spec.streams:
        made["flow"] = torch.randn(count, 2, *place, generator=generator)
    return ClipBatch(**made)


class Frames(nn.Module):
    """Folds time into the batch, as networks for pictures do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        pictures = x.movedim(1, 2).flatten(0, 1)
        return self.conv(pictures).unflatten(0, (len(x), -1)).mean((1, 3, 4))[:, :2]


class Tokens(nn.Module):
    """A class token and 4 x 2 x 2 others, with their features on the last axis."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv3d(3, 6, (1, 4, 4), (1, 4, 4))
        self.linear = nn.Linear(6, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([torch.ones_like(tokens[:, :1]), tokens], dim=1)
        return self.head(self.linear(tokens).mean(1))


class Twofold(nn.Module):
    """A layer that answers with a tensor and something else."""

    class Layer(nn.Module):
        def forward(self, x):
            return x[:, :2] * 2, None

    def __init__(self):
        super().__init__()
        self.layer = self.Layer()

    def forward(self, x):
        return self.layer(x)[0].mean((2, 3, 4))


class Copies(nn.Module):
    """A layer that answers with two tensors: which one holds its units can't be told."""

    class Layer(nn.Module):
        def forward(self, x):
            return x[:, :2], x[:, 1:]

    def __init__(self):
        super().__init__()
        self.layer = self.Layer()

    def forward(self, x):
        return self.layer(x)[0].mean((2, 3, 4))


@pytest.mark.parametrize(
    ("model", "layer", "tokens"),
    [
        pytest.param(Frames(), "conv", None, id="time in the batch"),
        pytest.param(Tokens(), "linear", TokenGrid(size=(4, 2, 2), before=1), id="tokens"),
        pytest.param(Twofold(), "layer", None, id="a tensor beside nothing"),
    ],
)
def test_a_layer_answers_the_replacement_and_all_else_as_before(model, layer, tokens):
    network = network_of(model, [layer], tokens)
    clips = clips_for(network)
    with torch.no_grad():
        before = read(network, clips, [layer])[layer]
        with without_units(network, layer, [1], 0.5):
            after = read(network, clips, [layer])[layer]
            scores = network.scores(clips)
    assert (after[:, 1] == 0.5).all()
    others = [channel for channel in range(before.shape[1]) if channel != 1]
    assert torch.equal(after[:, others], before[:, others])
    assert not torch.equal(scores, network.scores(clips))


def test_what_comes_after_is_that_of_a_network_whose_weights_for_the_unit_are_zero():
    network = build_network("c3d_toy", labels=["a", "b", "c"]).eval()
    clips = clips_for(network, 2)
    with torch.no_grad():
        with without_units(network, "conv2a", [0, 2]):
            found = network.scores(clips)
        following = network.layer("conv3a")
        conv = next(each for each in following.modules() if isinstance(each, nn.Conv3d))
        conv.weight[:, [0, 2]] = 0
        expected = network.scores(clips)
    torch.testing.assert_close(found, expected)


def test_each_channel_has_a_replacement_of_its_own():
    network = network_of(Frames(), ["conv"])
    with torch.no_grad(), without_units(network, "conv", [0, 3], torch.arange(4.0)):
        found = read(network, clips_for(network), ["conv"])["conv"]
    assert (found[:, 0] == 0).all()
    assert (found[:, 3] == 3).all()


def test_a_class_token_is_no_part_of_a_unit_and_stays():
    model = Tokens()
    network = network_of(model, ["linear"], TokenGrid(size=(4, 2, 2), before=1))
    seen = []
    handle = model.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad(), without_units(network, "linear", list(range(6))):
        network.scores(clips_for(network))
    handle.remove()
    with torch.no_grad():
        expected = model.linear(torch.ones(6)) / 17
    torch.testing.assert_close(seen[-1], expected.expand(3, 6))


def test_no_hook_outlives_its_block_and_other_threads_see_the_whole_network():
    network = network_of(Frames(), ["conv"])
    clips, elsewhere = clips_for(network), []
    with torch.no_grad():
        before = network.scores(clips)

        def run():
            with torch.no_grad():
                elsewhere.append(network.scores(clips))

        def fail_while_another_thread_runs_it():
            with without_units(network, "conv", [0]):
                other = threading.Thread(target=run)
                other.start()
                other.join()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail_while_another_thread_runs_it()
        assert torch.equal(elsewhere[0], before)
        assert torch.equal(network.scores(clips), before)
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in network.modules())


def test_gradients_flow_through_a_change():
    network = network_of(Frames(), ["conv"])
    added = torch.zeros((), requires_grad=True)
    with evaluating(network), changing(network, "conv", lambda answer: answer.add_(added)):
        network.scores(clips_for(network)).sum().backward()
    torch.testing.assert_close(added.grad, torch.tensor(6.0))  # of 3 clips, 2 scores


@pytest.mark.parametrize("channel", [4, -1])
def test_refuses_a_channel_that_is_not_there(channel):
    network = network_of(Frames(), ["conv"])
    with (
        pytest.raises(UnknownNameError, match="no channel"),
        without_units(network, "conv", [channel]),
    ):
        network.scores(clips_for(network))


def test_refuses_a_layer_that_is_not_there():
    network = network_of(Frames(), ["conv"])
    with pytest.raises(UnknownNameError, match="layer"), without_units(network, "cnov", [0]):
        pass


def test_tells_the_layers_whose_units_can_not_be_removed():
    network = network_of(Copies(), ["layer"])
    assert list(not_removable(network, ["layer"])) == ["layer"]
    with pytest.raises(ClipError), without_units(network, "layer", [0]):
        network.scores(clips_for(network))
    assert not_removable(network_of(Frames(), ["conv"]), ["conv"]) == {}
