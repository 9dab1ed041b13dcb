import pytest
import torch
from torchvision.models import resnet18, squeezenet1_0

from kinetoscope.errors import ClipError
from kinetoscope.networks.pictures.shift import TemporalShift, add_shift


def shifted_one_by_one(frames, share=8):
    """The definition, channel by channel and frame by frame: `time channel height width`."""
    moved = torch.zeros_like(frames)
    count = frames.shape[1] // share
    for time in range(len(frames)):
        for channel in range(frames.shape[1]):
            source = time + (1 if channel < count else -1 if channel < 2 * count else 0)
            if 0 <= source < len(frames):
                moved[time, channel] = frames[source, channel]
    return moved


def test_agrees_with_the_definition_written_out():
    clips = torch.randn(2, 4, 17, 3, 5)
    found = TemporalShift(4)(clips.flatten(0, 1)).unflatten(0, (2, 4))
    for clip, each in zip(clips, found, strict=True):
        assert torch.equal(each, shifted_one_by_one(clip))


def test_clips_of_a_batch_know_nothing_of_each_other():
    clips = torch.randn(3, 4, 8, 2, 2)
    together = TemporalShift(4)(clips.flatten(0, 1)).unflatten(0, (3, 4))
    assert torch.equal(together[1], TemporalShift(4)(clips[1]))


@torch.no_grad()
def test_a_network_sees_its_neighbours_in_time_and_keeps_its_weights():
    torch.manual_seed(0)
    plain, model = resnet18(num_classes=3).eval(), resnet18(num_classes=3).eval()
    state = model.state_dict()
    add_shift(model, segments=4)
    names = {name.replace(".net.", ".") for name in model.state_dict()}
    assert names == state.keys()
    assert "layer4.1.conv1.net.weight" in model.state_dict()
    frames = torch.randn(4, 3, 32, 32)
    other = frames.clone()
    other[3] = 0
    assert torch.equal(plain(frames)[0], plain(other)[0])
    assert not torch.equal(model(frames)[0], model(other)[0])


def test_deep_networks_have_a_shift_in_every_second_block():
    with torch.device("meta"):
        from torchvision.models import resnet101

        model = resnet101()
    add_shift(model, segments=8)
    shifts = [name for name, each in model.named_modules() if isinstance(each, TemporalShift)]
    assert len(shifts) == 2 + 2 + 12 + 2
    assert "layer3.2.conv1.shift" in shifts
    assert "layer3.1.conv1.shift" not in shifts


def test_refuses_networks_without_residual_blocks():
    with pytest.raises(ClipError, match="a ResNet of torchvision"):
        add_shift(squeezenet1_0(), segments=8)
