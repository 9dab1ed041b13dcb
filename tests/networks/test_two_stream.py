import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.networks.zoo import build_network

FUSIONS = ["conv", "sum", "max", "concatenation", "late"]
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
        ("vgg16_frames", {}, 134_674_341),
        ("vgg16_frames", {"labels": 1000}, 138_357_544),
        ("vgg16_flow", {}, 134_684_133),
    ],
    ids=str,
)
def test_weights_are_as_many_as_published(name, options, count):
    assert on_meta(name, **options).weights_count == count


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
def test_one_stream_alone_averages_the_scores_of_its_chunks():
    network = build_network("vgg16_flow_toy").eval()
    flow = torch.randn(1, 2, 6, 64, 64)
    halves = torch.stack([network.model(flow[:, :, :3]), network.model(flow[:, :, 3:])])
    torch.testing.assert_close(network.model(flow), halves.mean(dim=0))


@torch.no_grad()
def test_late_fusion_is_two_single_streams(clips_for):
    network = build_network(TOY, fusion="late").eval()
    batch = clips_for(network)
    flow = build_network("vgg16_flow_toy").eval()
    flow.model.load_state_dict(network.model.motion.state_dict())
    torch.testing.assert_close(network.branches(batch)[1], flow.scores(ClipBatch(flow=batch.flow)))


@torch.no_grad()
def test_larger_frames_are_looked_at_densely():
    network = build_network("vgg16_frames_toy").eval()
    places = []
    network.layer("label").register_forward_hook(lambda *each: places.append(each[2].shape[2:]))
    network.model(torch.rand(1, 3, 1, 96, 128))
    assert places == [(1, 2, 3)]


@pytest.mark.parametrize(
    ("frames", "side", "message"),
    [(3, 64, "6 frames of 64 x 64 or more"), (6, 32, "too small"), (7, 64, "a multiple of 3")],
    ids=["short", "small", "odd"],
)
def test_refuses_clips_that_do_not_fit(frames, side, message):
    network = build_network(TOY)
    with pytest.raises(ClipError, match=message):
        network.model(torch.rand(1, 3, frames, side, side), torch.rand(1, 2, frames, side, side))
