import pytest
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, KinetoscopeError, UnknownNameError
from kinetoscope.networks.non_local import (
    ADDED,
    KINDS,
    SUBSAMPLES,
    NonLocal,
    add_non_local,
    insert_non_local,
)
from kinetoscope.networks.others.adapters import as_network
from kinetoscope.networks.zoo import build_network


def awake(block):
    """A block whose weights are large enough to matter."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in block.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
    return block.eval()


def volume(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def pooled(x):
    return nn.functional.max_pool3d(x, (1, 2, 2))


def all_pairs(block, kind, x, *, subsample, scaled):
    """The paper's equations, one after the other: the matrix f and what the block answers."""
    keys = pooled(x) if subsample == "before" else x
    theta = x if kind == "gaussian" else block.theta(x)
    phi = keys if kind == "gaussian" else block.phi(keys)
    g = block.g(keys)
    if subsample == "after":
        phi, g = pooled(phi), pooled(g)
    theta, phi, g = theta.flatten(2), phi.flatten(2), g.flatten(2)
    scale = block.g.out_channels**-0.5 if scaled else 1.0
    f = torch.einsum("nci,ncj->nij", theta, phi)
    if kind == "concatenation":
        pairs = torch.cat(
            [
                theta[:, :, :, None].expand(-1, -1, -1, phi.shape[2]),
                phi[:, :, None, :].expand(-1, -1, theta.shape[2], -1),
            ],
            dim=1,
        )
        f = torch.relu(torch.einsum("ncij,c->nij", pairs, block.pairwise.conv.weight.flatten()))
    f = (f * scale).softmax(dim=2) if "gaussian" in kind else f / phi.shape[2]
    y = torch.einsum("nij,ncj->nci", f, g).unflatten(2, x.shape[2:])
    return f, block.norm(block.out(y)) + x


@pytest.mark.parametrize("scaled", [True, False], ids=["scaled", "not scaled"])
@pytest.mark.parametrize("subsample", SUBSAMPLES)
@pytest.mark.parametrize("kind", KINDS)
def test_agrees_with_the_matrix_of_all_pairs(kind, subsample, scaled):
    block = awake(NonLocal(6, kind=kind, subsample=subsample, scaled=scaled))
    x = volume(2, 6, 3, 4, 6).requires_grad_()
    _, wanted = all_pairs(block, kind, x, subsample=subsample, scaled=scaled)
    found = block(x)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    upstream = volume(*x.shape)
    each = [x, *block.parameters()]
    ours, theirs = (torch.autograd.grad(y, each, upstream) for y in (found, wanted))
    for one, other in zip(ours, theirs, strict=True):
        limit = 1e-5 * max(1.0, other.abs().max().item())
        torch.testing.assert_close(one, other, rtol=0, atol=limit)


@pytest.mark.parametrize(
    ("channels", "count"), [(256, 132_224), (512, 526_592), (1024, 2_101_760), (2048, 8_397_824)]
)
def test_weights_are_as_many_as_published(channels, count):
    block = NonLocal(channels)
    assert sum(weight.numel() for weight in block.parameters()) == count


def test_layers_have_the_published_shapes(table_of):
    table, found = table_of("non_local"), {}
    block = NonLocal(512).to("meta")
    for name, layer in block.named_children():
        layer.register_forward_hook(
            lambda module, taken, answer, name=name: found.update({name: tuple(answer.shape[1:])})
        )
    block(torch.empty(1, 512, 4, 28, 28, device="meta"))
    assert table.pop("x") == (512, 4, 28, 28)
    assert {name: found[name] for name in table} == table


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind", KINDS)
def test_starts_as_the_identity(kind, mode):
    block = NonLocal(8, kind=kind).train(mode == "train")
    x = volume(2, 8, 2, 4, 4)
    assert torch.equal(block(x), x)
    block.eval()
    assert torch.equal(block(x), x)


def test_a_gaussian_has_neither_theta_nor_phi():
    names = {name.partition(".")[0] for name in NonLocal(8, kind="gaussian").state_dict()}
    assert names == {"g", "out", "norm"}


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_right_in_double_precision(kind):
    block = awake(NonLocal(4, kind=kind)).double()
    x = volume(1, 4, 2, 2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(block, x, fast_mode=True)


@pytest.mark.parametrize("kind", KINDS)
def test_places_that_change_seats_change_only_seats(kind):
    block = awake(NonLocal(6, kind=kind, subsample="none"))
    x = volume(1, 6, 2, 3, 4)
    seats = torch.randperm(24, generator=torch.Generator().manual_seed(2))
    moved = x.flatten(2)[:, :, seats].unflatten(2, x.shape[2:])
    wanted = block(x).flatten(2)[:, :, seats].unflatten(2, x.shape[2:])
    torch.testing.assert_close(block(moved), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_does_not_see_its_neighbours_in_the_batch(kind):
    block = awake(NonLocal(6, kind=kind))
    x = volume(3, 6, 2, 4, 4)
    torch.testing.assert_close(block(x)[1:2], block(x[1:2]))


@pytest.mark.parametrize("kind", KINDS)
def test_one_place_is_enough(kind):
    block = awake(NonLocal(6, kind=kind, subsample="none"))
    x = volume(2, 6, 1, 1, 1)
    _, wanted = all_pairs(block, kind, x, subsample="none", scaled=True)
    torch.testing.assert_close(block(x), wanted)


@pytest.mark.parametrize("subsample", SUBSAMPLES)
@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_one_row_of_the_matrix(kind, subsample):
    block = awake(NonLocal(6, kind=kind, subsample=subsample))
    x = volume(2, 6, 3, 4, 6)
    f, _ = all_pairs(block, kind, x, subsample=subsample, scaled=True)
    weights = block.attention_from(x, (1, 2, 3))
    assert weights.shape == (2, 1, 3, *((4, 6) if subsample == "none" else (2, 3)))
    torch.testing.assert_close(weights.flatten(1), f[:, 1 * 24 + 2 * 6 + 3])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_can_be_exported(kind):
    block = awake(NonLocal(6, kind=kind))
    x = volume(2, 6, 2, 4, 4)
    exported = torch.export.export(block, (x,)).module()
    torch.testing.assert_close(exported(x), block(x))


# Added to networks


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_scores_as_before(kind, clips_for):
    network = build_network("c3d_toy").eval()
    added = add_non_local(network, ["conv5a", "conv5b"], kind=kind)
    clips = clips_for(network, 2)
    with torch.no_grad():
        torch.testing.assert_close(added.scores(clips), network.scores(clips), rtol=0, atol=0)
    assert added.weights_count > network.weights_count


def test_the_network_itself_stays_as_it_was(clips_for):
    network = build_network("c3d_toy").eval()
    before, layers, digest = list(network.state_dict()), network.layers, network.weights_hash
    added = add_non_local(network, ["conv3a"])
    assert list(network.state_dict()) == before
    assert (network.layers, network.options.get(ADDED)) == (layers, None)
    assert added.weights_hash != digest
    assert not any(each._forward_hooks for each in network.modules())
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in added.modules())


def test_layers_keep_their_names_and_their_order():
    added = add_non_local(build_network("c3d_toy"), ["conv3b", "conv1a"])
    assert added.layers[:8] == (
        *("conv1a.block", "conv1a.non_local", "pool1", "conv2a", "pool2"),
        *("conv3a", "conv3b.block", "conv3b.non_local"),
    )
    assert isinstance(added.layer("conv3b.non_local"), NonLocal)
    assert isinstance(added.layer("conv3b"), nn.Sequential)


class Stages(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.stem = nn.Conv3d(3, width, 3, padding=1)
        self.stage = nn.Sequential(nn.Conv3d(width, width, 1), nn.Conv3d(width, width, 1))
        self.frames = nn.Conv2d(width, width, 1)
        self.twice = nn.Conv3d(width, width, 1)
        self.pool = nn.AdaptiveAvgPool3d(1)
        self.label = nn.Linear(width, 2)

    def forward(self, frames):
        x = self.stage(self.stem(frames))
        folded = self.frames(x.movedim(2, 1).flatten(0, 1))
        x = folded.unflatten(0, (len(x), -1)).movedim(1, 2)
        return self.label(self.pool(self.twice(self.twice(x))).flatten(1))


SPEC = ClipSpec(frames=4, size=(8, 8), short_side=8)


def stages(layers=("stem", "stage.0", "stage.1", "label"), **settings):
    return as_network(
        Stages(**settings), labels=["a", "b"], expects=SPEC, name="stages", layers=layers
    )


def test_a_layer_within_another_and_that_other_both_get_a_block():
    added = add_non_local(stages(), ["stage", "stage.0"])
    assert added.layers == (
        *("stem", "stage.block.0.block", "stage.block.0.non_local"),
        *("stage.block.1", "stage.non_local", "label"),
    )
    assert all(added.layer(name) is not None for name in added.layers)


def test_a_network_of_others_that_names_no_layers_names_none():
    network = stages()
    network.layers = ()
    assert add_non_local(network, ["stem"]).layers == ()


def test_a_second_call_adds_to_the_first():
    once = add_non_local(build_network("c3d_toy"), ["conv3a"])
    twice = add_non_local(once, ["conv3a"], kind="dot-product")
    assert twice.layers[4:8] == (
        *("conv3a.block.block", "conv3a.block.non_local", "conv3a.non_local"),
        "conv3b",
    )
    assert [record["kind"] for record in twice.options[ADDED]] == [
        "embedded-gaussian",
        "dot-product",
    ]


def test_what_was_added_is_told_in_plain_values():
    added = add_non_local(build_network("c3d_toy"), ("conv3a",), kind="gaussian", scaled=False)
    assert added.options[ADDED] == [
        {"layers": ["conv3a"], "kind": "gaussian", "subsample": "before", "scaled": False}
    ]
    again = build_network("c3d_toy")
    for record in added.options[ADDED]:
        again = add_non_local(again, **record)
    again.load_state_dict(added.state_dict())
    assert again.layers == added.layers


@pytest.mark.parametrize("mode", [True, False], ids=["train", "eval"])
def test_blocks_are_in_the_mode_of_their_layer(mode):
    network = build_network("c3d_toy").train(not mode)
    network.layer("conv3a").train(mode)
    added = add_non_local(network, ["conv3a"])
    assert {each.training for each in added.layer("conv3a").modules()} == {mode}
    assert added.training is not mode


def test_blocks_are_of_the_type_and_on_the_device_of_their_layer():
    network = stages()
    network.model.double()
    assert add_non_local(network, ["stem"]).layer("stem.non_local").g.weight.dtype == torch.float64
    with torch.device("meta"):
        network = build_network("c3d_toy")
    assert add_non_local(network, ["conv3a"]).layer("conv3a.non_local").g.weight.is_meta


def test_frozen_weights_stay_frozen():
    network = build_network("c3d_toy")
    network.requires_grad_(False)
    added = add_non_local(network, ["conv3a"])
    learning = [name for name, weight in added.model.named_parameters() if weight.requires_grad]
    assert all(".non_local." in name for name in learning)
    assert learning


def test_blocks_can_be_put_into_any_module():
    model = Stages()
    insert_non_local(model, {"stage.1": 4}, kind="concatenation")
    assert model(torch.rand(2, 3, 4, 8, 8)).shape == (2, 2)
    assert model.stage[1].non_local.g.in_channels == 4


@pytest.mark.slow
def test_blocks_go_behind_layers_of_torchvision(clips_for):
    network = build_network("r3d_18").eval()
    added = add_non_local(network, ["layer2.0", "layer3.1"])
    clips = clips_for(network)
    with torch.no_grad():
        torch.testing.assert_close(added.scores(clips), network.scores(clips))


# What is refused


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["stag"], "near: stage"),
        (["stem", "stem"], "layer stem is to have two non-local blocks"),
        (["label"], "it has no places"),
        (["pool"], "it has a single place, as fully connected layers have"),
        (["frames"], "its frames are folded into the clips"),
        (["twice"], "answers 2 times"),
    ],
    ids=["unknown", "named twice", "no places", "pooled", "frames folded", "called twice"],
)
def test_refuses_layers_that_no_block_fits_behind(layers, message):
    network = stages()
    with pytest.raises(KinetoscopeError, match=message):
        add_non_local(network, layers)


def test_refuses_a_fully_connected_layer_of_the_zoo():
    with pytest.raises(ClipError, match="fc6 can't have anything put behind it"):
        add_non_local(build_network("c3d_toy"), ["fc6"])


def test_refuses_tokens_whose_channels_come_last():
    with torch.device("meta"):
        network = build_network("swin3d_t")
    with pytest.raises(ClipError, match="its channels are on the last axis"):
        add_non_local(network, ["features.1"])


def test_refuses_odd_channels():
    network = stages(width=3)
    with pytest.raises(ClipError, match="3 channels"):
        add_non_local(network, ["stem"])
    assert NonLocal(3, inner=2).g.out_channels == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"kind": "gausian"}, "near: .*gaussian"), ({"subsample": "befor"}, "near: before")],
    ids=["kind", "subsample"],
)
def test_refuses_settings_that_are_not_there(settings, message):
    with pytest.raises(UnknownNameError, match=message):
        NonLocal(4, **settings)


def test_refuses_what_can_not_be_pooled():
    with pytest.raises(ClipError, match="4 frames of 1 x 8"):
        NonLocal(4)(torch.rand(1, 4, 4, 1, 8))


@pytest.mark.parametrize("place", [(2, 0, 0), (0, 4, 0), (0, 0, -1)])
def test_refuses_places_outside(place):
    with pytest.raises(ClipError, match="no such place"):
        NonLocal(4).attention_from(torch.rand(1, 4, 2, 4, 4), place)


class Peeping(Stages):
    """Asks for what is within a layer, which is elsewhere once a block stands behind it."""

    def forward(self, frames):
        return super().forward(frames) + self.stem.bias.sum()


def test_refuses_a_model_that_looks_into_the_layer():
    network = as_network(Peeping(), labels=["a", "b"], expects=SPEC, layers=["stem"])
    with pytest.raises(ClipError, match="bias"):
        add_non_local(network, ["stem"])
