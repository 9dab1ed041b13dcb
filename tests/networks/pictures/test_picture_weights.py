import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from kinetoscope.errors import WeightsError
from kinetoscope.networks.pictures.inflate import inflated_weight, mean_filter
from kinetoscope.networks.pictures.picture_weights import as_wanted, load_pictures
from kinetoscope.networks.pictures.picture_zoo import picture_network
from kinetoscope.networks.zoo import build_network
from tests.networks.pictures.picture_shapes import settled

NAME = "shufflenet_v2_x0_5"
SMALL = {"size": 64, "short_side": 64}


@pytest.fixture
def pictures(tmp_path):
    torch.manual_seed(0)
    pictures = settled(picture_network(NAME, labels=5))
    torch.save(pictures.state_dict(), tmp_path / "weights.pth")
    return pictures, tmp_path / "weights.pth"


def frames(**options):
    return build_network(f"frames_{NAME}", **{"labels": 5, **SMALL, **options}).eval()


@torch.no_grad()
def test_shown_frames_it_answers_what_the_network_for_pictures_answers(pictures):
    module, path = pictures
    network = frames()
    match = load_pictures(network, path)
    assert match.complete
    assert match.left == ()
    picture = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(network.model(picture[:, :, None]), module(picture))


@torch.no_grad()
def test_shown_flow_its_first_filters_are_the_mean_of_the_colours(pictures):
    module, path = pictures
    network = frames(stream="flow", chunk=10)
    load_pictures(network, path)
    first = network.model.model.conv1[0].weight
    assert torch.equal(first, mean_filter(module.conv1[0].weight, 20))
    grey = torch.randn(1, 1, 64, 64)
    flow = grey[:, :, None].expand(-1, 2, 10, -1, -1)  # 20 channels of the same
    seen = nn.functional.conv2d(grey, module.conv1[0].weight.mean(1, keepdim=True), None, 2, 1)
    answers = {}
    network.model.model.conv1[0].register_forward_hook(lambda m, t, out: answers.update(first=out))
    network.model(flow)
    torch.testing.assert_close(answers["first"], 20 * seen, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_inflated_it_answers_a_still_clip_as_its_picture(pictures):
    module, path = pictures
    network = frames(inflated=True, chunk=4, time_padding="replicate")
    load_pictures(network, path)
    picture = torch.randn(2, 3, 64, 64)
    clip = picture[:, :, None].expand(-1, -1, 4, -1, -1)
    torch.testing.assert_close(network.model(clip), module(picture), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_inflated_and_shown_flow_it_is_both(pictures):
    module, path = pictures
    network = frames(inflated=True, chunk=4, stream="flow")
    load_pictures(network, path)
    expected = inflated_weight(mean_filter(module.conv1[0].weight, 2), 3)
    torch.testing.assert_close(network.model.model.conv1[0].weight, expected)


@torch.no_grad()
@pytest.mark.parametrize("options", [{"labels": 9}, {"segments": 2, "consensus": "late"}], ids=str)
def test_the_head_is_left_for_other_labels_and_with_late_fusion(pictures, options):
    module, path = pictures
    network = frames(**options)
    before = {name: each.clone() for name, each in network.model.state_dict().items()}
    match = load_pictures(network, path, without_head=True)
    head = "consensus.label" if "segments" in options else "model.fc"
    assert set(match.left) == {f"{head}.weight", f"{head}.bias"}
    after = network.model.state_dict()
    assert torch.equal(after[f"{head}.weight"], before[f"{head}.weight"])
    assert torch.equal(after["model.conv1.0.weight"], module.conv1[0].weight)


@torch.no_grad()
def test_weights_of_a_consensus_are_its_own(pictures):
    network = frames(segments=3, consensus="weighted")
    assert load_pictures(network, pictures[1]).left == ("consensus.weights",)
    assert torch.equal(network.model.consensus.weights, torch.full((3,), 1 / 3))


def test_a_file_of_a_trainer_or_in_safetensors_is_read_too(pictures, tmp_path):
    module, _ = pictures
    wrapped = {f"module.{name}": each for name, each in module.state_dict().items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "trained.pth")
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    for file in ("trained.pth", "weights.safetensors"):
        network = frames()
        load_pictures(network, tmp_path / file)
        assert torch.equal(network.model.model.fc.weight, module.fc.weight)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_predictions_in_a_file_are_passed_over(name, tmp_path):
    torch.manual_seed(0)
    builder = models.googlenet if name == "googlenet" else models.inception_v3
    theirs = builder(num_classes=5, aux_logits=True, init_weights=False)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    network = build_network(f"frames_{name}", labels=5)
    match = load_pictures(network, tmp_path / "w.pth")
    assert match.complete
    assert torch.equal(network.model.model.fc.weight, theirs.fc.weight)


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize("name", ["i3d_inception", "i3d_inception_flow"])
def test_i3d_starts_from_torchvisions_inception(name, tmp_path):
    torch.manual_seed(0)
    theirs = models.googlenet(num_classes=9, aux_logits=True, init_weights=False)
    torch.save(theirs.state_dict(), tmp_path / "googlenet.pth")
    network = build_network(name, labels=5)
    match = load_pictures(network, tmp_path / "googlenet.pth", without_head=True)
    assert match.complete
    assert set(match.left) == {"logits.conv.weight", "logits.conv.bias"}
    model, colours = network.model, theirs.conv1.conv.weight
    first = mean_filter(colours, 2) if "flow" in name else colours
    torch.testing.assert_close(model.Conv3d_1a_7x7.conv.weight, inflated_weight(first, 7))
    torch.testing.assert_close(
        model.Mixed_4f.Branch_2.Conv3d_0b_3x3.conv.weight,
        inflated_weight(theirs.inception4e.branch3[1].conv.weight, 3),
    )
    pooled = model.Mixed_5c.Branch_3.Conv3d_0b_1x1
    assert torch.equal(pooled.conv.weight[:, :, 0], theirs.inception5b.branch4[1].conv.weight)
    assert torch.equal(pooled.norm.running_var, theirs.inception5b.branch4[1].bn.running_var)


def test_names_that_torchvisions_published_densenets_have_are_known():
    found = {"features.denseblock1.denselayer1.norm.1.weight": torch.zeros(2)}
    ours = "model.features.denseblock1.denselayer1.norm1.weight"
    assert list(as_wanted(found, {ours: torch.zeros(2)})) == [ours]


def test_refuses_weights_of_another_network(pictures, tmp_path):
    other = picture_network("squeezenet1_1", labels=5)
    torch.save(other.state_dict(), tmp_path / "other.pth")
    network = frames()
    before = network.weights_hash
    with pytest.raises(WeightsError, match="the weights of shufflenet_v2_x0_5 for pictures"):
        load_pictures(network, tmp_path / "other.pth")
    assert frames().weights_count == network.weights_count
    network.__dict__.pop("weights_hash")
    assert network.weights_hash == before


def test_refuses_a_head_of_other_labels_and_says_how_it_is_left(pictures):
    with pytest.raises(WeightsError, match="without_head=True"):
        load_pictures(frames(labels=9), pictures[1])


def test_a_recurrent_network_starts_up_to_the_features_of_its_network_for_pictures(tmp_path):
    network = build_network("lrcn_alexnet_toy")
    theirs = picture_network(network.options["picture"], labels=7)
    torch.save(theirs.state_dict(), tmp_path / "pictures.pth")
    match = load_pictures(network, tmp_path / "pictures.pth")
    assert match.complete
    assert {name.partition(".")[0] for name in match.left} == {"recurrent", "label"}
    found, given = network.model.picture.state_dict(), theirs.state_dict()
    assert found
    assert all(torch.equal(found[name], given[name]) for name in found)
