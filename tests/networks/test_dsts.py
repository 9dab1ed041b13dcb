import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from kinetoscope.errors import RecipeError, UnknownNameError
from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.dsts import DSTS, add_dsts
from kinetoscope.networks.noise import frozen_noise
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read

TOY = "dsts_two_stream_small_toy"


@pytest.fixture
def maps():
    return torch.randn(6, 8, 4, 3, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def dsts():
    torch.manual_seed(0)
    return awake(DSTS(8, neurons=4, layers=2, width=6, pulse="mean"))


def awake(dsts):
    """No longer as it begins, when its answer is zero."""
    nn.init.normal_(getattr(dsts, dsts.names[-1]).mix.weight)
    return dsts


def lived(module, maps, steps=3):
    """A module whose running statistics have seen something."""
    module.train()
    for _ in range(steps):
        module(maps)
    return module.eval()


def as_published(layer, x):
    """A layer in eval mode, as its equations are written: every neuron, every channel."""
    answers = []
    for clip in x[:, None]:
        pulses = [
            (weight[None, :] @ clip.mean(dim=(2, 3, 4)).T).item() for weight in layer.pulse.weight
        ]
        a = max(range(len(pulses)), key=lambda neuron: pulses[neuron])
        b = (layer.gates.weight[a] > 0).float()[None, :, None, None, None]
        z = 0
        for operator, shown in ((layer.spatial, (1 - b) * clip), (layer.temporal, b * clip)):
            width = operator.weight.shape[1]
            norm = operator.norm
            rows = slice(a * width, (a + 1) * width)
            seen = functional.conv3d(shown, operator.weight[a], padding=operator.padding)
            seen = functional.batch_norm(
                seen, norm.mean[a], norm.variance[a], norm.scale[rows], norm.shift[rows]
            )
            z = z + seen.relu()
        answers.append(layer.mix(z))
    return torch.cat(answers)


# Known answers


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    network = build_network("dsts_two_stream_small", labels=5)
    shapes, table = shapes_of(network), table_of("dsts")
    short = {name.removeprefix("average.dsts."): shape for name, shape in shapes.items()}
    assert {name: short[name] for name in table} == table
    assert shapes["average.dsts.layer2.pulse"] == (10,)
    assert shapes["average.dsts.layer2.neuron"] == (10,)
    assert shapes["average.dsts.layer2.gates"] == (96,)
    assert shapes["average.dsts.layer2.entropy"] == (1,)


def test_layers_are_computed_in_the_order_in_which_they_are_named(shapes_of):
    network = build_network(TOY)
    assert list(shapes_of(network)) == list(network.layers)


@pytest.mark.parametrize(
    ("channels", "weights"), [(256, 852_224), (512, 3_408_384), (1024, 13_632_512)]
)
def test_a_neuron_has_as_many_weights_as_the_equations_say(channels, weights):
    with torch.device("meta"):
        layer = DSTS(channels, neurons=10, layers=1, width=channels, literal=True).layer1
    parts = (layer.pulse, layer.gates, layer.spatial, layer.temporal)
    assert sum(part.weight.numel() for part in parts) == 10 * weights


# The definition written out


def test_agrees_with_the_equations_written_out(dsts, maps):
    lived(dsts, maps)
    x, answer = maps, maps
    for name in dsts.names:
        answer = as_published(getattr(dsts, name), answer)
    torch.testing.assert_close(dsts(maps), x + answer, atol=1e-5, rtol=1e-4)


def test_the_collapsed_pulse_routes_as_the_literal_one_does(maps):
    torch.manual_seed(0)
    literal = lived(awake(DSTS(8, neurons=4, layers=2, width=6, literal=True)), maps)
    collapsed = copy.deepcopy(literal)
    for name in literal.names:
        layer = getattr(collapsed, name)
        layer.pulse = layer.pulse.collapsed()
    torch.testing.assert_close(collapsed(maps), literal(maps), atol=1e-5, rtol=1e-5)


# Promises


@pytest.mark.parametrize("training", [False, True])
def test_it_begins_as_the_identity(maps, training):
    assert torch.equal(DSTS(8, neurons=4, width=6).train(training)(maps), maps)


def test_only_the_active_neuron_is_computed(dsts, maps):
    lived(dsts, maps)
    chosen = {}
    dsts.layer1.neuron.register_forward_hook(lambda *given: chosen.update(first=given[2]))
    before = dsts(maps[:2])  # two clips, so at most two of four neurons
    idle = [neuron for neuron in range(4) if not chosen["first"][:2, neuron].any()]
    for operator in (dsts.layer1.spatial, dsts.layer1.temporal):
        operator.weight.data[idle] = torch.nan
    assert torch.equal(dsts(maps[:2]), before)


def test_in_eval_mode_only_the_chosen_channels_of_an_operator_are_computed(dsts, maps):
    lived(dsts, maps)
    before = dsts(maps)
    in_time = dsts.layer1.gates.weight > 0
    neuron, channel = in_time.nonzero().T
    dsts.layer1.spatial.weight.data[neuron, :, channel] = torch.nan
    neuron, channel = (~in_time).nonzero().T
    dsts.layer1.temporal.weight.data[neuron, :, channel] = torch.nan
    assert torch.equal(dsts(maps), before)


@pytest.mark.parametrize("sign", [-1.0, 1.0], ids=["all in space", "all in time"])
def test_a_neuron_may_send_every_channel_to_one_operator(dsts, maps, sign):
    lived(dsts, maps)
    for name in dsts.names:
        getattr(dsts, name).gates.weight.data.fill_(sign)
    answer = maps
    for name in dsts.names:
        answer = as_published(getattr(dsts, name), answer)
    torch.testing.assert_close(dsts(maps), maps + answer, atol=1e-5, rtol=1e-4)


def test_gradients_reach_pulses_gates_and_the_operators_of_active_neurons(dsts, maps):
    chosen = {}
    dsts.layer1.neuron.register_forward_hook(lambda *given: chosen.update(first=given[2]))
    dsts.train()(maps).square().mean().backward()
    active = chosen["first"].argmax(dim=1).unique().tolist()
    for name in dsts.names:
        layer = getattr(dsts, name)
        assert (layer.pulse.weight.grad.norm(dim=1) > 0).all()
        assert layer.gates.weight.grad.norm() > 0
    moved = dsts.layer1.spatial.weight.grad.flatten(1).norm(dim=1) > 0
    assert moved.nonzero()[:, 0].tolist() == active


def test_a_clip_is_answered_alike_whatever_its_neighbours(dsts, maps):
    lived(dsts, maps)
    alone = torch.cat([dsts(clip[None]) for clip in maps])
    torch.testing.assert_close(dsts(maps), alone, atol=1e-5, rtol=1e-4)


def test_routing_and_gates_are_the_same_by_the_same_seed(dsts, maps):
    decided = []
    for part in (dsts.layer1.neuron, dsts.layer1.gates):
        part.register_forward_hook(lambda *given: decided.append(given[2]))
    dsts.train()
    for seed in (3, 3, 4):
        with frozen_noise(dsts, seed):
            dsts(maps)
    first, again, other = ((decided[n], decided[n + 1]) for n in (0, 2, 4))
    assert all(map(torch.equal, first, again))
    assert not any(map(torch.equal, first, other))
    assert not dsts._forward_pre_hooks


def test_there_is_no_noise_in_eval_mode(dsts, maps):
    lived(dsts, maps)
    assert torch.equal(dsts(maps), dsts(maps))


def test_what_was_decided_can_be_read_like_any_layer(clips_for):
    network = build_network(TOY).eval()
    stem = "average.dsts.layer1."
    batch = clips_for(network, 4)
    parts = ("standard", "neuron", "gates", "entropy")
    found = read(network, batch, [stem + part for part in parts])
    pulses, choice, gates, entropy = (each.flatten(1) for each in found.values())
    assert torch.equal(choice, functional.one_hot(pulses.argmax(dim=1), 3).float())
    assert set(gates.unique().tolist()) <= {0.0, 1.0}
    soft = (pulses / 5.0).softmax(dim=1)
    torch.testing.assert_close(entropy[:, 0], -(soft * soft.log()).sum(dim=1))


def test_the_backbones_weights_keep_their_names(clips_for):
    plain, more = build_network("two_stream_small_toy"), build_network("two_stream_small_toy")
    add_dsts(more, neurons=2, layers=1)
    found = more.model.state_dict()
    assert plain.model.state_dict().keys() < found.keys()
    assert all(".dsts." in name for name in found.keys() - plain.model.state_dict().keys())


def test_it_goes_behind_networks_of_other_families(clips_for):
    network = add_dsts(build_network("r3d_18", labels=3), before="avgpool", neurons=2, width=4)
    with torch.inference_mode():
        assert network.eval()(clips_for(network)).shape == (1, 3)


def test_a_head_that_chooses_nothing_costs_what_an_even_choice_does():
    with torch.device("meta"):
        bare = multiply_adds(build_network("two_stream_small"))
        plain, whole = (
            multiply_adds(build_network("dsts_two_stream_small", plain=plain)) - bare
            for plain in (True, False)
        )
    assert plain == pytest.approx(whole * 7 / 13, rel=0.01)  # counted with all channels


def test_a_head_that_chooses_nothing_has_its_layers(shapes_of):
    network = build_network(TOY, plain=True)
    assert list(shapes_of(network)) == list(network.layers)
    assert "average.dsts.layer1.pulse" not in network.layers


@pytest.mark.parametrize(("pulse", "least", "most"), [("mean", 1, 1), ("standard", 4, 4)])
def test_standardized_pulses_let_every_neuron_see_clips_that_are_mostly_alike(pulse, least, most):
    torch.manual_seed(0)
    alike = torch.randn(64).relu()[:, None, None, None]
    clips = alike + 0.1 * torch.randn(200, 64, 2, 3, 3).relu() * torch.rand(200, 64, 1, 1, 1)
    dsts, decided = DSTS(64, neurons=4, layers=1, pulse=pulse), []
    dsts.layer1.neuron.register_forward_hook(lambda *given: decided.append(given[2]))
    lived(dsts, clips)(clips)
    assert least <= decided[-1].any(dim=0).sum() <= most


@pytest.mark.slow
def test_it_can_be_exported_for_any_number_of_clips():
    model = build_network(TOY).model.eval()
    awake(model.average.dsts)
    two, five = ([torch.randn(count, each, 8, 32, 32) for each in (3, 2)] for count in (2, 5))
    clips = torch.export.Dim("clips", min=1, max=64)
    exported = torch.export.export(model, tuple(two), dynamic_shapes=({0: clips}, {0: clips}))
    torch.testing.assert_close(exported.module()(*five), model(*five), atol=1e-5, rtol=1e-4)


# Refusals


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"before": "conv5"}, UnknownNameError, "near: conv4"),
        ({"before": "label.conv.bias"}, UnknownNameError, "no layer is called"),
        ({"neurons": 0}, RecipeError, "neurons = 0"),
        ({"layers": 0}, RecipeError, "layers = 0"),
        ({"width": -1}, RecipeError, "width = -1"),
        ({"temperature": 0.0}, RecipeError, "a number above 0"),
        ({"temperature": -1.0}, RecipeError, "a number above 0"),
        ({"temperature": float("inf")}, RecipeError, "a number above 0"),
        ({"pulse": "median"}, UnknownNameError, "mean, sum, standard"),
        ({"backbone": TOY, "backbone_options": {}}, RecipeError, "another network"),
        ({"backbone": "c4d", "backbone_options": {}}, UnknownNameError, "near: c3d"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_refuses_what_can_not_be(options, error, says):
    with pytest.raises(error, match=says):
        build_network(TOY, **options)


def test_refuses_to_stand_where_there_are_no_maps():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.fold = nn.Flatten()
            self.score = nn.LazyLinear(2)

        def forward(self, frames):
            return self.score(self.fold(frames))

    network = build_network("two_stream_small_toy")
    network.model = Flat()
    network.layers = ("score",)
    network.expects = build_network("c3d_toy").expects
    with pytest.raises(RecipeError, match="what the layer takes has 2 axes"):
        add_dsts(network, before="score")


def test_refuses_to_stand_where_nothing_is_computed():
    network = build_network("two_stream_small_toy")
    network.model.idle = nn.AdaptiveAvgPool3d(1)
    with pytest.raises(RecipeError, match="a layer that is not computed"):
        add_dsts(network, before="idle")
