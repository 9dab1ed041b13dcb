from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
import torchvision
from einops import rearrange
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.network import Network
from kinetoscope.units import receptive
from kinetoscope.units.reading import read
from kinetoscope.units.receptive import ReceptiveField, receptive_fields, survey

follow = receptive._follow
TOY = ClipSpec(frames=12, size=(14, 20), short_side=20)


def network_of(model: nn.Module, spec: ClipSpec = TOY) -> Network:
    return Network(model, labels=["a", "b"], expects=spec, name="planted").eval()


def sizes_and_strides(network, layers):
    fields = receptive_fields(network, layers)
    assert all(field.exact for field in fields.values())
    return {name: (field.size, field.stride) for name, field in fields.items()}


# Known answers


class FrameByFrame(nn.Module):
    """A network for pictures, shown every frame."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, frames):
        clips = len(frames)
        folded = rearrange(frames, "clip c time h w -> (clip time) c h w")
        scores = self.model(folded)
        return rearrange(scores, "(clip time) label -> clip time label", clip=clips).mean(dim=1)


# specs.md 0.2: size and stride in pixels, by torchvision's numbers of the layers.
VGG16 = {
    "features.0": (3, 1),
    "features.2": (5, 1),
    "features.4": (6, 2),
    "features.5": (10, 2),
    "features.7": (14, 2),
    "features.9": (16, 4),
    "features.10": (24, 4),
    "features.12": (32, 4),
    "features.14": (40, 4),
    "features.16": (44, 8),
    "features.17": (60, 8),
    "features.19": (76, 8),
    "features.21": (92, 8),
    "features.23": (100, 16),
    "features.24": (132, 16),
    "features.26": (164, 16),
    "features.28": (196, 16),
    "features.30": (212, 32),
    "classifier.0": (404, 32),
}


@pytest.fixture(scope="module")
def vgg16():
    with torch.device("meta"):
        model = torchvision.models.vgg16(num_classes=2)
    spec = ClipSpec(frames=2, size=(224, 224), short_side=224)
    return network_of(FrameByFrame(model.to_empty(device="cpu")), spec)


def test_the_published_receptive_fields_of_vgg16(vgg16):
    found = sizes_and_strides(vgg16, [f"model.{name}" for name in VGG16])
    expected = {
        f"model.{name}": ((1, size, size), (1, stride, stride))
        for name, (size, stride) in VGG16.items()
    }
    assert found == expected


def test_the_first_field_starts_in_the_padding(vgg16):
    field = receptive_fields(vgg16, ["model.features.28"])["model.features.28"]
    assert field.start == (0, -90, -90)
    assert field.box((1, 0, 7), (2, 224, 224)) == ((1, 2), (0, 106), (22, 218))


def c3d():
    def conv(before, after):
        return nn.Sequential(nn.Conv3d(before, after, 3, padding=1), nn.ReLU(inplace=True))

    layers = {
        "conv1a": conv(3, 2),
        "pool1": nn.MaxPool3d((1, 2, 2)),
        "conv2a": conv(2, 2),
        "pool2": nn.MaxPool3d(2),
        "conv3a": conv(2, 2),
        "conv3b": conv(2, 2),
        "pool3": nn.MaxPool3d(2),
        "conv4a": conv(2, 2),
        "conv4b": conv(2, 2),
        "pool4": nn.MaxPool3d(2),
        "conv5a": conv(2, 2),
        "conv5b": conv(2, 2),
        "pool5": nn.MaxPool3d(2, padding=(0, 1, 1)),
        "flat": nn.Flatten(),
        "fc6": nn.Linear(2 * 4 * 4, 2),
    }
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return network_of(model, ClipSpec(frames=16, size=(112, 112), short_side=112))


def test_the_receptive_fields_of_c3d():
    # By hand: size grows by 2 strides a convolution, by 1 stride a pool of 2, which doubles it.
    assert sizes_and_strides(c3d(), ["conv1a", "pool1", "conv3b", "conv5b", "pool5", "fc6"]) == {
        "conv1a": ((3, 3, 3), (1, 1, 1)),
        "pool1": ((3, 4, 4), (1, 2, 2)),
        "conv3b": ((14, 26, 26), (2, 4, 4)),
        "conv5b": ((68, 134, 134), (8, 16, 16)),
        "pool5": ((76, 150, 150), (16, 32, 32)),
        "fc6": ((76, 246, 246), (16, 32, 32)),
    }


def test_the_receptive_fields_of_r3d_18():
    model = torchvision.models.video.r3d_18(num_classes=2)
    network = network_of(model, ClipSpec(frames=16, size=(112, 112), short_side=112))
    assert sizes_and_strides(network, ["stem", "layer1", "layer2", "layer3", "layer4"]) == {
        "stem": ((3, 7, 7), (1, 2, 2)),
        "layer1": ((11, 23, 23), (1, 2, 2)),
        "layer2": ((25, 51, 51), (2, 4, 4)),
        "layer3": ((53, 107, 107), (4, 8, 8)),
        "layer4": ((109, 219, 219), (8, 16, 16)),
    }


class TwoStreams(nn.Module):
    """Frames are seen one by one; flow through a wider window; both meet."""

    def __init__(self):
        super().__init__()
        self.frames = nn.Conv3d(3, 2, (1, 3, 3), padding=(0, 1, 1))
        self.flow = nn.Conv3d(2, 2, (5, 1, 1), padding=(2, 0, 0))
        self.fusion = nn.Identity()

    def forward(self, frames, flow):
        both = self.fusion(torch.cat([self.frames(frames), self.flow(flow)], dim=1))
        return both.mean(dim=(2, 3, 4))[:, :2]


def test_two_streams_have_a_field_each_and_together():
    spec = ClipSpec(streams=("frames", "flow"), frames=12, size=(14, 14), short_side=14)
    fields = receptive_fields(network_of(TwoStreams(), spec), ["frames", "flow", "fusion"])
    assert fields["frames"].size == (1, 3, 3)
    assert list(fields["frames"].streams) == ["frames"]
    assert fields["fusion"].size == (5, 3, 3)
    assert {name: field.size for name, field in fields["fusion"].streams.items()} == {
        "frames": (1, 3, 3),
        "flow": (5, 1, 1),
    }


# Slow twin: what a place really depends on, by the gradient of a network without cancelling.


class Toy(nn.Module):
    """One way of computing, as a layer called `way`; then scores."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, frames):
        return self.way(frames).flatten(1)[:, :2]


class Way(nn.Module):
    """Convolutions before and after something that is not a module."""

    def __init__(self, change, after: nn.Module | None = None):
        super().__init__()
        self.before = nn.Conv3d(3, 4, 3, padding=1)
        self.change = change
        self.after = after or nn.Conv3d(4, 4, 3, padding=1)

    def forward(self, frames):
        return self.after(self.change(self.before(frames)))


def shift_along_time(x):
    """The temporal shift module, in place as it is published."""
    shifted = torch.zeros_like(x)
    shifted[:, :1, :-1] = x[:, :1, 1:]
    shifted[:, 1:2, 1:] = x[:, 1:2, :-1]
    shifted[:, 2:] = x[:, 2:]
    return shifted


def along_time_alone(x):
    clip, channel, _, height, _ = x.shape
    weight = torch.ones(channel, channel, 3)
    lines = rearrange(x, "clip c t h w -> (clip h w) c t")
    lines = F.conv1d(lines, weight, padding=1)
    return rearrange(lines, "(clip h w) c t -> clip c t h w", clip=clip, h=height)


def two_ways(x):
    x = x.permute(0, 2, 1, 3, 4).relu_()
    first, second = x.chunk(2, dim=2)
    first = F.avg_pool3d(first.transpose(1, 2), (1, 3, 3), stride=1, padding=(0, 1, 1))
    return torch.cat([first, second.movedim(2, 1)], dim=1)


def written_frame_by_frame(x):
    answer = x.clone()
    for time in range(x.shape[2] - 1):
        answer[:, :, time] += x[:, :, time + 1]
    return answer


WAYS = {
    "convolutions": lambda: nn.Sequential(
        nn.Conv3d(3, 2, (3, 3, 5), stride=(1, 2, 1), padding=1),
        nn.BatchNorm3d(2),
        nn.ReLU(inplace=True),
        nn.Conv3d(2, 4, 3, dilation=(2, 1, 2), padding=2, groups=2),
        nn.AvgPool3d(2, ceil_mode=True),
    ),
    "without padding": lambda: nn.Sequential(
        nn.Conv3d(3, 2, (2, 3, 3)), nn.Conv3d(2, 2, 3, stride=2)
    ),
    "one place left": lambda: nn.Sequential(
        nn.Conv3d(3, 2, (12, 3, 3), stride=(4, 1, 1)), nn.Conv3d(2, 2, 3, padding=1)
    ),
    "every third frame": lambda: Way(lambda x: x[:, :, ::3]),
    "last frames": lambda: Way(lambda x: x[:, :, -5:]),
    "chosen by value": lambda: Way(
        lambda x: torch.index_select(x, 2, torch.linspace(0, 11, 5).long())
    ),
    "padded by hand": lambda: Way(
        lambda x: F.pad(x, (1, 2, 0, 1, 2, 0)), after=nn.Conv3d(4, 2, 4, stride=2)
    ),
    "shifted in place": lambda: Way(shift_along_time),
    "written frame by frame": lambda: Way(written_frame_by_frame),
    "along time alone": lambda: Way(along_time_alone),
    "two ways": lambda: Way(two_ways),
    "residual in place": lambda: Way(lambda x: F.avg_pool3d(x, 3, 1, 1).add_(x)),
    "stacked": lambda: Way(lambda x: torch.stack([x[:, :, ::2], x[:, :, 1::2]]).sum(dim=0)),
    "adaptive": lambda: Way(lambda x: F.adaptive_avg_pool3d(x, (6, 5, 3))),
    "mean over time": lambda: Way(lambda x: x.mean(dim=2, keepdim=True)),
    "gated by its mean": lambda: Way(lambda x: x * x.mean(dim=(2, 3, 4), keepdim=True)),
    "linear over width": lambda: nn.Sequential(nn.Conv3d(3, 2, 3, padding=1), nn.Linear(20, 20)),
    "normalized over groups": lambda: nn.Sequential(nn.Conv3d(3, 4, 1), nn.Softplus()),
    "einsum": lambda: Way(lambda x: torch.einsum("ncthw,cd->ndthw", x, torch.ones(4, 4))),
    "a middle axis melted": lambda: Way(
        lambda x: x.unflatten(2, (4, 3)).mean(dim=3).reshape(*x.shape[:2], 4, *x.shape[3:])
    ),
}
NOT_EVEN = {"chosen by value", "adaptive"}
# Beyond the edge a model that drops frames has zeros, where the field goes on in the clip.
CUT = {"every third frame", "last frames"}


def positive(network: Network) -> Network:
    """So that no influence cancels another, and no unit is silent."""
    for weight in network.model.parameters():
        weight.data = weight.data.abs() + 0.1
    return network


def seen_by_gradient(network: Network, place: tuple[int, int, int]):
    """First and one past the last frame, row and column with a gradient."""
    extent = (network.expects.frames, *network.expects.size)
    frames = torch.rand(1, 3, *extent).requires_grad_()
    read(network, ClipBatch(frames=frames), ["way"])["way"][:, :, *place].sum().backward()
    seen = frames.grad[0].abs().sum(dim=0)
    lines = [seen.sum(dim=[d for d in range(3) if d != axis]).nonzero() for axis in range(3)]
    return tuple((int(line.min()), int(line.max()) + 1) for line in lines)


@pytest.mark.parametrize("name", WAYS)
def test_a_field_holds_just_what_its_place_depends_on(name):
    torch.manual_seed(0)
    network = positive(network_of(Toy(WAYS[name]())))
    field = receptive_fields(network, ["way"])["way"]
    extent = (network.expects.frames, *network.expects.size)
    places = survey(network)["way"].shape[1:]
    for corner in ((0, 0, 0), (0.5, 0.5, 0.5), (1, 1, 1), (0.3, 0.8, 0.6)):
        place = tuple(int(part * (n - 1)) for part, n in zip(corner, places, strict=True))
        found, seen = field.box(place, extent), seen_by_gradient(network, place)
        if name in NOT_EVEN | CUT:
            assert all(f[0] <= s[0] and s[1] <= f[1] for f, s in zip(found, seen, strict=True))
        else:
            assert found == seen, place
    assert field.exact == (name not in NOT_EVEN)


def test_an_unknown_operation_sees_everything_and_is_not_exact():
    way = Way(lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"))
    field = receptive_fields(network_of(Toy(way)), ["way"])["way"]
    assert not field.exact
    for place in ((0, 0, 0), (23, 27, 39)):
        assert field.box(place, (12, 14, 20)) == ((0, 12), (0, 14), (0, 20))


# Promises


def test_a_field_does_not_depend_on_the_size_of_the_clip():
    fields = []
    for frames, size in ((8, (16, 16)), (24, (48, 64))):
        way = nn.Sequential(*[nn.Conv3d(3, 3, 3, stride=2, padding=1) for _ in range(3)])
        spec = ClipSpec(frames=frames, size=size, short_side=64)
        fields.append(receptive_fields(network_of(Toy(way), spec), ["way"])["way"])
    assert fields[0] == fields[1]
    assert fields[0].stride == (8, 8, 8)


def test_the_network_is_left_as_it_was():
    network = c3d()
    network.train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    receptive_fields(network, ["fc6"])
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_model_is_looked_at_again_only_where_it_or_what_is_expected_is_not_what_it_was(
    monkeypatch,
):
    looks = []
    monkeypatch.setattr(
        receptive, "_follow", lambda *a, **how: looks.append(a) or follow(*a, **how)
    )
    network = network_of(Toy(nn.Conv3d(3, 2, 3)))
    before = survey(network)
    assert survey(network) == before
    assert len(looks) == 1
    network.model.way = nn.Conv3d(3, 5, 5)
    assert survey(network)["way"].shape[0] == 5
    network.expects = replace(TOY, frames=6)
    assert survey(network)["way"].shape[1] == 2
    assert len(looks) == 3


def test_what_a_caller_does_to_a_survey_stays_with_it():
    network = network_of(Toy(nn.Conv3d(3, 2, 3)))
    survey(network).clear()
    assert "way" in survey(network)


def test_a_model_that_looks_at_values_is_followed_all_the_same():
    class Looking(Toy):
        def forward(self, frames):
            return super().forward(frames) if frames.sum().item() < 1 else frames

    field = receptive_fields(network_of(Looking(nn.Conv3d(3, 2, 3))), ["way"])["way"]
    assert field == ReceptiveField(
        size=(3, 3, 3), stride=(1, 1, 1), start=(0, 0, 0), streams=field.streams
    )


def test_a_layer_that_does_not_see_the_clip_has_no_field():
    class Constant(nn.Module):
        def forward(self, frames):
            return torch.zeros(len(frames), 2)

    field = receptive_fields(network_of(Toy(Constant())), ["way"])["way"]
    assert field.box((0, 0, 0), (12, 14, 20)) == ((0, 0), (0, 0), (0, 0))


# Refusals


def test_refuses_a_layer_that_is_not_there():
    with pytest.raises(UnknownNameError, match="near: conv1a"):
        receptive_fields(c3d(), ["conv1"])


def test_refuses_a_layer_that_is_not_called():
    network = c3d()
    network.model.conv5b.unused = nn.Sequential(nn.Flatten(0))
    network.model.conv5b.forward = lambda x: x
    with pytest.raises(ClipError, match=r"conv5b\.unused does not answer"):
        receptive_fields(network, ["conv5b.unused"])


def test_says_so_where_the_model_does_not_fit_its_own_spec():
    network = network_of(nn.Sequential(nn.Conv3d(4, 2, 3)))
    with pytest.raises(ClipError, match="fails on clips as it says that it expects them"):
        receptive_fields(network, ["0"])
