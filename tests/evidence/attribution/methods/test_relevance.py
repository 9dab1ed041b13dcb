"""Relevance of clips: what is kept, what is refused, and that it points at what counts."""

import pytest
import torch
from torch import nn
from torchvision.models.video import r2plus1d_18

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, KinetoscopeError
from kinetoscope.evidence.attribution.attribute import attribute, check_method
from kinetoscope.evidence.attribution.belief.pointing import pointing, temporal_pointing
from kinetoscope.evidence.attribution.methods.gradients import GradientTimesInput
from kinetoscope.evidence.attribution.methods.relevance import Relevance
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import activation, direction, features, label, neuron
from kinetoscope.units.unit import Unit
from tests.evidence.attribution.planted import peephole, stripes, zeroed_stream

LABELS = ["walk", "run", "jump"]
ONE_RULE = [("epsilon",), ("gamma",), ("z+",)]
one_rule = pytest.mark.parametrize("rules", ONE_RULE, ids="".join)


def clip_of(expects, seed=0):
    chance = torch.Generator().manual_seed(seed)
    extent = (expects.frames, *expects.size)
    flow = torch.randn(2, *extent, generator=chance) if "flow" in expects.streams else None
    return Clip(frames=torch.rand(3, *extent, generator=chance), flow=flow)


def small(model, name="small"):
    spec = ClipSpec(frames=4, short_side=16, size=(16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Network(model, labels=LABELS, expects=spec, name=name).eval()


def plain():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv3d(3, 4, (2, 3, 3), bias=False),
        nn.ReLU(),
        nn.Conv3d(4, 4, (2, 3, 3), bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(4, 3, bias=False),
    )


def kept(network, objective=None, **settings):
    """Of what began, without biases, which all networks start from."""
    found = attribute(
        network,
        clip_of(network.expects),
        objective or label("run"),
        method=Relevance(**settings),
    )
    assert found.heat.keys() == set(network.expects.streams)
    for heat in found.heat.values():
        assert heat.isfinite().all()
        assert heat.any()
    assert found.whole.sum().item() == pytest.approx(found.facts["relevance"], rel=1e-3, abs=1e-7)
    return found.facts["kept"]


# Networks as they are


KINDS = {
    "plain": "c3d_toy",
    "two streams, batch norm, a convolution": "two_stream_small_toy",
    "response norm": "cnn_m_frames_toy",
    "moments beside each other": "slow_fusion_toy",
}
SLOW_KINDS = {
    "residual": "i3d_toy",
    "residual, two streams": "st_resnet50_toy",
    "beside each other": "i3d_inception_flow_toy",
}


@pytest.mark.parametrize(
    "name",
    [
        *KINDS.values(),
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_KINDS.values()),
    ],
    ids=[*KINDS, *SLOW_KINDS],
)
def test_convolutional_networks_of_the_zoo_keep_what_epsilon_leaves(name):
    torch.manual_seed(0)
    network = build_network(name, labels=LABELS).eval()
    assert kept(network, epsilon=0.0) == pytest.approx(1, abs=1e-3)
    assert 0 < kept(network, epsilon=0.1) < 1


@pytest.mark.slow
def test_so_do_those_of_torchvision():
    torch.manual_seed(0)
    model = r2plus1d_18(weights=None, num_classes=3)
    nn.init.zeros_(model.fc.bias)
    assert kept(small(model), rules=("z+",)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("fusion", ["sum", "max"])
def test_streams_may_meet_in_any_way_that_adds_or_chooses(fusion):
    torch.manual_seed(0)
    network = build_network("two_stream_vgg16_toy", labels=LABELS, fusion=fusion).eval()
    assert kept(network, rules=("gamma",)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "objective",
    [
        activation(Unit("2", 3)),
        neuron(Unit("2", 3), (0, 4, 5)),
        label("run") - 0.5 * label("walk"),
        direction("2", (1.0, -2.0, 0.0, 1.0)),
    ],
    ids=str,
)
def test_any_sum_of_answers_can_be_asked_for(objective):
    assert kept(small(plain()), objective, rules=("z+",)) == pytest.approx(1, abs=1e-3)


def test_what_is_kept_is_not_told_where_it_is_not_known_what_it_began_with():
    network = build_network("two_stream_small_toy", labels=LABELS).eval()
    objective = label("run") + activation(Unit("fusion", 1))  # scores are log mean probabilities
    found = attribute(network, clip_of(network.expects), objective, method=Relevance())
    assert found.facts.keys() == {"relevance"}


# Known answers


@pytest.mark.parametrize("rules", [Relevance().rules, *ONE_RULE], ids=",".join)
@pytest.mark.parametrize("make", [peephole, stripes])
def test_points_at_what_counts(make, rules):
    case = make(seed=1)
    heat = attribute(case.network, case.clip, case.objective, method=Relevance(rules=rules)).whole
    assert pointing(heat, case.truth) == 1
    assert temporal_pointing(heat, case.truth) == 1


@one_rule
@pytest.mark.parametrize("gated", [False, True])
def test_a_zeroed_stream_has_none(gated, rules):
    case = zeroed_stream(gated=gated)
    found = attribute(case.network, case.clip, case.objective, method=Relevance(rules=rules))
    assert not found.heat["frames"].any()
    assert found.heat["flow"].any()


def test_without_epsilon_it_is_gradient_times_input_biases_or_not():
    case = stripes()
    asked = (case.network, case.clip, case.objective)
    found = attribute(*asked, method=Relevance(rules=("epsilon",), epsilon=0.0))
    expected = attribute(*asked, method=GradientTimesInput())
    torch.testing.assert_close(found.whole, expected.whole, rtol=1e-3, atol=1e-6)


def test_twice_the_objective_has_twice_the_relevance():
    case = stripes()
    once, twice = (
        attribute(case.network, case.clip, times * case.objective, method=Relevance()).whole
        for times in (1, 2)
    )
    torch.testing.assert_close(2 * once, twice)


# Refusal


class Attending(nn.Module):
    """Patches that attend to each other."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv3d(3, 8, (2, 8, 8), (2, 8, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 8, batch_first=True)
        self.label = nn.Linear(8, 3)

    def forward(self, x):
        return self.label(self.block(self.patches(x).flatten(2).mT).mean(1))


def refused(network, objective=None):
    with pytest.raises(ClipError) as caught:
        Relevance().check(network, objective or label("run"))
    return caught.value


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lrcn_alexnet_toy", "Rnn"),
        pytest.param("gru_rcn_vgg16_toy", "Sigmoid", marks=pytest.mark.slow),
        pytest.param("i3d_nl_toy", "Softmax", marks=pytest.mark.slow),
    ],
)
def test_gates_memory_and_attention_are_refused_by_name(name, why):
    assert why in str(refused(build_network(name, labels=LABELS).eval()).got)


def test_a_transformer_is_refused_by_name_and_told_what_fits():
    network = small(Attending())
    assert "NativeLayerNorm" in str(refused(network).got)
    with pytest.raises(ClipError, match=r"fit: .*gradient"):
        check_method(Relevance(), network, label("run"))


@pytest.mark.parametrize(
    "objective",
    [
        features("2", torch.ones(4, 2, 12, 12)),
        direction("2", (1.0, 0.0, 0.0, 0.0), cosine_power=1.0),
    ],
    ids=["features", "power"],
)
def test_what_is_no_sum_of_answers_is_refused(objective):
    assert "sum of answers" in refused(small(plain()), objective).what


@pytest.mark.parametrize(
    "settings", [{"rules": ()}, {"rules": ("z",)}, {"epsilon": -0.1}, {"gamma": -1.0}], ids=str
)
def test_settings_without_a_meaning_are_refused(settings):
    case = peephole()
    with pytest.raises(KinetoscopeError):
        Relevance(**settings).check(case.network, case.objective)
