import copy

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.inception import BasicConv2d, InceptionA, InceptionC, InceptionE
from torchvision.models.mnasnet import MNASNet
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.shufflenetv2 import InvertedResidual
from torchvision.models.vgg import make_layers

from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.pictures.inflate import (
    colour_convolutions,
    inflate,
    inflated_weight,
    mean_filter,
    with_channels,
)
from kinetoscope.networks.pictures.picture_zoo import picture_network
from tests.networks.pictures.picture_shapes import settled

THIN = [8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 512, "M"]
"""The stages of VGG-11, the last as wide as its hidden layers want it."""


class SmallInception(nn.Sequential):
    """Inception v3's mixed layers, with functional pools and filters of one row or column."""

    def __init__(self):
        super().__init__(
            *(BasicConv2d(3, 4, kernel_size=3, stride=7), InceptionA(4, 4), InceptionC(228, 4)),
            *(InceptionE(768), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(2048, 5)),
        )


def _thin(groups=1, width=16):
    return ResNet(Bottleneck, [1, 1, 1, 1], num_classes=5, groups=groups, width_per_group=width)


SMALL = {
    "alexnet": lambda: _with_few_hidden(models.AlexNet(num_classes=5)),
    "vgg11_bn": lambda: _thin_vgg(),
    "googlenet": lambda: picture_network("googlenet", labels=5),
    "inception_v3": lambda: SmallInception(),
    "resnet18": lambda: picture_network("resnet18", labels=5),
    "resnet50": lambda: _thin(),
    "wide_resnet50_2": lambda: _thin(width=32),
    "resnext50_32x4d": lambda: _thin(groups=8, width=4),
    "densenet": lambda: models.DenseNet(8, (2, 2, 2, 2), 16, num_classes=5),
    "squeezenet1_1": lambda: picture_network("squeezenet1_1", labels=5),
    "mobilenet_v2": lambda: models.MobileNetV2(num_classes=5, width_mult=0.25),
    "mobilenet_v3_small": lambda: picture_network("mobilenet_v3_small", labels=5),
    "shufflenet_v2_x0_5": lambda: picture_network("shufflenet_v2_x0_5", labels=5),
    "mnasnet": lambda: MNASNet(0.25, num_classes=5),
}
"""One network of every family of torchvision, as small as it can be made."""

SEES_ALL_TIME = {"mobilenet_v3_small"}
"""Its blocks weigh channels by their mean over the clip: all frames see its ends."""


def _thin_vgg():
    with torch.device("meta"):
        vgg = models.VGG(nn.Identity())
    vgg.features = make_layers(THIN, batch_norm=True)
    return _with_few_hidden(vgg)


def _with_few_hidden(network):
    """The same with sixteen hidden units instead of 4096, and 5 labels."""
    features = 512 if isinstance(network, models.VGG) else 256
    side = network.avgpool.output_size[0]
    network.classifier = nn.Sequential(
        *(nn.Dropout(), nn.Linear(features * side * side, 16), nn.ReLU(), nn.Linear(16, 5))
    )
    return network


def made(name):
    torch.manual_seed(0)
    return settled(SMALL[name]())


def still(picture, frames):
    return picture[:, :, None].expand(-1, -1, frames, -1, -1)


@pytest.fixture
def picture():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def small():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, groups=2, dilation=2, padding=2),
        nn.Conv2d(6, 6, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
    ).eval()


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("padding", ["replicate", "circular"])
@pytest.mark.parametrize("name", SMALL)
def test_a_still_clip_is_answered_as_its_picture(name, padding, picture):
    module = made(name)
    inflated = inflate(module, padding=padding)
    expected = module(picture)
    torch.testing.assert_close(
        inflated(still(picture, 3)), expected, atol=1e-5 * expected.abs().max().item(), rtol=1e-4
    )


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", ["seresnet18", "legacy_seresnet18", "tf_efficientnet_b0"])
def test_a_network_of_timm_answers_a_still_clip_as_its_picture_too(name, picture):
    pytest.importorskip("timm")
    torch.manual_seed(0)
    module = settled(picture_network(name, labels=5))
    inflated = inflate(module, padding="replicate")
    expected = module(picture)
    torch.testing.assert_close(inflated(still(picture, 3)), expected, atol=1e-4, rtol=1e-4)
    assert list(inflated.state_dict()) == list(module.state_dict())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nasnetalarge", "legacy_senet154", "dpn68", "densenet121"])
def test_large_networks_of_timm_are_inflated_without_memory(name):
    pytest.importorskip("timm")
    with torch.device("meta"):
        inflated = inflate(picture_network(name, labels=5).eval())
    assert inflated(torch.empty(1, 3, 2, 128, 128, device="meta")).shape == (1, 5)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", sorted(SMALL.keys() - SEES_ALL_TIME))
def test_with_zeros_beyond_the_ends_it_is_at_the_middle_frame(name, picture):
    module = made(name)
    convs = [path for path, each in module.named_modules() if isinstance(each, nn.Conv2d)]
    in_time = dict.fromkeys((convs[0], convs[len(convs) // 2]), 3)
    inflated = inflate(module, time=1, extents=in_time, padding="zeros")
    planes, volumes = answers(module, picture), answers(inflated, still(picture, 5))
    compared = 0
    for path, plane in planes.items():
        volume = volumes[path]
        if plane.ndim == 4 and volume.shape[2] == 5:
            near = 1e-4 * max(plane.abs().max().item(), 1e-3)
            torch.testing.assert_close(volume[:, :, 2], plane, atol=near, rtol=1e-4)
            compared += 1
    assert compared > len(convs)
    assert not torch.allclose(volumes[convs[0]][:, :, 0], planes[convs[0]])


def answers(module, x):
    """What every part of a network answered last."""
    found = {}
    handles = [
        each.register_forward_hook(  # before a function changes it in place
            lambda m, taken, out, path=path: found.update({path: out.clone()})
        )
        for path, each in module.named_modules()
    ]
    module(x)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", ["resnet18", "densenet", "googlenet", "mobilenet_v2"])
def test_a_network_with_steps_in_time_still_answers_a_still_clip_as_its_picture(name, picture):
    module = made(name)
    strided = [
        path
        for path, each in module.named_modules()
        if isinstance(each, nn.MaxPool2d | nn.AvgPool2d) and each.stride in (2, (2, 2))
    ]
    (first,) = colour_convolutions(module)
    inflated = inflate(module, padding="replicate", steps={first: 2, **dict.fromkeys(strided, 1)})
    expected = module(picture)
    torch.testing.assert_close(inflated(still(picture, 4)), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_filters_are_equal_parts_of_those_of_the_picture(small):
    inflated = inflate(small, time=5)
    for plane, volume in [(small[0], inflated[0]), (small[4], inflated[4])]:
        assert volume.weight.shape[2] == 5
        torch.testing.assert_close(volume.weight.sum(dim=2), plane.weight)
        assert torch.equal(volume.weight[:, :, 0], volume.weight[:, :, 4])
    assert inflated[5].weight.shape[2] == 1
    assert (inflated[4].groups, inflated[4].dilation, inflated[4].padding) == (
        2,
        (1, 2, 2),
        (2, 2, 2),
    )
    assert torch.equal(inflated[4].bias, small[4].bias)


@torch.no_grad()
@pytest.mark.parametrize("padding", ["replicate", "circular"])
def test_time_is_padded_with_frames_that_are_there(small, padding):
    inflated, clip = inflate(small[:1], padding=padding), torch.randn(1, 3, 4, 8, 8)
    order = {"replicate": [0, 0, 1, 2, 3, 3], "circular": [3, 0, 1, 2, 3, 0]}[padding]
    each = torch.stack([small[0](clip[:, :, time]) for time in order], dim=2)
    means = (each[:, :, :-2] + each[:, :, 1:-1] + each[:, :, 2:]) / 3
    torch.testing.assert_close(inflated(clip), means)


@torch.no_grad()
def test_layers_may_see_and_step_otherwise(small):
    inflated = inflate(small, extents={"5": 3, "4": 1}, steps={"3": 2, "0": 2}, padding="circular")
    extents = [inflated[place].weight.shape[2] for place in (0, 4, 5)]
    assert extents == [3, 1, 3]
    assert inflated[:4](torch.randn(1, 3, 8, 16, 16)).shape == (1, 4, 2, 8, 8)
    picture = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(inflated(still(picture, 8)), small(picture))


def test_names_of_weights_stay_and_the_network_is_left_as_it_was(small):
    before = copy.deepcopy(small.state_dict())
    inflated = inflate(small.train())
    assert list(inflated.state_dict()) == list(before)
    assert inflated.training
    assert all(torch.equal(small.state_dict()[name], each) for name, each in before.items())
    assert isinstance(small[0], nn.Conv2d)
    inflated(torch.randn(2, 3, 3, 8, 8)).sum().backward()
    assert all(each.grad is not None for each in inflated.parameters())
    assert all(each.grad is None for each in small.parameters())
    assert torch.equal(small[1].running_mean, before["1.running_mean"])


def test_each_number_of_a_filter_is_learned_on_its_own(small):
    for module in (inflate(small), with_channels(copy.deepcopy(small), 20)):
        assert all(each.is_contiguous() for each in module.parameters())


def test_weights_that_are_not_learned_stay_so(small):
    small[0].weight.requires_grad_(False)
    inflated = inflate(small)
    assert not inflated[0].weight.requires_grad
    assert inflated[4].weight.requires_grad


def test_a_part_that_stands_in_two_places_is_inflated_once():
    conv = nn.Conv2d(3, 3, 3, padding=1)
    inflated = inflate(nn.Sequential(conv, nn.ReLU(), conv))
    assert inflated[0] is inflated[2]


@torch.no_grad()
def test_an_inflated_network_can_be_copied():
    module = settled(nn.Sequential(nn.Conv2d(3, 8, 3), InvertedResidual(8, 8, 1)))
    inflated, clip = inflate(module), torch.randn(1, 3, 2, 8, 8)
    again = copy.deepcopy(inflated)
    torch.testing.assert_close(again(clip), inflated(clip))
    assert not {id(each) for each in again.modules()} & {id(each) for each in inflated.modules()}


@pytest.mark.slow
@torch.no_grad()
def test_an_inflated_network_can_be_exported():
    module = settled(nn.Sequential(nn.Conv2d(3, 8, 3), InvertedResidual(8, 8, 1)))
    inflated, clip = inflate(module), torch.randn(1, 3, 2, 8, 8)
    exported = torch.export.export(inflated, (clip,)).module()
    torch.testing.assert_close(exported(clip), inflated(clip))


def test_it_can_be_made_without_memory():
    with torch.device("meta"):
        inflated = inflate(picture_network("resnet50", labels=5))
    assert inflated(torch.empty(1, 3, 4, 64, 64, device="meta")).shape == (1, 5)


@torch.no_grad()
def test_flow_of_equal_channels_is_answered_by_the_mean_filter():
    torch.manual_seed(0)
    colours, value = torch.randn(4, 3, 3, 3), torch.rand(1, 1, 8, 8)
    wide = nn.functional.conv2d(value.expand(-1, 20, -1, -1), mean_filter(colours, 20))
    mean = nn.functional.conv2d(value, colours.mean(dim=1, keepdim=True))
    torch.testing.assert_close(wide, 20 * mean)


@torch.no_grad()
@pytest.mark.parametrize("name", ["densenet", "mobilenet_v2", "shufflenet_v2_x0_5", "inception_v3"])
def test_the_first_convolution_is_changed_to_see_flow_and_no_other(name):
    module = made(name)
    before = {path: each.clone() for path, each in module.state_dict().items()}
    (first,) = colour_convolutions(module)
    changed = with_channels(copy.deepcopy(module), 20)
    for path, each in changed.state_dict().items():
        if path == f"{first}.weight":
            assert torch.equal(each, mean_filter(before[path], 20))
        else:
            assert torch.equal(each, before[path])
    assert changed(torch.randn(1, 20, 64, 64)).shape == (1, 5)


@torch.no_grad()
def test_an_inflated_network_may_be_changed_to_see_flow_before_or_after(small, picture):
    after = with_channels(inflate(small), 2)
    before = inflate(with_channels(copy.deepcopy(small), 2))
    flow = torch.randn(1, 2, 3, 8, 8)
    torch.testing.assert_close(after(flow), before(flow))


def test_a_convolution_alone_may_be_inflated_and_see_flow():
    conv = nn.Conv2d(3, 4, 3)
    assert inflate(conv).weight.shape == (4, 3, 3, 3, 3)
    assert with_channels(conv, 20).weight.shape == (4, 20, 3, 3)
    assert inflated_weight(conv.weight, 7).shape == (4, 3, 7, 3, 3)


class BySize(nn.Module):
    def forward(self, x):
        return x.view(x.size(0), -1)


REFUSED = {
    "a view": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), BySize()), "1 can't be inflated"),
    "upsampling": (lambda: nn.Sequential(nn.Upsample(scale_factor=2)), "Upsample"),
    "other padding": (lambda: nn.Conv2d(3, 4, 3, padding="same"), "padding"),
    "reflection": (lambda: nn.Conv2d(3, 4, 3, padding_mode="reflect"), "reflect"),
    "rows that are kept": (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(2)), "Flatten"),
    "attention": (lambda: models.vit_b_32(), "can't be inflated"),
}


@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=list(REFUSED))
def test_refuses_what_it_does_not_know(make, told):
    with torch.device("meta"):
        module = make()
    with pytest.raises(ClipError, match=told):
        inflate(module)


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"time": 4}, ClipError, "an odd number of frames"),
        ({"extents": {"4": 0}}, ClipError, "an odd number of frames"),
        ({"steps": {"3": 0}}, ClipError, "steps of 1 or more"),
        ({"extents": {"conv9": 3}}, UnknownNameError, "conv9"),
        ({"steps": {"1": 2}}, UnknownNameError, "no convolution or pool is called 1"),
        ({"extents": {"3": 3}}, ClipError, "as much time as it steps"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_refuses_a_plan_that_can_not_be_kept(small, options, error, told):
    with pytest.raises(error, match=told):
        inflate(small, **options)


def test_refuses_a_network_that_sees_no_colours():
    with pytest.raises(ClipError, match="no layer that sees colours"):
        with_channels(nn.Sequential(nn.Conv2d(1, 4, 3)), 20)
