from dataclasses import replace

import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.cost import cost_of
from kinetoscope.networks.lrcn import VARIANTS, Recurrent, build
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read

NAME, TOY = "lrcn_alexnet", "lrcn_alexnet_toy"

ALEXNET_TO_FC6 = 61_100_840 - (4096 * 4096 + 4096) - (4096 * 1000 + 1000)
CONVOLUTIONS_COST = 655_566_528  # of torchvision's AlexNet, one picture
FC6_COST = 256 * 6 * 6 * 4096


def on_meta(name=NAME, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize(("cell", "gates"), [("lstm", 4), ("gru", 3)])
def test_weights_and_multiply_adds_are_as_many_as_the_formulas_have(cell, gates):
    network = on_meta(cell=cell)
    products = gates * 256 * (4096 + 256)
    biases, labels = 2 * gates * 256, 256 * 101
    assert network.weights_count == ALEXNET_TO_FC6 + products + biases + labels + 101
    assert cost_of(network).layers == 16 * (CONVOLUTIONS_COST + FC6_COST + products + labels)


def test_shapes_are_those_of_the_table(table_of, clips_for):
    network, table = on_meta(), table_of("lrcn")
    with torch.no_grad():
        found = read(network.eval(), clips_for(network), network.layers)
    shapes = {layer: tuple(answer.shape[1:]) for layer, answer in found.items()}
    assert shapes.pop("label") == (101, 16, 1, 1)
    assert shapes == {layer: table[layer] for layer in shapes}


@torch.no_grad()
def test_the_long_memory_is_that_of_its_equations():
    layer, x = Recurrent(3, 4, cell="lstm"), torch.randn(2, 3, 5, 1, 1)
    cell = layer.cell
    h = c = torch.zeros(2, 4)
    states = []
    for now in x.flatten(2).unbind(2):
        seen = now @ cell.weight_ih_l0.T + cell.bias_ih_l0
        i, f, g, o = (seen + h @ cell.weight_hh_l0.T + cell.bias_hh_l0).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        states.append(h)
    torch.testing.assert_close(layer(x)[..., 0, 0], torch.stack(states, dim=2))


@torch.no_grad()
def test_the_gated_unit_is_that_of_its_equations():
    layer, x = Recurrent(3, 4, cell="gru"), torch.randn(2, 3, 5, 1, 1)
    cell = layer.cell
    h, states = torch.zeros(2, 4), []
    for now in x.flatten(2).unbind(2):
        r, z, n = (now @ cell.weight_ih_l0.T + cell.bias_ih_l0).chunk(3, dim=1)
        u_r, u_z, u_n = (h @ cell.weight_hh_l0.T + cell.bias_hh_l0).chunk(3, dim=1)
        reset, keep = (r + u_r).sigmoid(), (z + u_z).sigmoid()
        h = (1 - keep) * torch.tanh(n + reset * u_n) + keep * h
        states.append(h)
    torch.testing.assert_close(layer(x)[..., 0, 0], torch.stack(states, dim=2))


@torch.no_grad()
def test_the_answer_is_the_mean_of_the_frames_probabilities(clips_for):
    network = build_network(TOY).eval()
    batch = clips_for(network, 2)
    frames = [scores.softmax(dim=1) for scores in network.branches(batch)]
    assert len(frames) == network.expects.frames
    torch.testing.assert_close(network(batch), torch.stack(frames).mean(dim=0))


@torch.no_grad()
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_prediction_is_made_of_what_was_shown_until_then(cell, clips_for):
    network = build_network(TOY, cell=cell).eval()
    batch = clips_for(network)
    changed = batch.frames.clone()
    changed[:, :, 2] = 1 - changed[:, :, 2]
    before, after = network.branches(batch), network.branches(ClipBatch(frames=changed))
    same = [torch.equal(*pair) for pair in zip(before, after, strict=True)]
    assert same == [True, True, False, False]


@torch.no_grad()
def test_the_order_of_frames_matters(clips_for):
    network = build_network(TOY).eval()
    batch = clips_for(network)
    backward = ClipBatch(frames=batch.frames.flip(2))
    assert not torch.allclose(network(batch), network(backward), atol=1e-6)


@torch.no_grad()
def test_a_clip_s_neighbours_do_not_matter(clips_for):
    network = build_network(TOY).eval()
    batch = clips_for(network, 3)
    alone = network.scores(ClipBatch(frames=batch.frames[1:2]))
    torch.testing.assert_close(network.scores(batch)[1:2], alone)


@torch.no_grad()
def test_states_and_scores_are_read_over_time(clips_for):
    network = build_network(TOY).eval()
    found = read(network, clips_for(network, 2), ["recurrent", "label"])
    assert found["recurrent"].shape == (2, 4, 4, 1, 1)
    assert found["label"].shape == (2, 3, 4, 1, 1)


@torch.no_grad()
def test_flow_is_shown_as_a_picture_with_its_length(clips_for):
    network = build_network(TOY, stream="flow").eval()
    batch = clips_for(network)
    shown = read(network, batch, ["prepare"])["prepare"]
    scaled = batch.flow / network.expects.flow_scale
    assert torch.equal(shown[:, :2], scaled)
    torch.testing.assert_close(shown[:, 2], (scaled[:, 0] ** 2 + scaled[:, 1] ** 2).sqrt())
    assert network.scores(batch).shape == (1, 3)


@torch.no_grad()
def test_a_longer_clip_is_remembered_from_its_start(clips_for):
    network = build_network(TOY).eval()
    clip = clips_for(network).frames
    twice = network.branches(ClipBatch(frames=torch.cat([clip, clip], dim=2)))
    assert len(twice) == 8
    torch.testing.assert_close(twice[:4], network.branches(ClipBatch(frames=clip)))


def test_features_of_alexnet_are_those_of_torchvision():
    from torchvision.models import alexnet

    with torch.device("meta"):
        ours = build(VARIANTS[NAME]).picture.state_dict()
        theirs = alexnet().state_dict()
    assert ours.keys() == theirs.keys() - {
        f"classifier.{place}.{kind}" for place in (4, 6) for kind in ("weight", "bias")
    }
    assert all(weight.shape == theirs[name].shape for name, weight in ours.items())


@pytest.mark.parametrize(
    ("picture", "features", "count"),
    [("resnet18", "", 512), ("vgg11", "classifier.1", 4096), ("squeezenet1_1", "", 512)],
)
def test_any_picture_network_can_see_the_frames(picture, features, count):
    config = replace(VARIANTS[NAME], picture=picture, features=features, frames=3)
    with torch.device("meta"):
        model = build(config).eval()
        assert isinstance(model.recurrent.cell, nn.LSTM)
        assert model.recurrent.cell.input_size == count
        assert model(torch.empty(2, 3, 3, 224, 224)).shape == (2, 101)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"picture": "alexnett"}, UnknownNameError, "near: alexnet"),
        ({"features": "classifier.9"}, UnknownNameError, "one of classifier.0, classifier.1"),
        ({"features": "classifier.6"}, UnknownNameError, "classifier.5"),
        ({"features": "features.2"}, UnknownNameError, "one of classifier.0"),
        ({"cell": "rnn"}, UnknownNameError, "one of lstm, gru"),
    ],
    ids=["picture network", "layer", "scores", "maps", "cell"],
)
def test_refuses_what_can_not_be_remembered(options, error, message):
    with pytest.raises(error, match=message):
        on_meta(**options)


def test_a_network_without_a_last_sequence_has_only_the_features_before_its_scores():
    with pytest.raises(UnknownNameError, match="no layer of features of resnet18"):
        on_meta(picture="resnet18")


def test_refuses_clips_that_are_too_small():
    with pytest.raises(ClipError, match="1 frames of 224 x 224 or more"):
        on_meta().model(torch.empty(1, 3, 16, 112, 112, device="meta"))
