from itertools import pairwise

import pytest
import torch
from torch.nn.functional import adaptive_max_pool2d, conv2d

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.networks.cost import cost_of
from kinetoscope.networks.gru_rcn import LEVELS, Below, ConvGRU, _pool
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read

NAME, TOY = "gru_rcn_vgg16", "gru_rcn_vgg16_toy"

# Of pool2, pool3, pool4, pool5 and fc7: channels, channels of the state, taps of a kernel, places.
SEEN = ((128, 64, 9, 56**2), (256, 128, 9, 28**2), (512, 256, 9, 14**2), (512, 256, 9, 7**2))
SEEN += ((4096, 512, 1, 1),)
TOWER = 138_357_544 - (4096 * 1000 + 1000)  # VGG-16 without its scores
TOWER_COST = 15_470_264_320 - 4096 * 1000


def on_meta(name=NAME, **options):
    with torch.device("meta"):
        return build_network(name, **options)


def recurrent_weights():
    return sum(3 * taps * state * (seen + state) + 3 * state for seen, state, taps, _ in SEEN)


def below_weights():
    pairs = pairwise(SEEN)
    return sum(2 * taps * below * state for (_, below, _, _), (_, state, taps, _) in pairs)


def label_weights(*, directions=1):
    return sum(101 * (directions * state + 1) for _, state, _, _ in SEEN)


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 153_741_113),
        ({"stacked": True}, 153_741_113 + below_weights()),
        (
            {"bidirectional": True},
            TOWER + 2 * recurrent_weights() + label_weights(directions=2),
        ),
    ],
    ids=["one way", "stacked", "bidirectional"],
)
def test_weights_are_as_many_as_the_formulas_have(options, count):
    assert TOWER + recurrent_weights() + label_weights() == 153_741_113
    assert on_meta(**options).weights_count == count


def test_multiply_adds_are_as_many_as_the_formulas_have():
    per_step = sum(3 * taps * state * (seen + state) * places for seen, state, taps, places in SEEN)
    labels = label_weights() - 5 * 101
    assert cost_of(on_meta()).layers == 10 * (TOWER_COST + per_step) + labels


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta()), table_of("gru_rcn")
    labels = {shapes.pop(f"label.{level}") for level in LEVELS}
    assert labels == {(101, 1, 1, 1)}
    assert shapes == {layer: table[layer.removeprefix("tower.")] for layer in shapes}


@torch.no_grad()
def written_out(layer, x, below=None):
    """The state at each time by the paper's formulas, one product at a time."""
    states, kernel = layer.u.in_channels, layer.u.kernel_size[1]
    w_z, w_r, w = layer.w.weight[:, :, 0].split(states)
    b_z, b_r, b = layer.w.bias.split(states)
    u_z, u_r = layer.u_gates.weight[:, :, 0].split(states)
    u = layer.u.weight[:, :, 0]

    def product(weight, maps, bias=None):
        return conv2d(maps, weight, bias, padding=kernel // 2)

    h, found = torch.zeros(len(x), states, *x.shape[3:]), []
    for time in range(x.shape[2]):
        now = x[:, :, time]
        z = product(w_z, now, b_z) + product(u_z, h)
        r = product(w_r, now, b_r) + product(u_r, h)
        if below is not None:
            w_zl, w_rl = layer.below.w.weight[:, :, 0].split(states)
            shrunk = adaptive_max_pool2d(below[:, :, time], x.shape[3:])
            z, r = z + product(w_zl, shrunk), r + product(w_rl, shrunk)
        z, r = z.sigmoid(), r.sigmoid()
        candidate = torch.tanh(product(w, now, b) + product(u, r * h))
        h = (1 - z) * h + z * candidate
        found.append(h)
    return torch.stack(found, dim=2)


@torch.no_grad()
@pytest.mark.parametrize("kernel", [1, 3])
def test_states_are_those_of_the_formulas(kernel):
    layer, x = ConvGRU(3, 4, kernel=kernel), torch.randn(2, 3, 5, 6, 7)
    torch.testing.assert_close(layer(x), written_out(layer, x))


@torch.no_grad()
def test_gates_see_the_level_below_at_the_same_time():
    layer = ConvGRU(3, 4, below=Below(2, 4, kernel=3, shrink=_pool()))
    x, below = torch.randn(2, 3, 5, 6, 7), torch.randn(2, 2, 5, 12, 14)
    torch.testing.assert_close(layer(x, below), written_out(layer, x, below))


@torch.no_grad()
def test_a_layer_that_reads_from_the_end_is_one_that_reads_a_reversed_clip():
    x, there, back = torch.randn(1, 3, 5, 6, 7), ConvGRU(3, 4), ConvGRU(3, 4, backward=True)
    back.load_state_dict(there.state_dict())
    torch.testing.assert_close(back(x), there(x.flip(2)).flip(2))


@torch.no_grad()
def test_a_gate_half_open_goes_half_the_way_at_each_step():
    layer = ConvGRU(1, 1)
    for weight in layer.parameters():
        weight.zero_()
    layer.w.bias[2] = 0.7  # of the candidate
    states = layer(torch.randn(1, 1, 4, 2, 2))[0, 0, :, 0, 0]
    expected = (1 - 0.5 ** torch.arange(1.0, 5.0)) * torch.tanh(torch.tensor(0.7))
    torch.testing.assert_close(states, expected)


@torch.no_grad()
def test_the_answer_is_the_mean_of_the_levels_probabilities(clips_for):
    network = build_network(TOY).eval()
    batch = clips_for(network, 2)
    levels = [scores.softmax(dim=1) for scores in network.branches(batch)]
    assert len(levels) == 5
    torch.testing.assert_close(network(batch), torch.stack(levels).mean(dim=0))


@torch.no_grad()
def test_a_level_is_scored_by_its_last_states_alone(clips_for):
    network = build_network(TOY, bidirectional=True).eval()
    batch = clips_for(network)
    states = read(network, batch, ["gru.pool3", "back.pool3"])
    last = torch.cat([states["gru.pool3"][:, :, -1], states["back.pool3"][:, :, 0]], dim=1)
    label = network.model.label["pool3"].conv
    expected = last.mean(dim=(2, 3)) @ label.weight.flatten(1).T + label.bias
    torch.testing.assert_close(network.branches(batch)[1], expected)


def states_of(network, frames):
    layers = [layer for layer in network.layers if layer.startswith(("gru.", "back."))]
    with torch.no_grad():
        return read(network, ClipBatch(frames=frames), layers)


def times_that_differ(before, after):
    return (before != after).any(dim=1).flatten(2).any(dim=2)[0].tolist()


def test_no_frame_changes_a_state_before_it(clips_for):
    network = build_network(TOY, stacked=True, bidirectional=True).eval()
    frames = clips_for(network).frames
    changed = frames.clone()
    changed[:, :, 2] = 1 - changed[:, :, 2]
    before, after = states_of(network, frames), states_of(network, changed)
    for level in ("pool2", "pool3"):
        there, back = f"gru.{level}", f"back.{level}"
        assert times_that_differ(before[there], after[there]) == [False, False, True, True]
        assert times_that_differ(before[back], after[back]) == [True, True, True, False]


def test_a_reversed_clip_has_the_states_of_the_other_direction_reversed(clips_for):
    network = build_network(TOY, stacked=True, bidirectional=True).eval()
    swapped = build_network(TOY, stacked=True, bidirectional=True).eval()
    swapped.model.load_state_dict(network.model.state_dict())
    swapped.model.gru.load_state_dict(network.model.back.state_dict())
    swapped.model.back.load_state_dict(network.model.gru.state_dict())
    frames = clips_for(network).frames
    found, reversed_states = states_of(network, frames), states_of(swapped, frames.flip(2))
    for level in LEVELS:
        torch.testing.assert_close(reversed_states[f"back.{level}"].flip(2), found[f"gru.{level}"])
        torch.testing.assert_close(reversed_states[f"gru.{level}"].flip(2), found[f"back.{level}"])


@pytest.mark.parametrize("stacked", [True, False])
def test_a_level_knows_of_the_one_below_only_where_they_are_stacked(stacked, clips_for):
    network = build_network(TOY, stacked=stacked)
    read(network, clips_for(network), ["gru.pool3"])["gru.pool3"].sum().backward()
    assert (network.model.gru["pool2"].w.weight.grad is not None) == stacked


@torch.no_grad()
def test_a_clip_s_neighbours_do_not_matter(clips_for):
    network = build_network(TOY, bidirectional=True).eval()
    batch = clips_for(network, 3)
    alone = network.scores(ClipBatch(frames=batch.frames[1:2]))
    torch.testing.assert_close(network.scores(batch)[1:2], alone)


@torch.no_grad()
def test_states_and_gates_are_read_over_time(clips_for):
    network = build_network(TOY).eval()
    found = read(network, clips_for(network, 2), ["gru.pool2", "gru.pool2.gates", "gru.fc7"])
    shapes = {name: tuple(answer.shape) for name, answer in found.items()}
    assert shapes["gru.pool2"] == (2, 2, 4, 16, 16)
    assert shapes["gru.pool2.gates"] == (2, 4, 4, 16, 16)
    assert shapes["gru.fc7"] == (2, 5, 4, 1, 1)
    assert 0 < found["gru.pool2.gates"].min() < found["gru.pool2.gates"].max() < 1


@torch.no_grad()
def test_flow_is_stacked_chunk_by_chunk(clips_for):
    network = build_network(TOY, stream="flow", chunk=3).eval()
    assert network.expects.frames == 12
    found = read(network, clips_for(network), ["tower.prepare", "gru.pool5"])
    assert found["tower.prepare"].shape == (1, 6, 4, 64, 64)
    assert found["gru.pool5"].shape == (1, 4, 4, 2, 2)


@torch.no_grad()
def test_longer_and_larger_clips_are_taken_as_well():
    network = build_network(TOY, stacked=True).eval()
    assert network.model(torch.rand(1, 3, 6, 96, 128)).shape == (1, 3)


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({}, (1, 3, 4, 32, 64), "1 frames of 64 x 64 or more"),
        ({"stream": "flow", "chunk": 3}, (1, 2, 4, 64, 64), "a multiple of 3 frames"),
    ],
    ids=["small", "odd"],
)
def test_refuses_clips_that_do_not_fit(options, shape, message):
    with pytest.raises(ClipError, match=message):
        build_network(TOY, **options).model(torch.rand(shape))
