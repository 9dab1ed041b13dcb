import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.vgg import make_layers

from kinetoscope.errors import WeightsError
from kinetoscope.networks.streams.tower_weights import load_towers
from kinetoscope.networks.zoo import build_network

A, B, C, D, E = 2, 3, 4, 5, 6  # the toy's channels
TOY = "two_stream_vgg16_toy"


class Pictures(nn.Module):
    """torchvision's VGG-16, in the toy's widths."""

    def __init__(self):
        super().__init__()
        stages = [A, A, "M", B, B, "M", C, C, C, "M", D, D, D, "M", E, E, E, "M"]
        self.features = make_layers(stages)
        hidden, labels = 8, 1000
        self.classifier = nn.Sequential(
            *(nn.Linear(E * 2 * 2, hidden), nn.ReLU(), nn.Dropout()),
            *(nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(), nn.Linear(hidden, labels)),
        )

    def forward(self, pictures):
        return self.classifier(self.features(pictures).flatten(1))


@pytest.fixture
def pictures(tmp_path):
    torch.manual_seed(0)
    pictures = Pictures().eval()
    torch.save(pictures.state_dict(), tmp_path / "vgg16.pth")
    return pictures, tmp_path / "vgg16.pth"


@torch.no_grad()
def test_a_tower_answers_what_torchvision_answers(pictures):
    model, path = pictures
    network = build_network("vgg16_frames_toy").eval()
    match = load_towers(network, path)
    assert set(match.left) == {"label.conv.weight", "label.conv.bias"}
    found, frame = {}, torch.randn(2, 3, 64, 64)
    for layer in ("conv5_3", "pool5", "fc7"):
        network.layer(layer).register_forward_hook(
            lambda module, taken, answer, layer=layer: found.update({layer: answer})
        )
    network.model(frame[:, :, None])
    torch.testing.assert_close(found["conv5_3"][:, :, 0], model.features[:-1](frame))
    torch.testing.assert_close(found["pool5"][:, :, 0], model.features(frame))
    hidden = model.classifier[:5](model.features(frame).flatten(1))
    torch.testing.assert_close(found["fc7"].flatten(1), hidden)


@torch.no_grad()
def test_flow_filters_are_the_mean_of_the_colours(pictures):
    model, path = pictures
    network = build_network(TOY).eval()
    load_towers(network, path)
    colours = model.features[0].weight
    motion = network.model.motion.conv1_1.conv
    for channel in range(6):
        assert torch.equal(motion.weight[:, channel, 0], colours.mean(dim=1))


@torch.no_grad()
def test_a_flow_tower_answers_twenty_equal_channels_with_twenty_times_the_mean(pictures):
    model, path = pictures
    network = build_network("vgg16_flow_toy", chunk=10).eval()
    load_towers(network, path)
    equal = torch.full((1, 20, 1, 1, 1), 0.7)
    answer = nn.functional.conv3d(equal, network.model.conv1_1.conv.weight[:, :, :, 1:2, 1:2])
    mean = model.features[0].weight.mean(dim=1)[:, 1, 1]
    torch.testing.assert_close(answer.flatten(), 20 * 0.7 * mean)


@pytest.mark.parametrize("fusion", ["conv", "sum", "concatenation", "late", "svm"])
def test_both_towers_and_both_predictions_start_from_pictures(pictures, fusion):
    model, path = pictures
    network = build_network(TOY, fusion=fusion)
    match = load_towers(network, path)
    towers = network.model
    for tower in (towers.appearance, towers.motion):
        assert torch.equal(tower.conv5_3.conv.weight[:, :, 0], model.features[28].weight)
    fused = towers.appearance if fusion in ("late", "svm") else towers
    for branch in (fused, towers.motion):
        assert torch.equal(branch.fc7.conv.weight.flatten(1), model.classifier[3].weight)
    assert ("fc6.conv.weight" in match.left) == (fusion == "concatenation")


@pytest.mark.slow
@torch.no_grad()
def test_filters_over_time_start_as_equal_parts_of_a_picture_filter(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [2, 2, 2, 2]).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet.pth")
    channels = (64, 256, 512, 1024, 2048)
    network = build_network("st_resnet50_toy", channels=channels, chunk=2).eval()
    match = load_towers(network, tmp_path / "resnet.pth")
    assert {name.split(".")[1] for name in match.left} == {"label"}
    for tower in (network.model.appearance, network.model.motion):
        over_time = tower.res3b.a.conv.weight
        of_pictures = theirs.layer2[1].conv1.weight
        torch.testing.assert_close(over_time, (of_pictures / 3)[:, :, None].expand_as(over_time))
    first = network.model.motion.conv1.conv.weight
    assert torch.equal(first[:, 3, 0], theirs.conv1.weight.mean(dim=1))
    with pytest.raises(WeightsError, match=r"missing: .*res2c"):
        load_towers(
            build_network("resnet50_frames_toy", units=(3, 2, 2, 2)), tmp_path / "resnet.pth"
        )


@pytest.mark.slow
@torch.no_grad()
def test_towers_of_any_network_for_pictures_start_from_its_file(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    network = build_network(
        "two_stream_inception_toy",
        appearance="resnet18",
        motion="resnet18",
        fusion="sum",
        fuse_after="layer4",
        keep_motion=False,
    ).eval()
    match = load_towers(network, tmp_path / "resnet18.pth")
    assert set(match.left) == {"label.conv.weight", "label.conv.bias"}
    frame = torch.randn(1, 3, 64, 64)
    trunk = nn.Sequential(*list(theirs.children())[:-2])
    tower = network.model.appearance
    found = tower.run(frame[:, :, None].expand(-1, -1, 9, -1, -1))
    torch.testing.assert_close(found[:, :, 1], trunk(frame))


def test_refuses_weights_of_another_network(tmp_path):
    torch.save({"features.0.weight": torch.zeros(9, 3, 3, 3)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"0 of 30 tensors; missing: conv1_1\.conv\.bias"):
        load_towers(build_network("vgg16_frames_toy"), tmp_path / "w.pth")


def test_the_tower_below_a_recurrent_network_starts_from_pictures(pictures):
    network = build_network("gru_rcn_vgg16_toy", channels=(A, B, C, D, E), hidden=8)
    before = network.model.gru["fc7"].w.weight.clone()
    match = load_towers(network, pictures[1])
    assert match.complete
    assert {name.partition(".")[0] for name in match.left} == {"gru", "label"}
    tower = network.model.tower
    assert torch.equal(tower.conv3_2.conv.weight[:, :, 0], pictures[0].features[12].weight)
    assert torch.equal(tower.fc7.conv.weight.flatten(1), pictures[0].classifier[3].weight)
    assert torch.equal(network.model.gru["fc7"].w.weight, before)
