import pytest
import torch
from einops import rearrange
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError
from kinetoscope.networks.network import Network, TokenGrid
from kinetoscope.units.axes import as_volume, habits_of, layout_for
from kinetoscope.units.layers import list_layers
from kinetoscope.units.reading import read, watch

SPEC = ClipSpec(frames=4, size=(8, 12), short_side=8)
GRID = TokenGrid(size=(2, 4, 6), before=1)


def network_of(model, *, tokens=None, spec=SPEC, labels=2):
    names = [f"label {number}" for number in range(labels)]
    network = Network(model, labels=names, expects=spec, name="planted", tokens=tokens)
    return network.eval()


def batch(*, clips=3, spec=SPEC):
    generator = torch.Generator().manual_seed(0)
    return ClipBatch(frames=torch.rand(clips, 3, spec.frames, *spec.size, generator=generator))


class Tokens(nn.Module):
    """Patches of 2 x 2 x 2 as tokens, one before them, then two layers that answer tokens."""

    def __init__(self, order="time height width"):
        super().__init__()
        self.order = order
        self.patches = nn.Conv3d(3, 5, 2, stride=2)
        self.dropout = nn.Dropout(0.5)
        self.norm = nn.LayerNorm(5)
        self.fc = nn.Linear(5, 2)

    def forward(self, frames):
        x = self.patches(frames)
        x = rearrange(x, f"clip channel time height width -> clip ({self.order}) channel")
        x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)
        return self.fc(self.norm(self.dropout(x))[:, 0])


@pytest.mark.parametrize("order", ["time height width", "height width time"])
def test_tokens_are_put_back_where_they_come_from(order):
    torch.manual_seed(0)
    model = Tokens(order)
    network = network_of(model, tokens=TokenGrid(size=(2, 4, 6), before=1, order=order))
    found = read(network, batch(), ["patches", "dropout", "norm"])
    torch.testing.assert_close(found["dropout"], found["patches"])
    expected = model.norm(found["patches"].movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(found["norm"], expected)


def test_tokens_are_listed_with_what_they_see():
    network = network_of(Tokens(), tokens=GRID)
    (dropout,) = list_layers(network, ["dropout"])
    assert dropout.shape == (5, 2, 4, 6)
    assert dropout.receptive_field.size == dropout.receptive_field.stride == (2, 2, 2)


class Views(nn.Module):
    """Looks at a clip by `view`, as models do that fold time into the batch."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 5, 3)

    def forward(self, frames):
        pictures = frames.transpose(1, 2).contiguous().view(-1, 3, *frames.shape[3:])
        answer = self.first(pictures).mean(dim=(2, 3)) + frames.view(len(frames), -1).mean()
        return answer.view(len(frames), -1, 5).mean(dim=1)[:, :2]


def test_a_model_that_looks_at_clips_by_view_is_shown_them_plain():
    network = network_of(Views())
    assert habits_of(network).layout is torch.contiguous_format
    shown = batch().laid_out(layout_for(network))
    scores = watch(network, shown, ["first"], lambda name, answer: None)
    torch.testing.assert_close(scores, network.scores(batch()))


def test_any_other_is_shown_them_with_the_channels_of_a_pixel_side_by_side():
    network = network_of(nn.Sequential(nn.Conv3d(3, 2, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten()))
    assert layout_for(network) is torch.channels_last_3d


class Apart(Tokens):
    """Attention along time alone, then in space alone, each as a batch of its own."""

    def forward(self, frames):
        x = self.patches(frames)
        along_time = rearrange(x, "clip channel t h w -> (clip h w) t channel")
        x = rearrange(
            self.dropout(along_time), "(clip h w) t channel -> (clip t) (h w) channel", h=4, w=6
        )
        return self.fc(rearrange(self.norm(x), "(clip t) p c -> clip t p c", t=2).mean(dim=(1, 2)))


def test_tokens_of_one_place_or_of_one_time_are_put_back_too():
    network = network_of(Apart(), tokens=GRID)
    found = read(network, batch(), ["patches", "dropout", "norm"])
    torch.testing.assert_close(found["dropout"], found["patches"])
    assert found["norm"].shape == (3, 5, 2, 4, 6)


class WithGrid(nn.Module):
    """Answers tokens, and the grid that they lie in."""

    def forward(self, x):
        tokens = rearrange(x, "clip channel time height width -> clip (time height width) channel")
        return torch.cat([tokens[:, :1], tokens], dim=1), tuple(x.shape[2:])


class Pooling(nn.Module):
    """As torchvision's multiscale transformers: the grid shrinks, and stands beside the tokens."""

    def __init__(self):
        super().__init__()
        self.patches, self.pool = nn.Conv3d(3, 5, 2, stride=2), nn.MaxPool3d((1, 2, 2))
        self.first, self.second, self.norm = WithGrid(), WithGrid(), nn.LayerNorm(5)
        self.fc = nn.Linear(5, 2)

    def forward(self, frames):
        x = self.patches(frames)
        self.first(x)
        tokens, _ = self.second(self.pool(x))
        return self.fc(self.norm(tokens).mean(dim=1))


def test_a_grid_that_comes_with_the_tokens_is_used_for_others_of_its_size():
    network = network_of(Pooling())
    found = read(network, batch(), ["patches", "pool", "first", "second", "norm"])
    torch.testing.assert_close(found["first"], found["patches"])
    torch.testing.assert_close(found["second"], found["pool"])
    assert found["norm"].shape == (3, 5, 2, 2, 3)
    assert [layer.shape for layer in list_layers(network, ["second"])] == [(5, 2, 2, 3)]


class Last(nn.Module):
    """Features on the last axis, in and out of it by permutations."""

    def __init__(self):
        super().__init__()
        self.conv, self.there = nn.Conv3d(3, 5, 1), Permute((0, 2, 3, 4, 1))
        self.block = nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 7), nn.GELU(), nn.Dropout(0.1))
        self.back, self.relu = Permute((0, 4, 1, 2, 3)), nn.ReLU()
        self.fc = nn.Linear(7, 2)

    def forward(self, frames):
        x = self.back(self.block(self.there(self.conv(frames))))
        return self.fc(self.relu(x).mean(dim=(2, 3, 4)))


class Permute(nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)


def test_a_layer_without_weights_has_the_features_of_what_it_was_given():
    network = network_of(Last())
    layers = ["conv", "there", "block.0", "block.2", "block.3", "block", "back", "relu", "fc"]
    found = read(network, batch(), layers)
    shapes = {name: tuple(answer.shape[1:]) for name, answer in found.items()}
    place = (4, 8, 12)
    assert shapes == {
        **dict.fromkeys(("conv", "there", "block.0"), (5, *place)),
        **dict.fromkeys(("block.2", "block.3", "block", "back", "relu"), (7, *place)),
        "fc": (2,),
    }
    torch.testing.assert_close(found["there"], found["conv"])
    torch.testing.assert_close(found["back"], found["block.3"])
    assert [layer.shape for layer in list_layers(network, layers)] == list(shapes.values())


class Tupled(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


@pytest.mark.parametrize(
    "answer",
    [lambda x: (x,), lambda x: (x, None), lambda x: {"state": x}],
    ids=["alone", "beside None", "by name"],
)
def test_a_tensor_beside_nothing_is_that_tensor(answer):
    model = nn.Sequential(nn.Conv3d(3, 2, 1), Tupled(answer))
    network = network_of(model)
    volume = as_volume(answer(torch.rand(2, 5, 4, 8, 12)), network, "1", 2)
    assert volume.shape == (2, 5, 4, 8, 12)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: (x, x), "does not answer with one tensor\n  got:      tuple"),
        (lambda x: {"a": x, "b": x}, "got:      dict"),
        (lambda x: (x, (1, 2)), "got:      tuple"),
        (lambda x: 3, "got:      int"),
        (lambda x: x[:, 0, 0].flatten(1, 2)[..., None], "no place in time, height and width"),
        (lambda x: x.mean(), "does not hold the 2 clips"),
        (lambda x: x.flatten(0, 1)[:5], "does not hold the 2 clips"),
    ],
    ids=["two", "two by name", "half a grid", "no tensor", "tokens", "number", "cut"],
)
def test_refuses_what_can_not_be_told(answer, message):
    network = network_of(nn.Sequential(nn.Conv3d(3, 2, 1), nn.Identity()))
    with pytest.raises(ClipError, match=message):
        as_volume(answer(torch.rand(2, 3, 4, 8, 12)), network, "1", 2)


@pytest.mark.parametrize("shape", [(2, 3, 49, 5), (2, 3, 49, 49), (4, 3, 25, 25)], ids=str)
def test_refuses_tokens_that_come_a_head(shape):
    network = network_of(nn.Sequential(nn.Conv3d(3, 2, 1), nn.Identity()), tokens=GRID)
    with pytest.raises(ClipError, match="a head of attention"):
        as_volume(torch.rand(shape), network, "1", 2)


def test_refuses_tokens_that_may_lie_in_two_ways():
    network = network_of(nn.Sequential(nn.Conv3d(3, 2, 1), nn.Identity()))
    habits_of(network).grids.extend(
        [TokenGrid(size=(2, 4, 6)), TokenGrid(size=(4, 3, 4), order="height width time")]
    )
    with pytest.raises(ClipError, match="several places at once"):
        as_volume(torch.rand(2, 48, 5), network, "1", 2)
