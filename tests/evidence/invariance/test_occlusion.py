"""What is lost when parts are hidden."""

import numpy as np
import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.invariance.comparing import compare, know
from kinetoscope.evidence.invariance.occlusion import (
    boxes_for,
    grey_cover,
    hidden_views,
    hide,
    seen_boxes,
    spread,
)
from kinetoscope.units.receptive import receptive_fields
from tests.evidence.planted import planted

GRID = (8, 4, 4)


class Places(nn.Module):
    """Units: a peephole, a flash, and one that needs it all."""

    def forward(self, frames):
        light = frames.mean(1)
        peephole = light[:, :, 4:8, 8:12].mean((1, 2, 3))
        flash = light[:, 5].mean((1, 2))
        return torch.stack([peephole, flash, light.mean((1, 2, 3))], dim=1)


def losses(network, clips, fill="grey"):
    boxes = boxes_for(network.expects, GRID)
    known = know(network, clips, ["layer"])
    (found,) = compare(
        [known],
        lambda number: hidden_views(clips[number], boxes, network.expects.mean),
        range(len(clips)),
        workers=1,
    )
    left = found.layers["layer"].there
    assert len(left) == boxes.count
    return boxes.of(left, fill, "space"), boxes.of(left, fill, "time")


@pytest.fixture
def white():
    return [Clip(frames=torch.ones(3, 8, 16, 16))]


def test_a_peephole_is_found_at_its_place_and_a_flash_at_its_time(white):
    space, time = losses(planted(Places(), 3), white)
    expected = np.zeros((4, 4))
    expected[1, 2] = 1
    np.testing.assert_allclose(space[:, 0].reshape(4, 4), expected, atol=1e-5)
    np.testing.assert_allclose(time[:, 1], np.eye(8)[5], atol=1e-5)
    np.testing.assert_allclose(spread(space), [1 / 16, 1, 1], rtol=1e-3)
    np.testing.assert_allclose(spread(time), [1, 1 / 8, 1], rtol=1e-3)


def test_what_is_the_same_all_over_is_not_lost_in_a_blur(white):
    space, time = losses(planted(Places(), 3), white, "blur")
    assert space.max() < 1e-5
    assert time.max() < 1e-5


class Sees(nn.Module):
    """Light within boxes of 4 x 4 pixels."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool3d((8, 4, 4))

    def forward(self, frames):
        return self.pool(frames)


def test_what_a_neuron_can_not_see_costs_it_nothing():
    network = planted(Sees(), 3)
    clip = Clip(frames=torch.full((3, 8, 16, 16), 0.5))
    for channel, (row, column) in enumerate([(0, 0), (1, 3), (2, 2)]):
        clip.frames[channel, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    known = know(network, [clip], ["layer"])
    field = receptive_fields(network, ["layer"])["layer"]
    boxes = boxes_for(network.expects, GRID)
    seen = seen_boxes(known.layers["layer"], field, boxes, (8, 16, 16))
    assert seen.sum(axis=0).tolist() == [1, 1, 1]
    assert seen.reshape(4, 4, 3)[1, 3].tolist() == [False, True, False]
    space, _ = losses(network, [clip])
    np.testing.assert_allclose(space, seen.astype(float), atol=1e-5)


def test_boxes_cover_every_pixel_once():
    spec = ClipSpec(frames=7, short_side=18, size=(18, 13))
    boxes = boxes_for(spec, (3, 5, 4))
    assert boxes.grid == (3, 5, 4)
    for kind in (boxes.space, boxes.time):
        counts = np.zeros((7, 18, 13))
        for box in kind:
            counts[tuple(slice(*side) for side in box)] += 1
        assert (counts == 1).all()
    assert boxes_for(spec, (50, 50, 50)).grid == (7, 18, 13)


def test_hides_frames_and_motion_and_nothing_else():
    clip = Clip(frames=torch.rand(3, 4, 8, 8), flow=torch.rand(2, 4, 8, 8))
    hidden = hide(clip, ((1, 3), (2, 4), (0, 8)), grey_cover(clip, (0.1, 0.2, 0.3)))
    torch.testing.assert_close(hidden.frames[:, 1, 2, 5], torch.tensor([0.1, 0.2, 0.3]))
    assert hidden.flow[:, 1:3, 2:4].abs().max() == 0
    assert torch.equal(hidden.frames[:, 0], clip.frames[:, 0])
    assert torch.equal(hidden.flow[:, :, 4:], clip.flow[:, :, 4:])


def test_spread_by_hand():
    lost = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(spread(lost), [0.5, 0.25, np.nan])
