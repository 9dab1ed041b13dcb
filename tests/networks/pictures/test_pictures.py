import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError, RecipeError, UnknownNameError
from kinetoscope.networks.pictures.inflate import inflate, mean_filter
from kinetoscope.networks.pictures.picture_zoo import CLASSICS, picture_network
from kinetoscope.networks.pictures.pictures import WeightedConsensus, build, expects, variant
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.layers import list_layers
from kinetoscope.units.reading import read
from tests.networks.pictures.picture_shapes import settled


def made(name="frames_nin_toy", *, labels=5, **options):
    torch.manual_seed(0)
    return settled(build_network(name, labels=labels, **options))


def frames(count, clips=2, channels=3, size=32):
    return torch.randn(clips, channels, count, size, size)


@torch.no_grad()
def test_a_single_frame_is_scored_as_its_picture_is():
    network, clip = made(), frames(1)
    assert network.expects.frames == 1
    torch.testing.assert_close(network.model(clip), network.model.model(clip[:, :, 0]))


@torch.no_grad()
@pytest.mark.parametrize(
    ("consensus", "over"),
    [("average", lambda each: each.mean(dim=0)), ("max", lambda each: each.amax(dim=0))],
)
def test_segments_agree_on_scores_of_their_middle_frames(consensus, over):
    network, clip = made(segments=3, chunk=4, consensus=consensus), frames(12)
    each = torch.stack([network.model.model(clip[:, :, time]) for time in (2, 6, 10)])
    torch.testing.assert_close(network.model(clip), over(each))


@torch.no_grad()
def test_a_weighted_consensus_starts_as_the_mean_and_is_learned():
    network, clip = made(segments=3, chunk=2, consensus="weighted"), frames(6)
    each = torch.stack([network.model.model(clip[:, :, time]) for time in (1, 3, 5)])
    torch.testing.assert_close(network.model(clip), each.mean(dim=0))
    network.model.consensus.weights.copy_(torch.tensor([0.5, 2.0, -1.0]))
    torch.testing.assert_close(network.model(clip), 0.5 * each[0] + 2 * each[1] - each[2])
    assert WeightedConsensus(3).weights.requires_grad


@torch.no_grad()
def test_late_fusion_scores_the_features_of_distant_frames_together():
    network, clip = made(segments=2, chunk=15, consensus="late"), frames(30)
    model = network.model
    features = [model.model(clip[:, :, time]) for time in (7, 22)]
    assert features[0].shape == (2, 4)
    torch.testing.assert_close(model(clip), model.consensus.label(torch.cat(features, dim=1)))
    swapped = clip.roll(15, dims=2)
    assert not torch.allclose(model(clip), model(swapped))  # it knows which came first


@torch.no_grad()
def test_flow_is_stacked_into_the_channels_of_the_first_convolution():
    network, flow = made(stream="flow", chunk=5, segments=2), frames(10, channels=2)
    stacks = [
        flow[:, :, start : start + 5].transpose(1, 2).flatten(1, 2) for start in (0, 5)
    ]  # u1, v1, u2, v2, ...
    each = torch.stack([network.model.model(stack) for stack in stacks])
    torch.testing.assert_close(network.model(flow), each.mean(dim=0))
    torch.manual_seed(0)
    colours = picture_network("nin_toy", labels=5).conv1.conv.weight
    assert torch.equal(network.model.model.conv1.conv.weight, mean_filter(colours, 10))


@torch.no_grad()
@pytest.mark.parametrize("stream", ["frames", "flow"])
def test_an_inflated_network_sees_the_whole_clip(stream):
    network = made(inflated=True, chunk=4, stream=stream, time_padding="replicate")
    clip = frames(4, channels=3 if stream == "frames" else 2)
    assert network.expects.frames == 4
    assert not torch.allclose(network.model(clip), network.model(clip[:, :, [1, 3, 0, 2]]))
    if stream == "frames":
        torch.manual_seed(0)
        pictures = picture_network("nin_toy", labels=5).eval()
        same = inflate(pictures, padding="replicate")
        torch.testing.assert_close(network.model(clip), same(clip))
        still = clip[:, :, :1].expand(-1, -1, 4, -1, -1)
        torch.testing.assert_close(network.model(still), pictures(clip[:, :, 0]))


@torch.no_grad()
def test_more_segments_than_it_expects_are_averaged_too():
    network, clip = made(segments=2, chunk=3), frames(12)
    halves = network.model(clip[:, :, :6]) + network.model(clip[:, :, 6:])
    torch.testing.assert_close(network.model(clip), halves / 2)


@torch.no_grad()
@pytest.mark.parametrize(
    "options",
    [{"segments": 2, "chunk": 2}, {"stream": "flow", "chunk": 2}, {"inflated": True, "chunk": 2}],
    ids=str,
)
def test_answers_do_not_change_with_the_neighbours_in_the_batch(options):
    network = made(**options)
    channels = 2 if options.get("stream") else 3
    clips = frames(network.expects.frames, clips=3, channels=channels)
    torch.testing.assert_close(network.model(clips)[1:2], network.model(clips[1:2]))


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "time"),
    [({"segments": 3, "chunk": 2}, 3), ({"inflated": True, "chunk": 4}, 4)],
    ids=str,
)
def test_layers_are_read_as_volumes(options, time):
    network = made("frames_shufflenet_v2_x0_5", size=64, short_side=64, **options)
    shown = torch.rand(2, 3, network.expects.frames, 64, 64)
    layers = ["model.conv1", "model.stage2.0", "model.stage4", "model.fc"]
    found = read(network, ClipBatch(frames=shown), layers)
    assert found["model.conv1"].shape == (2, 24, time, 32, 32)
    assert found["model.stage2.0"].shape == (2, 48, time, 8, 8)
    assert found["model.stage4"].shape == (2, 192, time, 2, 2)
    scores = (2, 5) if "inflated" in options else (2, 5, time, 1, 1)
    assert found["model.fc"].shape == scores


@pytest.mark.slow
def test_layers_worth_looking_at_are_named_in_the_order_of_computation():
    network = made("frames_shufflenet_v2_x0_5", size=64, short_side=64, segments=2)
    assert network.layers[:2] == ("model.conv1", "model.maxpool")
    assert network.layers[-2:] == ("model.conv5", "model.fc")
    assert "model.stage3.0" in network.layers
    found = {layer.name: layer for layer in list_layers(network, network.layers[:2])}
    assert found["model.conv1"].shape == (24, 2, 32, 32)


@pytest.mark.parametrize("name", CLASSICS)
def test_layers_of_a_network_of_the_course_are_those_of_its_paper(name, shapes_of):
    with torch.device("meta"):
        network = build_network(f"frames_{name}", segments=2)
        late = build_network(f"frames_{name}", segments=2, consensus="late")
    assert list(shapes_of(network)) == list(network.layers)
    assert list(shapes_of(late)) == list(late.layers)
    assert network.layers[0].startswith("model.")
    assert late.layers[-1] == "consensus"


def test_clips_are_prepared_as_the_library_prepares_pictures():
    spec = expects(variant("inception_v3"))
    assert (spec.frames, spec.size, spec.short_side) == (1, (299, 299), 342)
    assert (spec.mean, spec.flow_scale) == ((0.5, 0.5, 0.5), 20.0)
    # 20 pixels are 127.5 levels of 255, and one standard deviation of colours is 57.4
    assert expects(variant("resnet50")).flow_scale == pytest.approx(9.0, abs=0.05)


def test_labels_are_those_of_the_librarys_weights_unless_others_are_asked_for():
    with torch.device("meta"):
        assert build_network("frames_resnet18").labels[:2] == ("tench", "goldfish")
        assert build_network("frames_resnet18", labels=["a", "b"]).labels == ("a", "b")
        assert len(build_network("frames_nin_cifar").labels) == 10


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"inflated": True, "segments": 3}, "segments=3"),
        ({"inflated": True, "consensus": "late"}, "consensus='late'"),
    ],
)
def test_refuses_an_inflated_network_with_segments(options, told):
    with pytest.raises(RecipeError, match=told):
        made(**options)


@pytest.mark.parametrize(
    ("options", "count", "told"),
    [
        ({"segments": 2, "chunk": 4}, 7, "got:      7 frames"),
        ({"segments": 2, "chunk": 4, "stream": "flow"}, 9, "multiple of 4 frames"),
        ({"segments": 2, "chunk": 4, "consensus": "weighted"}, 12, "which are 3 segments"),
        ({"segments": 2, "chunk": 4, "consensus": "late"}, 16, "2 segments of 4 frames"),
    ],
    ids=str,
)
def test_refuses_clips_of_another_length(options, count, told):
    network = made(**options)
    with pytest.raises(ClipError, match=told):
        network.model(frames(count, channels=2 if "stream" in options else 3))


def test_refuses_names_and_options_that_are_not_there():
    with pytest.raises(UnknownNameError, match="near"):
        build_network("frames_resnet51")
    with pytest.raises(UnknownNameError, match="consensus"):
        build_network("frames_resnet18", consensus="vote")


def test_a_transformer_can_not_be_inflated_but_shown_frames():
    with torch.device("meta"), pytest.raises(ClipError, match="can't be inflated"):
        build_network("frames_swin_t", inflated=True)
    with torch.device("meta"):
        network = build_network("frames_swin_t", labels=5, segments=2)
    assert network.model(torch.empty(1, 3, 2, 224, 224, device="meta")).shape == (1, 5)


@pytest.mark.parametrize("name", ["lenet5_toy", "nin_toy", "fractalnet_toy"])
def test_networks_of_the_course_are_shown_clips_too(name):
    torch.manual_seed(0)
    for options in (
        {"segments": 2},
        {"stream": "flow", "chunk": 2},
        {"inflated": True, "chunk": 2},
    ):
        network = build_network(f"frames_{name}", **options)
        channels = 2 if options.get("stream") else 3
        clip = torch.randn(2, channels, network.expects.frames, 32, 32)
        network.model(clip).square().sum().backward()
        assert all(each.grad is not None for each in network.model.parameters())
        assert isinstance(network.model, nn.Module)


def test_the_model_of_a_configuration_is_that_of_its_name():
    with torch.device("meta"):
        assert type(build(variant("nin_toy"))).__name__ == "SegmentedPictures"
