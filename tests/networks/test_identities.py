"""Identities that hold for any weights, over the networks that have the parts they are about.

Those of one family stand with it: a non-local block that starts as the identity (test_non_local),
inflated networks and videos that stand still (test_inflate), the start of a fusion and of a flow
layer (test_fusion, test_inflate), pulses in collapsed form (test_dsts), upstream gradients
(test_meta), and the closed form of a maximized linear unit (evidence/test_maximize).
"""

import pytest
import torch
from einops import einsum, reduce
from torch import nn
from torch.nn import functional

from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read


@pytest.fixture
def plain():
    """Four layers of C3D without their ReLUs, and a clip in double precision."""
    torch.manual_seed(0)
    model = build_network("c3d_toy").model.double().eval()
    for layer in (model.conv1a, model.conv2a, model.conv3a, model.conv3b):
        layer.relu = nn.Identity()
    return model, torch.rand(1, 3, 4, 16, 16, dtype=torch.double)


def test_without_relu_a_deconvnet_gives_the_gradient(plain):
    model, clip = plain
    clip.requires_grad_()
    answer, pool1, pool2 = _forward(model, clip)
    answer[0, 2].sum().backward()
    signal = torch.zeros_like(answer)
    signal[0, 2] = 1
    for layer in (model.conv3b, model.conv3a):
        signal = _transposed(layer, signal)
    signal = _transposed(model.conv2a, pool2(signal))
    signal = _transposed(model.conv1a, pool1(signal))
    torch.testing.assert_close(signal, clip.grad)


def test_what_is_unpooled_with_switches_is_pooled_to_the_same():
    pool = build_network("c3d_toy").model.pool2
    maps = torch.rand(1, 3, 4, 8, 8)
    pooled, switches = functional.max_pool3d(maps, pool.kernel_size, return_indices=True)
    unpooled = functional.max_unpool3d(pooled, switches, pool.kernel_size)
    assert torch.equal(pool(unpooled), pooled)
    assert torch.equal(unpooled[unpooled > 0], maps[unpooled > 0])


@pytest.mark.parametrize(
    ("name", "options", "layer"),
    [
        ("two_stream_small_toy", {"keep_motion": False}, "conv4"),
        ("slow_fusion_cs231n", {}, "conv2"),
        ("c2d_toy", {}, "res5"),
        ("i3d_toy", {}, "res5"),
        ("slow_toy", {}, "res5"),
    ],
    ids=str,
)
@torch.no_grad()
def test_the_mean_of_a_class_map_and_the_bias_are_the_score(name, options, layer, clips_for):
    torch.manual_seed(0)
    network = build_network(name, **options).eval()
    batch, label = clips_for(network, 2), network.model.label.conv
    maps = read(network, batch, [layer])[layer]
    class_maps = einsum(
        label.weight[:, :, 0, 0, 0],
        maps,
        "label channel, clip channel time height width -> clip label time height width",
    )
    mean = reduce(class_maps, "clip label time height width -> clip label", "mean")
    torch.testing.assert_close(mean + label.bias, network.scores(batch))


def _forward(model, clip):
    """What conv3b answers, and how each pool is undone."""
    x, undo1 = _pooled(model.conv1a(clip), model.pool1)
    x, undo2 = _pooled(model.conv2a(x), model.pool2)
    return model.conv3b(model.conv3a(x)), undo1, undo2


def _pooled(x, pool):
    answer, switches = functional.max_pool3d(x, pool.kernel_size, return_indices=True)
    return answer, lambda signal: functional.max_unpool3d(signal, switches, pool.kernel_size)


def _transposed(layer, signal):
    return functional.conv_transpose3d(signal, layer.conv.weight, padding=layer.conv.padding)
