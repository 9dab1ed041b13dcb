"""What is computed anew is what a full pass answers, for networks of every make."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS
from kinetoscope.networks.listings import ZOO
from kinetoscope.networks.network import frozen
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.patching.boxes import Boxes
from kinetoscope.units.patching.incremental import Incremental
from kinetoscope.units.patching.plan import counted
from kinetoscope.units.patching.versions import Patches

TOYS = [name for name in ZOO if name.endswith("_toy")]
QUICK = ("c3d_toy", "two_stream_small_toy", "vgg16_flow_toy", "late_fusion_toy", "cnn_m_frames_toy")


def patches_of(streams, corners, box, values=None):
    """Boxes at places of a clip, filled with noise."""
    chance = torch.Generator().manual_seed(1)
    found = {}
    for name, x in streams.items():
        channels = x.shape[1]
        boxes = Boxes(
            tuple((0, 0, *corner) for corner in corners), (1, channels, *box), tuple(x.shape)
        )
        noise = 3 * torch.randn(len(corners), 1, channels, *box, generator=chance)
        found[name] = Patches(boxes, noise if values is None else noise * 0 + values)
    return found


def written_out(streams, patches):
    """The versions of a clip, in full."""
    count = len(next(iter(patches.values())).values)
    found = {}
    for name, x in streams.items():
        versions = x.repeat(count, 1, 1, 1, 1)
        if name in patches:
            boxes = patches[name].boxes
            for number, corner in enumerate(boxes.corners):
                ends = [low + length for low, length in zip(corner, boxes.size, strict=True)]
                at = tuple(map(slice, corner[1:], ends[1:]))
                versions[number][at] = patches[name].values[number, 0]
        found[name] = versions
    return found


def stirred(model):
    """With other weights than those that it begins with, of which many are zero or one."""
    chance = torch.Generator().manual_seed(2)
    for each in model.modules():
        if isinstance(each, nn.modules.batchnorm._BatchNorm) and each.weight is not None:
            each.weight.data.copy_(0.5 + torch.rand(each.weight.shape, generator=chance))
            each.bias.data.copy_(0.2 * torch.randn(each.bias.shape, generator=chance))
    return model.eval()


def check(ask, model, streams, patches, *, followed=True, twice=True):
    with frozen(model), torch.no_grad():
        expected = ask(written_out(streams, patches))
        asked = Incremental(ask, streams, model)
        found = asked(patches)
        assert asked.followed == followed
        again = asked(patches) if twice else found
    scale = float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * scale)
    torch.testing.assert_close(again, expected, rtol=1e-5, atol=1e-5 * scale)
    return expected


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TOYS]
)
def test_every_network_of_the_zoo_answers_what_a_full_pass_answers(name):
    torch.manual_seed(0)
    network = build_network(name, labels=4)
    stirred(network.model)
    extent = (network.expects.frames, *network.expects.size)
    streams = {each: torch.randn(1, CHANNELS[each], *extent) for each in network.expects.streams}
    box = tuple(max(length // 4, 1) for length in extent)
    ends = tuple(length - long for length, long in zip(extent, box, strict=True))
    patches = patches_of(streams, [tuple(end // 2 for end in ends), ends], box)
    check(lambda given: network.answer(ClipBatch(**given)), network, streams, patches, twice=False)


@pytest.mark.parametrize("changed", ["frames", "flow"])
def test_one_stream_may_stay_as_it_is(changed):
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=4)
    stirred(network.model)
    extent = (network.expects.frames, *network.expects.size)
    streams = {each: torch.randn(1, CHANNELS[each], *extent) for each in network.expects.streams}
    patches = patches_of({changed: streams[changed]}, [(0, 3, 5)], (2, 4, 4))
    check(lambda given: network.answer(ClipBatch(**given)), network, streams, patches)


class Block(nn.Module):
    """A residual block."""

    def __init__(self):
        super().__init__()
        self.one, self.norm = nn.Conv3d(4, 4, 3, padding=1), nn.BatchNorm3d(4)
        self.two = nn.Conv3d(4, 4, (1, 3, 3), padding=(0, 1, 1), groups=2)

    def forward(self, x):
        y = F.relu(self.norm(self.one(x)), inplace=True)
        y = self.two(y)
        y += x
        return y.relu_()


class Gate(nn.Module):
    """Channels are weighted by their means, as in squeeze and excitation."""

    def forward(self, x):
        return x * F.adaptive_avg_pool3d(x, 1).sigmoid()


class Folded(nn.Module):
    """Frame by frame, time in the batch."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, stride=2, padding=1)

    def forward(self, x):
        n, c, t, h, w = x.shape
        y = self.conv(x.transpose(1, 2).reshape(n * t, c, h, w)).relu()
        return y.view(n, t, *y.shape[1:]).permute(0, 2, 1, 3, 4)


class Lambda(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class Tokens(nn.Module):
    """A transformer over patches of the clip."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Conv3d(4, 8, (2, 4, 4), stride=(2, 4, 4))
        self.places = nn.Parameter(torch.randn(1, 18, 8))
        self.norm = nn.LayerNorm(8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        tokens = self.norm(self.cut(x).flatten(2).transpose(1, 2) + self.places)
        return self.layer(tokens).transpose(1, 2)


class Shifted(nn.Module):
    """A part of the channels is moved in time."""

    def forward(self, x):
        after, before, same = x.split([1, 1, 2], dim=1)
        nothing = torch.zeros_like(after[:, :, :1])
        after = torch.cat([after[:, :, 1:], nothing], dim=2)
        before = torch.cat([nothing, before[:, :, :-1]], dim=2)
        return torch.cat([after, before, same], dim=1)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 4)

    def forward(self, x):
        return self.gru(x.mean((3, 4)).permute(2, 0, 1))[0].permute(1, 2, 0)


CASES = {
    "residual, in place": Block(),
    "gated": nn.Sequential(nn.Conv3d(4, 4, 1), Gate()),
    "frame by frame": Folded(),
    "transformer": Tokens(),
    "shifted in time": nn.Sequential(Shifted(), nn.Conv3d(4, 4, (1, 3, 3))),
    "recurrent": Recurrent(),
    "largest over time": nn.Sequential(
        nn.Conv3d(4, 4, 3, padding=1), Lambda(lambda x: x.amax(2, keepdim=True))
    ),
    "largest with its place": Lambda(lambda x: x.max(2)[0]),
    "every other frame": Lambda(lambda x: x[:, :, ::2]),
    "picked frames": Lambda(lambda x: x.index_select(2, torch.tensor([0, 2, 5]))),
    "one frame": Lambda(lambda x: x[:, :, 2]),
    "padded": nn.Sequential(nn.ConstantPad3d((1, 2, 0, 1, 1, 0), 0.5), nn.MaxPool3d(2)),
    "largest, padded, rounded up": nn.MaxPool3d(3, 2, padding=1, ceil_mode=True),
    "mean, padded": nn.AvgPool3d((1, 3, 3), 2, padding=(0, 1, 1)),
    "mean, padding not counted": nn.AvgPool3d(3, 2, padding=1, count_include_pad=False),
    "dilated": nn.Conv3d(4, 2, (2, 3, 3), dilation=(2, 2, 1), padding=(1, 0, 2), stride=(1, 2, 1)),
    "transposed": nn.ConvTranspose3d(4, 2, 2, stride=2),
    "upsampled": nn.Upsample(scale_factor=2),
    "normed over channels": Lambda(lambda x: F.normalize(x, dim=1)),
    "group norm": nn.GroupNorm(2, 4),
    "softmax over channels": nn.Softmax(dim=1),
    "weights a place": Lambda(lambda x: x * torch.linspace(0, 1, 12)),
    "joined with itself": Lambda(lambda x: torch.cat([x, x * 2, x[:, :1]], dim=1)),
    "pieces": Lambda(lambda x: sum(piece.square() for piece in x.chunk(2, dim=4))),
    "channels last": Lambda(lambda x: F.linear(x.movedim(1, -1), torch.eye(4)[:2])),
    "space melted": Lambda(lambda x: x.flatten(3).unsqueeze(2)),
    "space unmelted": Lambda(lambda x: x.unflatten(4, (3, 4))[..., 0]),
    "seen through another": Lambda(lambda x: _write_through(x * 1)),
    "chosen by values": Lambda(lambda x: x * 2 if bool(x.max() > 5) else x + 1),
    "double": Lambda(lambda x: x.double().clamp(-1, 1).pow(2)),
}
NOT_FOLLOWED = ("seen through another",)


def _write_through(x):
    x[:, :, 1:3].mul_(0.0)
    return x


@pytest.mark.parametrize("name", CASES)
def test_any_module_answers_what_a_full_pass_answers(name):
    torch.manual_seed(0)
    model = stirred(nn.Sequential(nn.Conv3d(3, 4, (1, 3, 3), padding=(0, 1, 1)), CASES[name]))
    streams = {"frames": torch.randn(1, 3, 6, 8, 12)}
    patches = patches_of(streams, [(0, 0, 0), (2, 3, 4), (4, 6, 9), (1, 5, 0)], (2, 2, 3))
    expected = check(
        lambda given: model(given["frames"]),
        model,
        streams,
        patches,
        followed=name not in NOT_FOLLOWED,
    )
    assert len(expected.flatten(1).unique(dim=0)) > 1  # the boxes do matter


def test_one_version_at_a_time_answers_the_same():
    model = stirred(nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), Block(), nn.AdaptiveAvgPool3d(1)))
    streams = {"frames": torch.randn(1, 3, 6, 8, 12)}
    corners = [(0, 0, 0), (2, 3, 4), (4, 6, 9)]
    patches = patches_of(streams, corners, (2, 2, 3), values=0.5)
    expected = check(lambda given: model(given["frames"]), model, streams, patches)
    with frozen(model):
        asked = Incremental(lambda given: model(given["frames"]), streams, model)
        for number, corner in enumerate(corners):
            one = asked(patches_of(streams, [corner], (2, 2, 3), values=0.5))
            torch.testing.assert_close(one[0], expected[number], rtol=1e-5, atol=1e-6)


def test_only_what_a_box_reaches_is_multiplied():
    model = nn.Sequential(nn.Conv3d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv3d(4, 2, 3, stride=2))
    streams = {"frames": torch.randn(1, 3, 9, 17, 17)}
    asked = Incremental(lambda given: model(given["frames"]), streams, model)
    asked(patches_of(streams, [(3, 5, 5)], (1, 3, 3)))
    with counted(model) as work:
        asked(patches_of(streams, [(3, 5, 5), (3, 5, 9)], (1, 3, 3)))
    first = 3 * 5 * 5  # a box of 1 x 3 x 3, seen by windows of 3
    second = 3 * 4 * 4  # its frames 2 to 4 and rows 4 to 8, seen by windows of 3, two apart
    assert work == {"0": 2 * first * 27 * 3 * 4, "2": 2 * second * 27 * 4 * 2}


def test_weights_and_hooks_and_gradients_come_back_as_they_were():
    model = stirred(nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ReLU(inplace=True)))
    before = {name: each.clone() for name, each in model.state_dict().items()}
    streams = {"frames": torch.randn(1, 3, 6, 8, 12)}
    clip = streams["frames"].clone()
    patches = patches_of(streams, [(2, 3, 4)], (2, 2, 3))
    check(lambda given: model(given["frames"]), model, streams, patches)
    assert torch.equal(streams["frames"], clip)
    for name, each in model.state_dict().items():
        assert torch.equal(each, before[name])
    assert all(each.grad is None and each.requires_grad for each in model.parameters())
    assert not any(each._forward_hooks for each in model.modules())


def test_an_error_of_the_network_is_an_error():
    def refuse(given):
        raise ZeroDivisionError("of the network's own")

    streams = {"frames": torch.randn(1, 3, 6, 8, 12)}
    with pytest.raises(ZeroDivisionError, match="own"):
        Incremental(refuse, streams, nn.Identity())(patches_of(streams, [(0, 0, 0)], (1, 1, 1)))


def test_a_result_that_is_not_that_of_a_full_pass_is_not_taken(monkeypatch):
    model = nn.Conv3d(3, 4, 3)
    streams = {"frames": torch.randn(1, 3, 6, 8, 12)}
    patches = patches_of(streams, [(2, 3, 4)], (2, 2, 3))
    asked = Incremental(lambda given: model(given["frames"]), streams, model)
    asked.check(patches)
    assert asked.followed
    monkeypatch.setattr(asked, "_incremental", lambda patches: torch.zeros(1, 4, 4, 6, 10))
    asked.check(patches)
    assert not asked.followed
    with torch.no_grad():
        expected = model(written_out(streams, patches)["frames"])
    torch.testing.assert_close(asked(patches), expected)
