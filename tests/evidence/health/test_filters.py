import pytest
import torch
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.health.filters import change, colour, first_filters
from kinetoscope.networks.network import Network
from kinetoscope.networks.zoo import build_network

SPEC = ClipSpec(frames=6, short_side=16, size=(16, 16))


def network(model, streams=("frames",)):
    spec = ClipSpec(**{**SPEC.to_json(), "streams": streams})
    return Network(model, labels=["a", "b"], expects=spec, name="made").eval()


def test_the_shares_by_hand():
    still = torch.ones(1, 3, 2, 1, 1)
    kernels = torch.cat(
        [still, torch.tensor([1.0, -1.0]).reshape(1, 1, 2, 1, 1) * still, 0 * still]
    )
    kernels = torch.cat([kernels, torch.tensor([3.0, 0.0]).reshape(1, 1, 2, 1, 1) * still])
    assert change(kernels).tolist() == pytest.approx([0.0, 1.0, float("nan"), 0.5], nan_ok=True)
    red = torch.zeros(1, 3, 1, 1, 1)
    red[:, 0] = 1.0
    assert colour(torch.cat([still[:, :, :1], red])).tolist() == pytest.approx([0.0, 2 / 3])


def test_the_first_convolution_is_found_and_no_later_one():
    model = nn.Sequential(nn.Conv3d(3, 4, (2, 3, 3)), nn.ReLU(), nn.Conv3d(4, 3, 3), nn.Flatten())
    (found,) = first_filters(network(model))
    assert (found.layer, found.stream) == ("0", "frames")
    assert torch.equal(found.kernels, model[0].weight)


def test_both_towers_of_two_streams_are_found():
    found = first_filters(build_network("two_stream_small_toy"))
    assert [(each.layer, each.stream) for each in found] == [
        ("appearance.conv1.conv", "frames"),
        ("motion.conv1.conv", "flow"),
    ]
    assert found[1].kernels.shape[1] == 2


def test_stacked_flow_is_taken_apart_time_outermost():
    class Stacked(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(12, 2, 3)

        def forward(self, flow):
            stacked = flow.transpose(1, 2).flatten(1, 2)
            return self.conv(stacked).amax(dim=(2, 3))

    model = Stacked()
    (found,) = first_filters(network(model, streams=("flow",)))
    assert found.kernels.shape == (2, 2, 6, 3, 3)
    assert torch.equal(found.kernels[0, 1, 4], model.conv.weight[0, 9])


def test_a_network_that_does_not_begin_with_convolutions_has_none():
    assert first_filters(network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 256, 2)))) == []
