import pytest
import torch

from kinetoscope.evidence.motion.speeds import (
    STEP,
    octaves,
    speeds_distance,
    speeds_of_flow,
    speeds_of_frames,
)
from tests.evidence.motion.test_velocity import drifting, smooth_texture


def middle(speeds):
    """The mean octave of some speeds."""
    edges = octaves()
    return float((speeds * (edges[:-1] + STEP / 2)).sum() / speeds.sum())


def test_a_speed_is_in_its_octave():
    speeds = speeds_of_flow(torch.full((2, 2, 4, 4), 2.0))  # the root of 8: octave 1.5
    assert speeds.sum() == pytest.approx(1)
    place = int(speeds.argmax())
    assert octaves()[place] == pytest.approx(1.5)


def test_motion_counts_by_its_speed_and_stillness_not_at_all():
    flow = torch.zeros(2, 1, 4, 4)
    flow[0, 0, 0, 0], flow[0, 0, 1, 1] = 1.2, 4.8
    speeds = speeds_of_flow(flow)
    assert sorted(speeds[speeds > 0].tolist()) == pytest.approx([0.2, 0.8])
    assert speeds_of_flow(torch.zeros(2, 1, 4, 4)).sum() == 0


@pytest.mark.parametrize("speed", [0.3, 0.6, 1.2])
def test_speeds_in_frames_are_those_of_what_moves(speed):
    clip = drifting(smooth_texture(), speed, 0.0)
    found = middle(speeds_of_frames(clip))
    assert found == pytest.approx(torch.tensor(speed).log2().item(), abs=0.45)


def test_still_frames_and_single_ones_have_no_speeds():
    still = smooth_texture().expand(3, 6, 48, 48)
    assert speeds_of_frames(still.float()).sum() == pytest.approx(0, abs=1e-6) or (
        speeds_of_frames(still.float())[1:].sum() == 0
    )
    assert speeds_of_frames(still[:, :1].float()).sum() == 0


def test_a_distance_is_how_far_motion_must_be_moved():
    one, other = torch.zeros(len(octaves()) - 1), torch.zeros(len(octaves()) - 1)
    one[4], other[4], other[8] = 1.0, 0.5, 0.5
    assert speeds_distance(one, one) == 0
    assert speeds_distance(one, other) == pytest.approx(4 * STEP / 2)
    assert speeds_distance(one, other) == speeds_distance(other, one)


def test_there_is_no_distance_to_stillness():
    still = torch.zeros(len(octaves()) - 1)
    assert speeds_distance(still, still) is None
