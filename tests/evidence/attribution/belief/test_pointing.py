"""Every index by hand, on a clip of three frames of two by two pixels."""

import math

import pytest
import torch

from kinetoscope.clips.transforms import Box
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.belief import pointing as found

HEAT = torch.tensor([[[0.0, 1.0], [2.0, -4.0]], [[5.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]])
MASK = torch.zeros(3, 2, 2, dtype=torch.bool)
MASK[1, 0] = True
LEFT_ABOVE = Box(top=0, left=0, height=1, width=1)


def test_points_where_the_hottest_pixel_is():
    assert found.pointing(HEAT, MASK) == 1
    assert found.pointing(-HEAT, MASK) == 0
    assert found.pointing(torch.zeros(3, 2, 2), MASK) == pytest.approx(2 / 12)


def test_energy_is_the_share_of_what_is_above_zero():
    assert found.energy(HEAT, MASK) == pytest.approx(6 / 10)
    assert found.energy(HEAT, LEFT_ABOVE) == pytest.approx(6 / 10)
    assert math.isnan(found.energy(-HEAT.abs(), MASK))


def test_rank_accuracy_counts_the_hottest_and_shares_what_is_equal():
    assert found.rank_accuracy(HEAT, MASK) == pytest.approx(1 / 2)  # 5 and 2
    four = MASK.clone()
    four[2, 0] = True  # of 5, 2, and three that are 1, two of which have room
    assert found.rank_accuracy(HEAT, four) == pytest.approx((1 + 2 / 3 * 2) / 4)


def test_in_time_the_frames_count():
    assert found.over_time(HEAT).tolist() == [-1, 6, 1]
    assert found.temporal_pointing(HEAT, MASK) == 1
    assert found.temporal_pointing(HEAT.flip(0), MASK[[1, 0, 0]]) == 0
    assert found.temporal_energy(HEAT, MASK) == pytest.approx(6 / 7)
    two = MASK.clone()
    two[0] = True
    assert found.temporal_iou(HEAT, MASK) == 1
    assert found.temporal_iou(HEAT, two) == pytest.approx(1 / 3)  # frames 1, 2 and frames 0, 1


@pytest.mark.parametrize(
    "mask",
    [MASK[:2], torch.zeros_like(MASK), Box(top=2, left=0, height=1, width=1)],
    ids=["short", "empty", "outside"],
)
def test_refuses_a_mask_that_does_not_fit(mask):
    with pytest.raises(ClipError, match="mask does not fit"):
        found.pointing(HEAT, mask)
