import pytest
import torch
from captum.attr import NeuronDeconvolution, NeuronGradient, NeuronGuidedBackprop
from torch import nn

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.evidence.examples.views import Wanted, cut_to, keep_views, kept_views, views
from kinetoscope.networks.network import Network
from kinetoscope.units.backward import RULES
from kinetoscope.units.unit import Unit
from tests.evidence.planted import GREY, planted

rules = pytest.mark.parametrize("rule", RULES)
SPEC = ClipSpec(frames=6, short_side=12, size=(12, 12), **GREY)


def clips(count, flow=False):
    made = torch.Generator().manual_seed(0)
    return [
        Clip(
            frames=torch.rand(3, 6, 12, 12, generator=made),
            flow=torch.randn(2, 6, 12, 12, generator=made) if flow else None,
        )
        for _ in range(count)
    ]


class Chain(nn.Sequential):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__(
            *(nn.Conv3d(3, 6, 3), nn.BatchNorm3d(6), nn.ReLU(), nn.MaxPool3d(2)),
            *(nn.Conv3d(6, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 16, 4)),
        )


@pytest.fixture
def network():
    return Network(Chain(), labels=list("abcd"), expects=SPEC, name="chain", layers=["5"]).eval()


# Known answer


@rules
def test_the_view_of_a_filter_is_the_filter_at_its_place(rule):
    layer = nn.Conv3d(3, 2, (2, 3, 3), bias=False)
    network = planted(layer, 2, frames=6, short_side=12, size=(12, 12))
    wanted = Wanted(unit=Unit("layer", 1), place=(1, 4, 2), clip=clips(1)[0])
    (found,) = views(network, [wanted], rule)
    assert set(found) == {"frames"}
    box = ((1, 3), (4, 7), (2, 5))
    torch.testing.assert_close(cut_to(found["frames"], box), layer.weight[1].detach())
    assert found["frames"].count_nonzero() == layer.weight[1].numel()


def test_a_deconvnet_shows_what_excites_and_a_gradient_also_what_inhibits():
    """A unit that adds a light pixel and takes away another, both seen through rectifiers."""
    model = nn.Sequential(nn.Conv3d(3, 2, 1, bias=False), nn.ReLU(), nn.Conv3d(2, 1, 1, bias=False))
    model[0].weight.data = torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]).reshape(2, 3, 1, 1, 1)
    model[2].weight.data = torch.tensor([[1.0, -1.0]]).reshape(1, 2, 1, 1, 1)
    network = planted(model, 1, frames=6, short_side=12, size=(12, 12))
    white = Clip(frames=torch.ones(3, 6, 12, 12))
    wanted = [Wanted(unit=Unit("layer", 0), place=(0, 0, 0), clip=white)]
    at = (slice(None), 0, 0, 0)
    assert views(network, wanted, "gradient")[0]["frames"][at].tolist() == [1.0, -1.0, 0.0]
    assert views(network, wanted, "deconvolved")[0]["frames"][at].tolist() == [1.0, 0.0, 0.0]


def test_a_stream_that_the_layer_does_not_see_has_no_view():
    class Towers(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other = nn.Conv3d(3, 2, 3), nn.Conv3d(2, 2, 3)

        def forward(self, frames, flow):
            return (self.one(frames) + self.other(flow)).amax(dim=(2, 3, 4))

    spec = ClipSpec(**{**SPEC.to_json(), "streams": ("frames", "flow")})
    network = Network(Towers(), labels=["a", "b"], expects=spec, name="towers").eval()
    clip = clips(1, flow=True)[0]
    for layer, stream in (("one", "frames"), ("other", "flow")):
        wanted = Wanted(unit=Unit(layer, 0), place=(0, 0, 0), clip=clip)
        assert set(views(network, [wanted], "gradient")[0]) == {stream}


# Equality with captum


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
@pytest.mark.parametrize(
    ("rule", "method"),
    [
        ("gradient", NeuronGradient),
        ("deconvolved", NeuronDeconvolution),
        ("guided", NeuronGuidedBackprop),
    ],
    ids=RULES,
)
def test_agrees_with_captum(network, rule, method):
    clip, unit, place = clips(1)[0], Unit("5", 2), (0, 2, 1)
    normalized = network.normalize(ClipBatch.of([clip], SPEC)).frames.requires_grad_()
    model = network.model
    expected = method(model, model[5]).attribute(normalized, (unit.channel, *place))
    (found,) = views(network, [Wanted(unit=unit, place=place, clip=clip)], rule)
    torch.testing.assert_close(found["frames"], expected[0].detach())


# Promises


@rules
def test_units_and_clips_in_one_batch_are_as_each_alone(network, rule):
    wanted = [
        Wanted(unit=Unit("5", channel), place=(0, channel % 4, 3), clip=clip)
        for channel, clip in enumerate(clips(4))
    ]
    together = views(network, wanted, rule)
    for each, found in zip(wanted, together, strict=True):
        torch.testing.assert_close(views(network, [each], rule)[0], found)


@rules
def test_the_network_comes_back_as_it_went(network, rule):
    network.train()
    network.model[0].weight.requires_grad_(False)
    before = {name: each.clone() for name, each in network.model.state_dict().items()}
    grads = [weight.requires_grad for weight in network.parameters()]
    views(network, [Wanted(unit=Unit("5", 0), place=(0, 0, 0), clip=clips(1)[0])], rule)
    assert all(torch.equal(before[name], each) for name, each in network.model.state_dict().items())
    assert [weight.requires_grad for weight in network.parameters()] == grads
    assert all(weight.grad is None for weight in network.parameters())
    assert all(module.training for module in network.modules())


def test_views_are_kept_in_levels_of_their_own(tmp_path):
    kept = {
        "gradient 0 frames": torch.randn(3, 2, 4, 4),
        "gradient 1 frames": torch.zeros(3, 1, 1, 1),
    }
    keep_views(tmp_path / "unit.npz", kept)
    found = kept_views(tmp_path / "unit.npz")
    assert set(found) == set(kept)
    for name, view in kept.items():
        step = view.abs().max().item() / 31
        torch.testing.assert_close(found[name], view, rtol=0, atol=0.51 * step)


# Refusals


def test_refuses_a_deconvnet_without_rectifiers_and_says_what_fits():
    model = nn.Sequential(nn.Conv3d(3, 2, 3), nn.GELU(), nn.Conv3d(2, 2, 3))
    network = planted(model, 2, frames=6, short_side=12, size=(12, 12))
    wanted = [Wanted(unit=Unit("layer", 0), place=(0, 0, 0), clip=clips(1)[0])]
    with pytest.raises(ClipError, match="fits any network is gradient"):
        views(network, wanted, "deconvolved")
    assert views(network, wanted, "gradient")[0]["frames"].any()


@pytest.mark.parametrize(
    ("unit", "place"),
    [(Unit("6", 0), (0, 0, 0)), (Unit("5", 5), (0, 0, 0)), (Unit("5", 0), (0, 0, 9))],
    ids=["place of a layer without any", "channel", "place"],
)
def test_refuses_a_neuron_that_is_not_there(network, unit, place):
    wanted = [Wanted(unit=unit, place=place, clip=clips(1)[0])]
    if unit.layer == "6":
        assert views(network, wanted, "gradient")[0]["frames"].any()
    else:
        with pytest.raises(UnknownNameError):
            views(network, wanted, "gradient")


def test_refuses_a_layer_that_nothing_leads_back_from():
    class Choice(nn.Module):
        def forward(self, x):
            return (x > 0).float()[:, :2]

    network = planted(Choice(), 2, frames=6, short_side=12, size=(12, 12))
    wanted = [Wanted(unit=Unit("layer", 0), place=(0, 0, 0), clip=clips(1)[0])]
    with pytest.raises(ClipError, match="nothing leads back from layer"):
        views(network, wanted, "gradient")
