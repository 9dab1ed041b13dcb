"""Layers of transformers that others built are read with each axis where it belongs."""

import pytest
import torch
from torch import nn
from torchvision.models.video.mvit import MSBlockConfig, MViT
from torchvision.models.video.swin_transformer import SwinTransformer3d

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.layers import list_layers
from kinetoscope.units.reading import read
from tests.networks.others.made_classifiers import KINDS, save

SPEC = ClipSpec(frames=8, size=(32, 32), short_side=32)


def network_of(model):
    return Network(model, labels=["a", "b"], expects=SPEC, name="planted").eval()


def clips(count=1, *, frames=8):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, frames, 32, 32, generator=generator)


def places_that_change(network, layer, *, frame, row, column):
    """Where a layer's answer differs when the clip does at one pixel of one frame."""
    before = clips(frames=network.expects.frames)
    after = before.clone()
    after[:, :, frame, row, column] += 0.5
    with torch.no_grad():
        answers = [
            read(network, ClipBatch(frames=each), [layer])[layer] for each in (before, after)
        ]
    differs = (answers[0] - answers[1]).abs().sum(dim=(0, 1)) > 1e-6
    return {tuple(place) for place in differs.nonzero().tolist()}


@pytest.fixture(scope="module")
def multiscale():
    """Two blocks of torchvision's MViT; the second one has a quarter of the places."""
    torch.manual_seed(0)
    blocks = [
        MSBlockConfig(
            num_heads=heads,
            input_channels=width,
            output_channels=2 * width,
            kernel_q=[3, 3, 3],
            kernel_kv=[3, 3, 3],
            stride_q=stride,
            stride_kv=[1, 2, 2],
        )
        for heads, width, stride in ((1, 8, [1, 1, 1]), (2, 16, [1, 2, 2]))
    ]
    model = MViT(
        spatial_size=(32, 32),
        temporal_size=8,
        block_setting=blocks,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        num_classes=2,
    )
    return network_of(model)


@pytest.fixture(scope="module")
def shifted():
    """Two stages of torchvision's Swin."""
    torch.manual_seed(0)
    model = SwinTransformer3d(
        patch_size=[2, 4, 4],
        embed_dim=12,
        depths=[2, 2],
        num_heads=[1, 2],
        window_size=[2, 2, 2],
        num_classes=2,
    )
    return network_of(model)


@pytest.mark.slow
def test_blocks_that_answer_tokens_with_their_grid_are_read(multiscale):
    layers = ["conv_proj", "pos_encoding", "blocks.0.norm1", "blocks.0", "blocks.1", "norm"]
    found = read(multiscale, ClipBatch(frames=clips(3)), layers)
    shapes = {name: tuple(answer.shape[1:]) for name, answer in found.items()}
    assert shapes == {
        **dict.fromkeys(layers[:3], (8, 4, 8, 8)),
        "blocks.0": (16, 4, 8, 8),
        **dict.fromkeys(layers[4:], (32, 4, 4, 4)),
    }
    normalized = nn.functional.layer_norm(found["conv_proj"].movedim(1, -1), (8,))
    torch.testing.assert_close(found["pos_encoding"], found["conv_proj"])
    torch.testing.assert_close(
        found["blocks.0.norm1"].movedim(1, -1), normalized, rtol=1e-3, atol=1e-3
    )
    assert {layer.name: layer.shape for layer in list_layers(multiscale, layers)} == shapes


def test_a_multiscale_transformers_tokens_lie_where_they_come_from(multiscale):
    found = places_that_change(multiscale, "blocks.0.norm1", frame=7, row=31, column=0)
    assert found == {(3, 7, 0)}


@pytest.mark.slow
def test_heads_of_attention_are_not_taken_for_frames(multiscale):
    listed = {layer.name for layer in list_layers(multiscale, every=True)}
    assert "blocks.1.attn" in listed
    assert not listed & {"blocks.1.attn.pool_q", "blocks.1.attn.pool_q.norm_act"}


@pytest.mark.slow
def test_layers_without_weights_in_channels_last_are_read(shifted):
    block = "features.0.1"
    layers = ["patch_embed", "pos_drop", f"{block}.mlp.0", f"{block}.mlp.1", f"{block}.mlp.2"]
    found = read(shifted, ClipBatch(frames=clips(3)), layers)
    assert found["pos_drop"].shape == (3, 12, 4, 8, 8)
    torch.testing.assert_close(found["pos_drop"], found["patch_embed"])
    assert found[f"{block}.mlp.1"].shape == (3, 48, 4, 8, 8)
    expected = nn.functional.gelu(found[f"{block}.mlp.0"])
    torch.testing.assert_close(found[f"{block}.mlp.1"], expected)
    torch.testing.assert_close(found[f"{block}.mlp.2"], expected)


@pytest.mark.slow
def test_every_layer_of_a_shifted_window_transformer_has_its_own_channels(shifted):
    channels = {layer.name: layer.channels for layer in list_layers(shifted, every=True)}
    first = {name: count for name, count in channels.items() if name.startswith("features.0.0")}
    assert set(first.values()) == {12, 48}
    assert channels["pos_drop"] == 12
    assert channels["avgpool"] == 24


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mvit_v2_s", "swin3d_t"])
def test_every_published_layer_of_torchvisions_transformers_is_listed(name):
    with torch.device("meta"):
        network = build_network(name).eval()
    layers = list_layers(network)
    assert [layer.name for layer in layers] == list(network.layers)
    assert all(len(layer.shape) == 4 for layer in layers[:-1])


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory):
    """Hugging Face's, opened from folders."""
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("hub")
    for kind in KINDS:
        save(kind, folder / kind)
    return {kind: build_network(f"hf:{folder / kind}") for kind in KINDS}


EMBEDDED = {
    "videomae": "model.videomae.embeddings",
    "timesformer": "model.timesformer.embeddings",
    "vivit": "model.vivit.embeddings",
    "vjepa2": "model.vjepa2.encoder.embeddings",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_tokens_of_a_classifier_lie_where_they_come_from(classifiers, kind):
    network = classifiers[kind]
    time = 2 if kind == "timesformer" else 1
    for row, column in ((3, 30), (30, 3)):
        found = places_that_change(network, EMBEDDED[kind], frame=2, row=row, column=column)
        assert found == {(time, row // 8, column // 8)}


@pytest.mark.slow
def test_timesformers_attention_along_time_stays_in_its_place(classifiers):
    layer = "model.timesformer.encoder.layer.0.temporal_attention"
    found = places_that_change(classifiers["timesformer"], layer, frame=2, row=3, column=30)
    assert found == {(time, 0, 3) for time in range(4)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_of_a_classifier_is_read_as_it_is_listed(classifiers, kind):
    network = classifiers[kind]
    layers = list_layers(network, every=True)
    assert len(layers) > 25
    assert set(network.layers) <= {layer.name for layer in layers}
    with torch.no_grad():
        answers = read(
            network, ClipBatch(frames=clips(2, frames=4)), [each.name for each in layers]
        )
    assert {layer.name: layer.shape for layer in layers} == {
        name: tuple(answer.shape[1:]) for name, answer in answers.items()
    }
    for layer in list_layers(network)[1:3]:
        assert layer.shape[1:] == network.tokens.size
