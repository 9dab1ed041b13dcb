import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError, RecipeError, UnknownNameError
from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read

FUSIONS = ["conv", "sum", "max", "concatenation", "bilinear", "late"]
TOY = "two_stream_vgg16_toy"


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("two_stream_vgg16", {}, 283_514_762),
        ("two_stream_vgg16", {"keep_motion": False}, 163_555_109),
        ("two_stream_vgg16", {"fusion": "sum"}, 283_514_762 - 14_156_288),
        ("two_stream_vgg16", {"fusion": "late"}, 134_674_341 + 134_684_133),
        ("two_stream_cnn_m", {}, 90_627_813 + 90_707_781),
        ("two_stream_resnet50", {"fusion": "late"}, 23_714_981 + 23_768_293),
    ],
    ids=str,
)
def test_weights_are_as_many_as_published(name, options, count):
    assert on_meta(name, **options).weights_count == count


BOTH_TOWERS = 2 * 90_707_781
"""As the tables of the paper count them: also appearance with a first layer of 20 channels."""

TWENTY = 17 * 96 * 7 * 7
"""What that adds to ours, whose appearance sees three colours."""

# The convolution of relu5 is published with as many weights as one of 512 x 512 has; equation 4,
# over both streams, needs 1024 x 512. That of relu4 does fit 1024 x 512.
HALF = 512 * 512


@pytest.mark.parametrize(
    ("options", "published"),
    [
        ({"fusion": "late"}, BOTH_TOWERS),
        ({"fusion": "sum"}, 97_316_389),
        ({"fusion": "max"}, 97_316_389),
        ({"fusion": "concatenation"}, 172_813_861),
        ({"fusion": "conv"}, 97_579_045 + HALF),
        ({"fusion": "conv", "fuse_after": "conv4"}, 95_481_381),
        ({"fusion": "conv", "keep_motion": True}, 181_678_218 + HALF),
    ],
    ids=str,
)
def test_tables_1_and_2_of_the_paper_count_as_many_weights(options, published):
    settings = {"keep_motion": False, "fusion_kernel": (1, 1, 1), **options}
    assert on_meta("two_stream_cnn_m", **settings).weights_count + TWENTY == published


def test_the_bilinear_row_of_table_1_counts_one_tower_without_its_hidden_layers():
    network = on_meta("two_stream_cnn_m", fusion="bilinear", keep_motion=False)
    motion = sum(weight.numel() for weight in network.model.motion.parameters())
    assert motion == 6_608_608  # 6.61M
    appearance = sum(weight.numel() for weight in network.model.appearance.parameters())
    assert network.weights_count - motion - appearance == 101 * 512**2 + 101


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta("two_stream_vgg16")), table_of("two_stream")
    assert shapes.pop("label") == shapes.pop("motion.label") == (101, 1, 1, 1)
    assert shapes == {layer: table[layer.rpartition(".")[2]] for layer in shapes}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_averages_its_predictions(fusion, clips_for):
    network = build_network(TOY, fusion=fusion).eval()
    batch = clips_for(network, 2)
    fused, motion = (branch.softmax(dim=1) for branch in network.branches(batch))
    torch.testing.assert_close(network(batch), (fused + motion) / 2)


def test_the_motion_tower_can_end_where_the_streams_meet(clips_for):
    network = build_network(TOY, keep_motion=False).eval()
    batch = clips_for(network)
    (only,) = network.branches(batch)
    assert torch.equal(network.scores(batch), only)
    assert not hasattr(network.model.motion, "fc6")


@torch.no_grad()
def test_appearance_sees_the_middle_frame_of_each_chunk_alone(clips_for):
    network = build_network(TOY).eval()
    frames = clips_for(network).frames
    changed = frames.clone()
    changed[:, :, [0, 2, 3, 5]] = 0
    tower = network.model.appearance
    assert torch.equal(tower(frames), tower(changed))
    changed[:, :, 4] = 0
    assert not torch.equal(tower(frames), tower(changed))


@torch.no_grad()
def test_towers_see_chunk_by_chunk_and_the_fusion_beyond(clips_for):
    network = build_network(TOY, chunks=5).eval()
    batch = clips_for(network)
    flow = batch.flow.clone()
    flow[:, :, :3] += 1  # the first of five chunks
    found = {}
    for layer in ("motion.conv5_3", "fusion"):
        network.layer(layer).register_forward_hook(
            lambda module, taken, answer, layer=layer: found.setdefault(layer, []).append(answer)
        )
    network.answer(batch)
    network.answer(ClipBatch(frames=batch.frames, flow=flow))
    differ = {
        layer: (before != after).flatten(3).any(dim=3)[0].any(dim=0).tolist()
        for layer, (before, after) in found.items()
    }
    assert differ["motion.conv5_3"] == [True, False, False, False, False]
    assert differ["fusion"] == [True, True, False, False, False]


@torch.no_grad()
def test_late_fusion_is_two_single_streams(clips_for):
    network = build_network(TOY, fusion="late").eval()
    batch = clips_for(network)
    flow = build_network("vgg16_flow_toy").eval()
    flow.model.load_state_dict(network.model.motion.state_dict())
    torch.testing.assert_close(network.branches(batch)[1], flow.scores(ClipBatch(flow=batch.flow)))


LAYERS = ["conv2", "conv3", "conv4", "conv5", "pool5", "conv3+conv5", "conv2+conv4+fc6", "fc7"]


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("fusion", ["conv", "concatenation"])
def test_streams_meet_after_any_layers(fusion, layers, clips_for):
    network = build_network(
        "two_stream_cnn_m_toy", fusion=fusion, fuse_after=layers, chunks=2, pool="3d"
    ).eval()
    batch, points = clips_for(network), layers.split("+")
    names = [f"fusion_{layer}" for layer in points[:-1]] + ["fusion"]
    assert [layer for layer in network.layers if layer.startswith("fusion")] == names
    read_here = [*(f"motion.{layer}" for layer in points), *names]
    shapes = [answer.shape for answer in read(network, batch, read_here).values()]
    for motion, fused in zip(shapes[: len(points)], shapes[len(points) :], strict=True):
        assert motion[2:] == fused[2:]
        assert fused[1] == motion[1] or fusion == "concatenation"
    assert len(network.branches(batch)) == 2


@torch.no_grad()
def test_two_meetings_agree_with_their_definition_written_out(clips_for):
    network = build_network("two_stream_vgg16_toy", fusion="sum", fuse_after="conv3_3+conv5_3")
    network.eval()
    batch, model = clips_for(network), network.model
    appearance = model.appearance.run(batch.frames, until="conv3_3")
    motion = model.motion.run(batch.flow, until="conv3_3")
    both = model.appearance.run(appearance + motion, after="conv3_3", until="conv5_3")
    motion = model.motion.run(motion, after="conv3_3", until="conv5_3")
    pooled = model.pool5(both + motion)
    expected = model.consensus(model.label(model.fc7(model.fc6(pooled))))
    torch.testing.assert_close(model.branches(batch.frames, batch.flow)[0], expected)


@torch.no_grad()
def test_scores_that_are_fused_keep_their_signs(clips_for):
    network = build_network("two_stream_cnn_m_toy", fusion="conv", fuse_after="label").eval()
    network.model.fusion.conv.bias.fill_(-1.0)
    (fused, _) = network.branches(clips_for(network))
    assert (fused < 0).all()


@pytest.mark.parametrize(("pool", "times"), [("2d", 3), ("3d", 1)])
@pytest.mark.parametrize("kernel", [(1, 1, 1), (1, 3, 3), (3, 3, 3)], ids=str)
def test_conv_and_pool_see_time_or_not(kernel, pool, times, clips_for):
    network = build_network(TOY, chunks=3, fusion_kernel=kernel, pool=pool).eval()
    batch = clips_for(network)
    flow = batch.flow.clone()
    flow[:, :, :3] += 1  # the first of three chunks
    (before,) = read(network, batch, ["fusion"]).values()
    (after,) = read(network, ClipBatch(frames=batch.frames, flow=flow), ["fusion"]).values()
    differs = (before != after).flatten(3).any(dim=3)[0].any(dim=0).tolist()
    assert differs == [True, kernel[0] == 3, False]
    assert read(network, batch, ["label"])["label"].shape[2] == times


@torch.no_grad()
def test_bilinear_fusion_is_scored_by_one_layer(clips_for):
    network = build_network(TOY, fusion="bilinear", keep_motion=False).eval()
    assert network.layers[-2:] == ("fusion", "label")
    (fused,) = read(network, clips_for(network), ["fusion"]).values()
    assert fused.shape == (1, 36, 1, 1, 1)
    torch.testing.assert_close(fused.norm(), torch.tensor(1.0))


def test_towers_of_two_kinds_meet_where_their_maps_are_padded():
    """S VGG-16 and T VGG-M of the paper's tables 4 and 5: 14 x 14 places beside 13 x 13."""
    mixed = {"motion": "cnn_m", "fuse_after": "conv5_3/conv5", "keep_motion": False}
    network = on_meta("two_stream_vgg16", pad=True, **mixed)
    conv = 6_608_608  # of CNN-M over flow
    assert network.weights_count == 134_674_341 + conv + 14_156_288
    assert network.layers[-6:] == ("motion.conv5", "fusion", "pool5", "fc6", "fc7", "label")
    with pytest.raises(RecipeError, match="5 x 14 x 14 of appearance, 5 x 13 x 13 of motion"):
        on_meta("two_stream_vgg16", **mixed)


@torch.no_grad()
def test_a_machine_answers_in_eval_mode_and_the_mean_in_training(clips_for):
    network = build_network(TOY, fusion="svm", dropout=0.0).eval()
    network.model.svm.label.bias.copy_(torch.tensor([5.0, 0.0, 0.0]))
    batch = clips_for(network)
    assert network.scores(batch).argmax() == 0
    one, other = network.branches(batch)
    mean = (one.softmax(dim=1) + other.softmax(dim=1)) / 2
    torch.testing.assert_close(network.train()(batch), mean)


def test_costs_are_those_of_both_towers():
    both = multiply_adds(on_meta("two_stream_cnn_m")) / 1e9
    assert both == pytest.approx(1.664 + 2.614, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fuse_after": "conv5_4"}, UnknownNameError, "near: .*conv5_3"),
        (
            {"fuse_after": "conv5_3/conv9"},
            UnknownNameError,
            "no layer of this tower is called conv9",
        ),
        ({"fuse_after": "conv5_3+conv3_3"}, RecipeError, "layers in the order of computation"),
        ({"fuse_after": "conv3_3/conv5_3"}, RecipeError, "differ in channels"),
        ({"fuse_after": "conv4_3/pool4", "channels": (2, 3, 4, 5, 5)}, RecipeError, "pad = true"),
        ({"fusion": "bilinear", "fuse_after": "conv4_3+conv5_3"}, RecipeError, "no places left"),
        ({"appearance": "vgg61"}, UnknownNameError, "near: .*vgg1"),
        ({"fusion": "sums"}, UnknownNameError, "near: sum"),
    ],
    ids=[
        "layer",
        "layer of motion",
        "order",
        "channels",
        "size",
        "bilinear twice",
        "tower",
        "fusion",
    ],
)
def test_refuses_meetings_that_can_not_be(options, error, message):
    with pytest.raises(error, match=message):
        on_meta(TOY, **options)


def test_refuses_a_clip_without_one_of_its_streams(clips_for):
    network = build_network(TOY).eval()
    with pytest.raises(ClipError, match="flow"):
        network(ClipBatch(frames=clips_for(network).frames))


@pytest.mark.parametrize(
    ("frames", "side", "message"),
    [(3, 64, "6 frames of 64 x 64 or more"), (6, 32, "too small"), (7, 64, "a multiple of 3")],
    ids=["short", "small", "odd"],
)
def test_refuses_clips_that_do_not_fit(frames, side, message):
    network = build_network(TOY)
    with pytest.raises(ClipError, match=message):
        network.model(torch.rand(1, 3, frames, side, side), torch.rand(1, 2, frames, side, side))
