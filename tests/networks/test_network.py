import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, UnknownNameError
from kinetoscope.networks.network import Classification, Network, evaluating

BOTH = ClipSpec(streams=("frames", "flow"), frames=2, short_side=4, size=(4, 4), flow_scale=8.0)


class Means(nn.Module):
    """Scores two labels: the mean brightness, and the mean motion."""

    def __init__(self):
        super().__init__()
        self.brightness, self.motion = nn.Flatten(), nn.Flatten()
        self.dropout = nn.Dropout(0.5)

    def forward(self, frames, flow):
        means = [self.brightness(frames).mean(dim=1), self.motion(flow).mean(dim=1)]
        return self.dropout(torch.stack(means, dim=1))


@pytest.fixture
def network():
    return Network(
        Means(), labels=["bright", "fast"], expects=BOTH, name="means", layers=["brightness"]
    )


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return ClipBatch(frames=torch.rand(3, 3, 2, 4, 4), flow=torch.randn(3, 2, 2, 4, 4))


def clip(brightness=1.0, motion=0.0):
    return Clip(frames=torch.full((3, 2, 4, 4), brightness), flow=torch.full((2, 2, 4, 4), motion))


def test_probabilities_are_the_softmax_of_normalized_means(network):
    probabilities = network.eval()(ClipBatch.of([clip(brightness=0.9, motion=16.0)]))
    scores = torch.tensor([[(0.9 - 0.45) / 0.225, 16 / 8]])
    torch.testing.assert_close(probabilities, scores.softmax(dim=1))


def test_normalizing_is_undone_by_denormalizing(network, batch):
    back = network.denormalize(network.normalize(batch))
    torch.testing.assert_close(back.frames, batch.frames)
    torch.testing.assert_close(back.flow, batch.flow)


def test_normalizing_is_the_same_to_the_last_bit_however_clips_lie_in_memory(network, batch):
    plain = network.normalize(batch)
    for clips in (batch.laid_out(torch.channels_last_3d), strided(batch)):
        found = network.normalize(clips)
        assert torch.equal(found.frames, plain.frames)
        assert torch.equal(found.flow, plain.flow)
    side_by_side = network.normalize(batch.laid_out(torch.channels_last_3d))
    assert side_by_side.frames.is_contiguous(memory_format=torch.channels_last_3d)
    assert side_by_side.flow.is_contiguous(memory_format=torch.channels_last_3d)


def strided(batch):
    """Every second column of a batch twice as wide."""
    return ClipBatch(
        frames=batch.frames.repeat_interleave(2, dim=4)[..., ::2],
        flow=batch.flow.repeat_interleave(2, dim=4)[..., ::2],
    )


def test_normalizing_leads_gradients_back_however_clips_lie_in_memory(network, batch):
    slopes = []
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        leaf = batch.frames.contiguous(memory_format=layout).detach().requires_grad_()
        normalized = network.normalize(ClipBatch(frames=leaf)).stream("frames")
        normalized.square().sum().backward()
        slopes.append(leaf.grad)
    torch.testing.assert_close(slopes[0], slopes[1])


def test_a_stream_that_is_missing_stays_missing(network):
    batch = ClipBatch(frames=torch.rand(1, 3, 2, 4, 4))
    assert network.normalize(batch).flow is None
    assert network.denormalize(ClipBatch(flow=torch.rand(1, 2, 2, 4, 4))).frames is None


@pytest.mark.parametrize("was_training", [True, False])
def test_classifying_leaves_the_network_as_it_was(network, was_training):
    network.train(was_training)
    found = network.classify(clip())
    assert network.training == network.model.dropout.training == was_training
    assert found.labels == ("bright", "fast")
    assert sum(found.probabilities) == pytest.approx(1)
    assert found.top(1)[0][0] == "bright"
    assert network.classify(clip()) == found  # dropout was off


def test_the_most_probable_come_first_however_many_are_asked_for():
    found = Classification(("a", "b", "c"), (0.1, 0.6, 0.3))
    assert [label for label, _ in found.top(99)] == ["b", "c", "a"]


def test_the_hash_is_of_the_weights_and_of_nothing_else():
    def hash_of(seed, name):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Conv3d(3, 2, 1))
        return Network(model, labels=["a", "b"], expects=BOTH, name=name).weights_hash

    assert hash_of(0, "one") == hash_of(0, "other")
    assert hash_of(0, "one") != hash_of(1, "one")
    assert len(hash_of(0, "one")) == 16


def test_counts_its_weights(network):
    assert network.weights_count == 0
    conv = Network(nn.Conv3d(3, 2, 3), labels=["a", "b"], expects=BOTH, name="conv")
    assert conv.weights_count == 3 * 2 * 27 + 2


def test_finds_layers_and_labels_by_name(network):
    assert network.layer("motion") is network.model.motion
    assert network.label("fast") == 1


def test_normalizing_constants_are_not_part_of_a_checkpoint(network):
    assert list(network.state_dict()) == []


@pytest.mark.parametrize("name", ["", "brightnes"])
def test_refuses_a_layer_that_is_not_there(network, name):
    with pytest.raises(UnknownNameError, match="one of brightness"):
        network.layer(name)


def test_refuses_a_label_that_is_not_there(network):
    with pytest.raises(UnknownNameError, match="near: fast"):
        network.label("fasd")


def test_refuses_scores_that_do_not_fit_the_labels(batch):
    network = Network(Means(), labels=["only"], expects=BOTH, name="means")
    with pytest.raises(ClipError, match=r"got:      \(3, 2\)\n  expected: \(3, 1\)"):
        network.scores(batch)


def test_refuses_clips_without_the_stream_it_takes(network):
    with pytest.raises(ClipError, match="the network takes flow"):
        network(ClipBatch(frames=torch.rand(1, 3, 2, 4, 4)))


def test_most_networks_have_one_prediction(network, batch):
    (only,) = network.eval().branches(batch)
    assert torch.equal(only, network.scores(batch))


def test_every_module_comes_back_in_the_mode_it_was_in(network):
    network.train()
    network.model.dropout.eval()
    with evaluating(network):
        assert not any(each.training for each in network.modules())
    assert network.training
    assert not network.model.dropout.training


def test_a_network_is_in_the_mode_and_on_the_device_of_its_model():
    model = nn.Conv3d(3, 2, 1, device="meta").eval()
    network = Network(model, labels=["a", "b"], expects=BOTH, name="conv")
    assert not network.training
    assert network.device.type == "meta"


def test_a_memory_format_changes_the_weights_and_no_score(batch):
    frames = ClipSpec(frames=2, short_side=4, size=(4, 4))
    model = nn.Sequential(nn.Conv3d(3, 2, 3, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    network = Network(model, labels=["a", "b"], expects=frames, name="conv")
    before = network.scores(batch)
    network.to(memory_format=torch.channels_last_3d)
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(network.scores(batch), before)


@pytest.mark.parametrize(
    ("shape", "shown"),
    [((3, 2, 4, 4), "3 x 2 x 4 x 4"), ((1, 1, 2, 4, 4), "1 x 1 x 2 x 4 x 4")],
    ids=["no clip axis", "grey"],
)
def test_refuses_clips_of_other_axes_and_says_what_it_takes(shape, shown):
    frames = ClipSpec(frames=2, short_side=4, size=(4, 4))
    network = Network(nn.Conv3d(3, 2, 1), labels=["a", "b"], expects=frames, name="conv")
    with pytest.raises(ClipError) as refusal:
        network.answer(ClipBatch(frames=torch.rand(shape)))
    assert f"got:      {shown}" in str(refusal.value)
    assert "frames of clip x 3 x 2 x 4 x 4" in str(refusal.value)
    assert "open_clip(path, network.expects)" in str(refusal.value)


def test_refuses_clips_of_a_size_that_its_model_fails_on():
    frames = ClipSpec(frames=2, short_side=4, size=(4, 4))
    model = nn.Sequential(nn.Flatten(), nn.Linear(96, 2))
    network = Network(model, labels=["a", "b"], expects=frames, name="linear")
    network.scores(ClipBatch(frames=torch.rand(1, 3, 2, 4, 4)))
    with pytest.raises(ClipError, match=r"1 x 3 x 2 x 5 x 5: mat1 and mat2"):
        network.scores(ClipBatch(frames=torch.rand(1, 3, 2, 5, 5)))


def test_an_error_of_the_model_itself_is_told_as_it_is():
    class Broken(nn.Module):
        def forward(self, frames):
            raise ZeroDivisionError

    frames = ClipSpec(frames=2, short_side=4, size=(4, 4))
    network = Network(Broken(), labels=["a"], expects=frames, name="broken")
    with pytest.raises(ZeroDivisionError):
        network.scores(ClipBatch(frames=torch.rand(1, 3, 2, 4, 4)))
