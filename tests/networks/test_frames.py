import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.networks.zoo import ZOO, build_network

PAPER = ["single_frame", "early_fusion", "late_fusion", "slow_fusion"]
LECTURE = ["late_fusion_cs231n", "early_fusion_cs231n", "slow_fusion_cs231n"]


def seen(network, layer, place):
    """How much of the clip one place of a layer depends on [frames, pixels, pixels].

    Every convolution is made to pass on all it sees, so that nothing is hidden by a ReLU or lost
    in a pool.
    """
    for weight in network.model.parameters():
        weight.data.fill_(1e-2 if weight.ndim > 1 else 1e-3)
    answers, spec = [], network.expects
    handle = network.layer(layer).register_forward_hook(lambda *each: answers.append(each[2]))
    clip = torch.rand(1, 3, spec.frames, *spec.size)
    network.model(clip)
    for axis, length in enumerate((spec.frames, *spec.size)):
        changed = clip.repeat(length, 1, 1, 1, 1)  # each clip at another position
        for position in range(length):
            changed[position].select(axis + 1, position).add_(10.0)
        network.model(changed)
    handle.remove()
    before, *after = (answer[:, 0, *place] for answer in answers)
    return tuple(int(((each - before) > 1e-4 * before).sum()) for each in after)


@pytest.mark.parametrize(("column", "name"), list(enumerate(PAPER)))
def test_shapes_are_those_of_the_table(column, name, shapes_of, table_of):
    with torch.device("meta"):
        network = build_network(name, labels=5)
    shapes, table = shapes_of(network), table_of("frames", column=column)
    assert shapes.pop("label") == (5, 1, 1, 1)
    assert shapes == {layer: table[layer] for layer in shapes}


def test_shapes_are_those_of_the_lecture(shapes_of):
    found = [shapes_of(build_network(name, labels=5)) for name in LECTURE]
    late, early, slow = found
    assert late["conv1"] == slow["conv1"] == (12, 20, 64, 64)
    assert early["conv1"] == (12, 1, 64, 64)
    assert [shapes["pool1"][1:] for shapes in found] == [(20, 16, 16), (1, 16, 16), (5, 16, 16)]
    assert [shapes["conv2"][0] for shapes in found] == [24, 24, 24]
    assert [shapes["average"] for shapes in found] == [(24, 1, 1, 1)] * 3


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "layer", "place", "extent"),
    [
        ("late_fusion_cs231n", "conv1", (10, 16, 16), (1, 3, 3)),
        ("late_fusion_cs231n", "pool1", (10, 4, 4), (1, 6, 6)),
        ("late_fusion_cs231n", "conv2", (10, 4, 4), (1, 14, 14)),
        ("early_fusion_cs231n", "conv1", (0, 16, 16), (20, 3, 3)),
        ("early_fusion_cs231n", "pool1", (0, 4, 4), (20, 6, 6)),
        ("early_fusion_cs231n", "conv2", (0, 4, 4), (20, 14, 14)),
        ("slow_fusion_cs231n", "conv1", (10, 16, 16), (3, 3, 3)),
        ("slow_fusion_cs231n", "pool1", (2, 4, 4), (6, 6, 6)),
        ("slow_fusion_cs231n", "conv2", (2, 4, 4), (14, 14, 14)),
        ("slow_fusion_cs231n", "average", (0, 0, 0), (20, 32, 32)),
    ],
)
def test_each_layer_sees_as_much_as_the_lecture_says(name, layer, place, extent):
    assert seen(build_network(name, channels=(1, 1), size=32), layer, place) == extent


@torch.no_grad()
def test_a_single_frame_network_averages_its_frames_scores():
    network = build_network("single_frame_toy").eval()
    clip = torch.rand(2, 3, 4, 62, 62)
    each = torch.stack([network.model(clip[:, :, [time]]) for time in range(4)])
    torch.testing.assert_close(network.model(clip), each.mean(dim=0))


@torch.no_grad()
def test_late_fusion_looks_at_the_first_and_the_last_frame_alone():
    network = build_network("late_fusion_toy").eval()
    clip = torch.rand(1, 3, 16, 62, 62)
    changed = clip.clone()
    changed[:, :, 1:15] = 0
    assert torch.equal(network.model(clip), network.model(changed))
    changed[:, :, 15] = 0
    assert not torch.equal(network.model(clip), network.model(changed))


@torch.no_grad()
def test_the_norm_agrees_with_the_papers_formula_written_out():
    norm = build_network("single_frame_toy", channels=(7, 3, 4, 4, 3)).model.norm1
    x = torch.randn(1, 7, 1, 2, 2)
    expected = torch.empty_like(x)
    for channel in range(7):
        near = x[:, max(0, channel - 2) : channel + 3]
        expected[:, channel] = x[:, channel] / (2 + 1e-4 * near.square().sum(dim=1)) ** 0.5
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize("name", [f"{name}_toy" for name in PAPER])
def test_refuses_clips_that_are_too_small(name):
    network = build_network(name)
    with pytest.raises(ClipError, match=r"too small"):
        network.model(torch.rand(1, 3, ZOO[name].frames, 40, 40))
