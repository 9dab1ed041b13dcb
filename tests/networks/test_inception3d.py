import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.networks.cost import cost_of
from kinetoscope.networks.inception3d import SameConv, SamePool
from kinetoscope.networks.pictures.picture_zoo import picture_network
from kinetoscope.networks.zoo import build_network
from tests.networks.pictures.picture_shapes import settled

NAMES = ["i3d_inception", "i3d_inception_flow"]
TOYS = [f"{name}_toy" for name in NAMES]

# Each layer of Inception-v1 as torchvision names it.
PICTURES = {
    "Conv3d_1a_7x7": "conv1",
    "Conv3d_2b_1x1": "conv2",
    "Conv3d_2c_3x3": "conv3",
    **dict(zip(("Mixed_3b", "Mixed_3c"), ("inception3a", "inception3b"), strict=True)),
    **{
        f"Mixed_4{ours}": f"inception4{theirs}"
        for ours, theirs in zip("bcdef", "abcde", strict=True)
    },
    **dict(zip(("Mixed_5b", "Mixed_5c"), ("inception5a", "inception5b"), strict=True)),
}
BRANCHES = {
    "Branch_0": "branch1",
    "Branch_1.Conv3d_0a_1x1": "branch2.0",
    "Branch_1.Conv3d_0b_3x3": "branch2.1",
    "Branch_2.Conv3d_0a_1x1": "branch3.0",
    "Branch_2.Conv3d_0b_3x3": "branch3.1",
    "Branch_3.Conv3d_0b_1x1": "branch4.1",
}


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize(
    ("name", "weights", "gmacs"),
    [("i3d_inception", 12_697_264, 111.15), ("i3d_inception_flow", 12_675_312, 102.34)],
)
def test_weights_and_cost_are_those_of_the_definition(name, weights, gmacs):
    network = on_meta(name)
    assert network.weights_count == weights
    assert cost_of(network).layers / 1e9 == pytest.approx(gmacs, rel=1e-4)


def test_weights_without_scores_are_as_many_as_published():
    model = on_meta("i3d_inception").model
    scores = sum(each.numel() for each in model.logits.parameters())
    assert on_meta("i3d_inception").weights_count - scores == 12_287_264


@pytest.mark.parametrize("name", NAMES)
def test_shapes_are_those_of_the_table(name, shapes_of, table_of):
    network = on_meta(name)
    shapes, table = shapes_of(network), table_of("inception3d")
    assert shapes.pop("logits") == (400, 7, 1, 1)
    assert shapes.pop("average") == (1024, 7, 1, 1)
    assert shapes == {layer: table[layer] for layer in shapes}
    assert set(shapes) | {"average", "logits"} == set(network.layers)


@torch.no_grad()
@pytest.mark.parametrize("size", [(9, 14, 14), (10, 15, 22), (16, 13, 8)])
@pytest.mark.parametrize("step", [1, 2])
def test_a_step_of_two_answers_half_as_much_rounded_up(size, step):
    torch.manual_seed(0)
    conv, clip = SameConv(2, 3, 7, step=step), torch.randn(1, 2, *size)
    answer = conv.conv(conv.padding(clip))
    assert tuple(answer.shape[2:]) == tuple(-(-extent // step) for extent in size)
    # written out: the answer at place p sees from p * step - before, zeros outside
    before = [max((-(-n // step) - 1) * step + 7 - n, 0) // 2 for n in size]
    wide = F.pad(clip, [9] * 6)
    for place in [(0, 0, 0), (1, 2, 3), tuple(-(-extent // step) - 1 for extent in size)]:
        starts = [9 + p * step - b for p, b in zip(place, before, strict=True)]
        seen = wide[0][:, *(slice(start, start + 7) for start in starts)]
        expected = (conv.conv.weight * seen).sum(dim=(1, 2, 3, 4))
        torch.testing.assert_close(answer[0][:, *place], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_pool_takes_no_answer_from_outside():
    clip = -torch.rand(1, 2, 5, 7, 9) - 1
    pooled = SamePool((3, 3, 3), (2, 2, 2))(clip)
    assert pooled.shape == (1, 2, 3, 4, 5)
    assert pooled.max() < 0
    assert torch.equal(pooled[0, :, 0, 0, 0], clip[0, :, :2, :2, :2].amax(dim=(1, 2, 3)))


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 96)])
def test_maps_of_a_still_clip_are_those_of_torchvisions_inception(height, width):
    torch.manual_seed(0)
    pictures = settled(picture_network("googlenet", labels=5))
    network = build_network("i3d_inception", labels=5, size=64).eval()
    _start_frame_by_frame(network.model, pictures)
    still = torch.randn(1, 3, height, width)
    still[:, :, 0], still[:, :, :, 0] = 0, 0
    # TensorFlow pads 2 and 3 pixels where torchvision pads 3 and 3: one pixel further on
    shifted = F.pad(still[:, :, 1:, 1:], (0, 1, 0, 1))
    found = {}
    network.layer("Mixed_5c").register_forward_hook(
        lambda m, taken, answer: found.update(ours=answer)
    )
    pictures.inception5b.register_forward_hook(lambda m, taken, answer: found.update(theirs=answer))
    ours = network.model(still[:, :, None].expand(-1, -1, 16, -1, -1))
    theirs = pictures(shifted)
    for time in range(2):
        torch.testing.assert_close(found["ours"][:, :, time], found["theirs"], atol=1e-4, rtol=1e-4)
    if height == width:
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def _start_frame_by_frame(model, pictures):
    """Every filter sees pictures as torchvision's does at its middle frame, and nothing else."""
    for ours, theirs in PICTURES.items():
        layer, picture = model.get_submodule(ours), pictures.get_submodule(theirs)
        pairs = (
            [(layer, picture)]
            if isinstance(layer, SameConv)
            else [(layer.get_submodule(a), picture.get_submodule(b)) for a, b in BRANCHES.items()]
        )
        for conv, flat in pairs:
            conv.norm.load_state_dict(flat.bn.state_dict())
            nn.init.zeros_(conv.conv.weight)
            conv.conv.weight[:, :, conv.conv.kernel_size[0] // 2] = flat.conv.weight
    model.logits.conv.weight.copy_(pictures.fc.weight[:, :, None, None, None])
    model.logits.conv.bias.copy_(pictures.fc.bias)


@torch.no_grad()
def test_motion_of_more_than_twenty_pixels_is_shown_as_twenty(clips_for):
    torch.manual_seed(0)
    network = build_network("i3d_inception_flow_toy").eval()
    model, flow = network.model, 60 * torch.rand(1, 2, 16, 64, 64) - 30
    assert network.expects.flow_scale == 20
    torch.testing.assert_close(model(flow / 20), model(flow.clamp(-20, 20) / 20))
    seen = {}
    model.truncate.register_forward_hook(lambda m, taken, answer: seen.update(flow=answer))
    model(flow / 20)
    assert seen["flow"].abs().max() == 1


@torch.no_grad()
@pytest.mark.parametrize("size", [(16, 64, 64), (24, 64, 96), (9, 70, 75)])
@pytest.mark.parametrize("name", TOYS)
def test_scores_are_the_mean_of_those_of_all_times_and_places(name, size):
    torch.manual_seed(0)
    model, seen = build_network(name).eval().model, {}
    model.logits.register_forward_hook(lambda m, taken, answer: seen.update(scores=answer))
    channels = 2 if "flow" in name else 3
    scores = model(torch.randn(2, channels, *size))
    torch.testing.assert_close(scores, seen["scores"].mean(dim=(2, 3, 4)))


def test_gradients_reach_every_weight():
    torch.manual_seed(0)
    network = build_network("i3d_inception_toy", narrower=8)
    network.model(torch.randn(2, 3, 16, 64, 64)).square().sum().backward()
    assert all(each.grad is not None for each in network.model.parameters())


def test_refuses_clips_that_are_too_short_or_too_small():
    network = build_network("i3d_inception_toy")
    with pytest.raises(ClipError, match="8 frames of 64 x 64"):
        network.model(torch.empty(1, 3, 8, 64, 64))
    with pytest.raises(ClipError, match="expected: 9 frames of 33 x 33 or more"):
        network.model(torch.empty(1, 3, 16, 32, 64))
