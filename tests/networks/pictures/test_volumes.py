import copy

import pytest
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn
from torchvision.models.shufflenetv2 import channel_shuffle

from kinetoscope.errors import ClipError
from kinetoscope.networks.pictures.volumes import frame_by_frame, in_volumes


class Calls(nn.Module):
    """A part that calls one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def for_volumes(part):
    return in_volumes(copy.deepcopy(part), part, "part")


@pytest.fixture
def clip():
    return torch.randn(2, 4, 3, 6, 5, generator=torch.Generator().manual_seed(0))


def each_frame(part, clip):
    return torch.stack([part(clip[:, :, time]) for time in range(clip.shape[2])], dim=2)


FRAME_BY_FRAME = {
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, stride=1, padding=1),
    "avg_pool2d of what is smaller": lambda x: F.avg_pool2d(x, kernel_size=7, stride=2, padding=3),
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2),
    "max_pool2d by names": lambda x: F.max_pool2d(x, kernel_size=2, padding=1, ceil_mode=True),
    "channel_shuffle": lambda x: x + 1,
    "chunk and cat": lambda x: chunks(x),
    "some channels": lambda x: x[:, 1:3] * 2,
    "pad": lambda x: F.pad(x, (1, 0, 2, 1)),
    "sum in place": lambda x: F.relu(x, inplace=False) + x,
}
"""Functions that do to every frame of a clip what they do to a picture."""


@pytest.mark.parametrize("function", FRAME_BY_FRAME.values(), ids=list(FRAME_BY_FRAME))
def test_a_function_does_to_every_frame_what_it_does_to_a_picture(function, clip):
    part = Calls(function)
    torch.testing.assert_close(for_volumes(part)(clip), each_frame(part, clip))


class Shuffles(nn.Module):
    def forward(self, x):
        return channel_shuffle(x, 2)


class Adds(nn.Module):
    """Changes what parts of it have answered."""

    def __init__(self):
        super().__init__()
        self.same, self.relu = nn.Identity(), nn.ReLU()

    def forward(self, x):
        y = self.relu(self.same(x) * 0.5)
        y += 1
        z = F.relu(self.same(y) - 1.5, inplace=True)
        return z + F.relu(x, inplace=True)


def chunks(x):
    first, second = x.chunk(2, dim=1)
    return torch.cat([second, first], dim=1)


def test_torchvisions_shuffle_of_channels_is_known(clip, monkeypatch):
    monkeypatch.setitem(Shuffles.forward.__globals__, "channel_shuffle", channel_shuffle)
    torch.testing.assert_close(for_volumes(Shuffles())(clip), each_frame(Shuffles(), clip))


def test_what_a_part_of_it_answered_is_not_changed_in_place(clip):
    part, seen = for_volumes(Adds()), {}
    part.relu.register_forward_hook(lambda m, taken, answer: seen.update(relu=answer))
    answer = part(clip.clone())
    torch.testing.assert_close(seen["relu"], (clip / 2).relu())
    torch.testing.assert_close(answer, Adds()(clip.clone()))


WHOLE = {
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (1, 1)).flatten(1),
    "mean of places": lambda x: x.mean([2, 3]),
    "mean of the last axes": lambda x: x.mean((-2, -1)),
    "mean that keeps axes": lambda x: torch.flatten(x.mean((2, 3), keepdim=True), 1),
    "torch.mean": lambda x: torch.mean(x, dim=(2, 3)),
}
"""Functions that answer once for all places."""


@pytest.mark.parametrize("function", WHOLE.values(), ids=list(WHOLE))
def test_a_mean_of_all_places_is_one_of_all_times_too(function, clip):
    torch.testing.assert_close(for_volumes(Calls(function))(clip), clip.mean(dim=(2, 3, 4)))


def test_the_largest_of_all_places_is_that_of_all_times_too(clip):
    found = for_volumes(Calls(lambda x: x.amax((2, 3))))(clip)
    torch.testing.assert_close(found, clip.amax(dim=(2, 3, 4)))
    pooled = for_volumes(Calls(lambda x: F.adaptive_max_pool2d(x, 1)))(clip)
    torch.testing.assert_close(pooled.flatten(1), clip.amax(dim=(2, 3, 4)))


class Drops(nn.Module):
    def forward(self, x):
        return F.dropout(x.mean((2, 3)), p=0.5, training=self.training)


def test_dropout_follows_the_mode_that_the_part_is_in(clip):
    part = for_volumes(Drops().eval())
    assert not (part(clip) == 0).any()
    assert (part.train()(clip) == 0).any()
    assert not (part.eval()(clip) == 0).any()


class Optional(nn.Module):
    def forward(self, x, twice: bool = False, other=None):
        x = x.mean((2, 3))
        return x * 2 if twice else x


def test_what_may_be_left_out_is_left_out(clip):
    part = for_volumes(Optional())
    torch.testing.assert_close(part(clip), clip.mean((2, 3, 4)))
    torch.testing.assert_close(part(clip, twice=False), clip.mean((2, 3, 4)))


def test_a_part_that_calls_nothing_of_the_plane_keeps_its_own_code():
    part = Calls(torch.relu)
    assert type(for_volumes(part)) is Calls
    assert type(for_volumes(Drops())) is not Drops
    assert isinstance(for_volumes(Drops()), Drops)


class Reads(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x):
        return x * self.scale


REFUSED = {
    "a view": (Calls(lambda x: x.view(2, -1)), "method view"),
    "a shape": (Calls(lambda x: x * x.shape[2]), "shape"),
    "a permutation": (Calls(lambda x: x.permute(0, 2, 3, 1)), "method permute"),
    "a mean of other axes": (Calls(lambda x: x.mean((1, 2))), r"mean\(\(1, 2\)\)"),
    "a mean of one axis": (Calls(lambda x: x.mean(dim=1)), r"mean\(dim=1\)"),
    "a mean of all": (Calls(lambda x: x * x.mean()), "method mean"),
    "rows that are kept": (Calls(lambda x: x.flatten(2)), "method flatten"),
    "a concatenation in space": (Calls(lambda x: torch.cat([x, x], dim=2)), "calls cat"),
    "a weight": (Reads(), "reads scale"),
    "interpolation": (Calls(lambda x: F.interpolate(x, scale_factor=2)), "interpolate"),
    "what looks at values": (Calls(lambda x: x if x.sum() > 0 else -x), "can't be read"),
    "what is left in place": (
        Calls(lambda x: (F.relu(x, inplace=True), x)[1]),
        "leaves the answer",
    ),
    "one row": (Calls(lambda x: x[:, :, 0]), "getitem"),
}


@pytest.mark.parametrize(("part", "told"), REFUSED.values(), ids=list(REFUSED))
def test_refuses_what_is_not_known_to_mean_the_same(part, told):
    with pytest.raises(ClipError, match=rf"part can't be inflated[\s\S]*{told}"):
        for_volumes(part)


def test_a_part_may_be_shown_every_frame_on_its_own(clip):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 2, 3)
    folded = frame_by_frame(copy.deepcopy(conv))
    torch.testing.assert_close(folded(clip), each_frame(conv, clip))
    assert isinstance(folded, nn.Conv2d)
    frames = rearrange(clip, "clip channel time height width -> (clip time) channel height width")
    assert conv(frames).shape == (6, 2, 4, 3)
