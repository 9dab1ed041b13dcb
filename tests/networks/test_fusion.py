import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from kinetoscope.errors import ClipError
from kinetoscope.networks.fusion import (
    ConvFusion,
    average_predictions,
    fused_channels,
    fusion_module,
    published_start,
    stack_flow,
)


def test_a_convolution_starts_as_a_quarter_of_appearance_and_three_of_motion():
    fusion = ConvFusion(5)
    appearance, motion = torch.rand(2, 1, 5, 1, 1, 1)
    answer = fusion(appearance.expand(-1, -1, 5, 5, 5), motion.expand(-1, -1, 5, 5, 5))
    expected = (0.25 * appearance + 0.75 * motion).expand(-1, -1, 3, 3, 3)
    torch.testing.assert_close(answer[:, :, 1:4, 1:4, 1:4], expected)


def test_the_published_start_agrees_with_its_definition_written_out():
    steps = (-1, 0, 1)
    gauss = torch.tensor(
        [[[math.exp(-(t * t + y * y + x * x) / 2) for x in steps] for y in steps] for t in steps]
    )
    expected = torch.zeros(3, 6, 3, 3, 3)
    for channel in range(3):
        expected[channel, channel] = 0.25 * gauss / gauss.sum()
        expected[channel, 3 + channel] = 0.75 * gauss / gauss.sum()
    torch.testing.assert_close(published_start(3), expected)


def test_a_fusion_convolution_of_vgg16_has_as_many_weights_as_published():
    with torch.device("meta"):
        assert sum(each.numel() for each in ConvFusion(512).parameters()) == 14_156_288


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("sum", lambda a, m: a + m),
        ("max", lambda a, m: torch.where(a > m, a, m)),
        ("concatenation", lambda a, m: torch.stack([*a[0], *m[0]])[None]),
    ],
    ids=["sum", "max", "concatenation"],
)
def test_fusions_without_weights_do_as_they_are_called(kind, expected):
    appearance, motion = torch.randn(2, 1, 4, 2, 3, 3)
    fused = fusion_module(kind, 4)(appearance, motion)
    torch.testing.assert_close(fused, expected(appearance, motion))
    assert fused.shape[1] == fused_channels(kind, 4)


@given(clips=some.integers(1, 2), chunks=some.integers(1, 3), chunk=some.integers(1, 4))
def test_stacked_flow_agrees_with_its_definition_written_out(clips, chunks, chunk):
    flow = torch.rand(clips, 2, chunks * chunk, 2, 3)
    stacked = stack_flow(flow, chunk)
    assert stacked.shape == (clips, 2 * chunk, chunks, 2, 3)
    for place in range(chunks):
        for field in range(chunk):  # u1, v1, u2, v2, ...
            moment = place * chunk + field
            assert torch.equal(stacked[:, 2 * field, place], flow[:, 0, moment])
            assert torch.equal(stacked[:, 2 * field + 1, place], flow[:, 1, moment])


def test_averaged_predictions_have_the_mean_probability():
    branches = list(torch.randn(3, 4, 5))
    probabilities = average_predictions(branches).softmax(dim=1)
    torch.testing.assert_close(
        probabilities, torch.stack([each.softmax(dim=1) for each in branches]).mean(dim=0)
    )


def test_one_prediction_keeps_its_raw_scores():
    only = torch.randn(4, 5)
    assert average_predictions([only]) is only


def test_refuses_a_clip_that_does_not_divide_into_chunks():
    with pytest.raises(ClipError, match="a multiple of 10 frames"):
        stack_flow(torch.zeros(1, 2, 16, 4, 4), 10)
