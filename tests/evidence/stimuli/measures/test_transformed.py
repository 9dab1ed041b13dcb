import pytest
import torch
from torch import nn

from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.measures.transformed import over_transforms
from kinetoscope.evidence.stimuli.robustness import Robustness
from kinetoscope.units.objective import activation
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted
from tests.evidence.stimuli.made import made_stimulus


class _Spreading(nn.Module):
    """How fast flow spreads: the mean of its two slopes over twice their number."""

    def forward(self, flow):
        right = flow[:, 0].diff(dim=-1)[..., 4:-4, :].mean((1, 2, 3))
        down = flow[:, 1].diff(dim=-2)[..., 4:-4].mean((1, 2, 3))
        return (right + down)[:, None]


def test_a_plain_colour_survives_all_of_them():
    network = planted(nn.Conv3d(3, 2, 1), 2)
    plain = made_stimulus(activation(Unit("layer", 1)), frames=torch.full((3, 8, 16, 16), 0.9))
    answer = network.model.layer(torch.full((1, 3, 1, 1, 1), 1.6))[0, 1].item()
    assert over_transforms(network, [plain]) == pytest.approx([answer], rel=1e-5)


def test_a_single_pixel_does_not():
    frames = torch.full((3, 8, 16, 16), 0.5)
    frames[:, :, 8, 8] = 1.0
    network = planted(nn.Identity(), 3)
    (found,) = over_transforms(
        network, [made_stimulus(activation(Unit("layer", 1)), frames=frames)]
    )
    assert 0.3 < found / 2.0 < 0.95


def test_agrees_with_the_definition_written_out():
    torch.manual_seed(0)
    network = planted(nn.Conv3d(3, 4, 3, padding=1), 4)
    frames = torch.rand(3, 8, 16, 16)
    stimulus = made_stimulus(activation(Unit("layer", 2)), frames=frames)
    views = Robustness(shift=1, scale=0.1, rotation=10.0)
    margin = views.margin(1, (8, 16, 16))
    rows = (torch.arange(16 + 2 * margin) - margin).clamp(0, 15)
    wide = ((stimulus.frames - 0.5) / 0.25)[None][..., rows, :][..., rows]
    answers = []
    with torch.no_grad():
        for draw in range(8):
            seen = views.drawn(draw, 4)({"frames": wide}, (8, 16, 16))["frames"]
            answers.append(network.model.layer(seen)[0, 2].max().item())
    found = over_transforms(network, [stimulus], seed=4)
    assert found == pytest.approx([sum(answers) / 8], rel=1e-4)


def test_flow_is_turned_as_the_frames_are():
    """The mean motion of a flow that spreads from the centre does not notice a turn."""
    line = torch.arange(16) - 7.5
    down, right = torch.meshgrid(line, line, indexing="ij")
    spreading = torch.stack([right, down])[:, None].expand(2, 8, 16, 16) / 4
    network = planted(_Spreading(), 1, streams=("flow",), flow_scale=1.0)
    stimulus = made_stimulus(activation(Unit("layer", 0)), flow=spreading.contiguous())
    (found,) = over_transforms(network, [stimulus], draws=20)
    assert found == pytest.approx(0.5, rel=0.1)


def test_each_is_seen_as_it_would_be_alone():
    torch.manual_seed(0)
    network = planted(nn.Conv3d(3, 4, 3, padding=1), 4).train()
    stimuli = [
        made_stimulus(activation(Unit("layer", unit)), frames=torch.rand(3, 8, 16, 16))
        for unit in range(4)
    ]
    together = over_transforms(network, stimuli, clips_at_once=3)
    assert together == pytest.approx(
        [each for one in stimuli for each in over_transforms(network, [one])], rel=1e-5
    )
    assert network.training


def test_refuses_stimuli_of_another_network():
    network = planted(nn.Conv3d(3, 4, 3), 4)
    stimulus = made_stimulus(activation(Unit("layer", 0)), flow=torch.zeros(2, 8, 16, 16))
    with pytest.raises(ClipError, match="flow"):
        over_transforms(network, [stimulus])
