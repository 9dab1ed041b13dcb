import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from kinetoscope.errors import ClipError
from kinetoscope.networks.streams.fusion import (
    BilinearFusion,
    ConvFusion,
    PadSmaller,
    Steady,
    SVMFusion,
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


@pytest.mark.parametrize("kernel", [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3)], ids=str)
def test_every_kernel_starts_as_a_quarter_and_three(kernel):
    fusion = ConvFusion(4, kernel=kernel)
    appearance, motion = torch.rand(2, 1, 4, 1, 1, 1)
    answer = fusion(appearance.expand(-1, -1, 5, 5, 5), motion.expand(-1, -1, 5, 5, 5))
    torch.testing.assert_close(
        answer[:, :, 2, 2, 2], (0.25 * appearance + 0.75 * motion)[..., 0, 0, 0]
    )
    assert published_start(4, kernel).shape == (4, 8, *kernel)


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


@pytest.mark.parametrize("over_time", [True, False])
def test_bilinear_fusion_agrees_with_its_definition_written_out(over_time):
    torch.manual_seed(0)
    appearance, motion = torch.randn(2, 1, 3, 2, 4, 5)
    times = [(0, 1)] if over_time else [(0,), (1,)]
    fused = BilinearFusion(over_time=over_time)(appearance, motion)
    assert fused.shape == (1, fused_channels("bilinear", 3), len(times), 1, 1)
    for place, moments in enumerate(times):
        sums = torch.zeros(3, 3)
        for time in moments:
            for row in range(4):
                for column in range(5):
                    sums += torch.outer(
                        appearance[0, :, time, row, column], motion[0, :, time, row, column]
                    )
        powered = torch.sign(sums) * torch.sqrt(torch.abs(sums))
        expected = powered.flatten() / powered.norm()
        torch.testing.assert_close(fused[0, :, place, 0, 0], expected)


def test_bilinear_fusion_has_a_gradient_where_a_channel_is_silent():
    appearance, motion = torch.rand(2, 1, 3, 1, 2, 2)
    appearance[:, 1] = 0
    appearance.requires_grad_()
    BilinearFusion(over_time=True)(appearance, motion)[0, 0].sum().backward()
    assert appearance.grad.isfinite().all()


def test_a_machine_starts_as_the_sum_of_both_streams():
    machine = SVMFusion(4)
    branches = list(torch.randn(2, 3, 4))
    lengths = [
        each.softmax(dim=1) / each.softmax(dim=1).norm(dim=1, keepdim=True) for each in branches
    ]
    torch.testing.assert_close(machine(branches), (lengths[0] + lengths[1]) / math.sqrt(2))
    assert not any(weight.requires_grad for weight in machine.parameters())


def test_what_a_machine_sees_has_length_1():
    seen = SVMFusion(4).features(list(torch.randn(2, 3, 4)))
    torch.testing.assert_close(seen.norm(dim=1), torch.ones(3))


def test_the_smaller_maps_are_padded_with_zeros():
    appearance, motion = torch.rand(1, 2, 1, 14, 14), torch.rand(1, 2, 1, 13, 13)
    same, padded = PadSmaller()(appearance, motion)
    assert torch.equal(same, appearance)
    assert torch.equal(padded[..., :13, :13], motion)
    assert padded.sum() == motion.sum()


def test_steady_flow_has_no_mean_vector():
    flow = torch.randn(2, 2, 3, 4, 5)
    steady = Steady()(flow)
    torch.testing.assert_close(steady.mean(dim=(3, 4)), torch.zeros(2, 2, 3), atol=1e-6, rtol=0)
    change = steady - flow
    torch.testing.assert_close(change, change[..., :1, :1].expand_as(change))


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


def test_where_there_are_tasks_predictions_are_averaged_within_each():
    tasks = ("a", "a", "b", "b", "b")
    branches = list(torch.randn(2, 4, 5))
    mean = average_predictions(branches, tasks).exp()
    for part in (slice(0, 2), slice(2, 5)):
        shares = torch.stack([each[:, part].softmax(dim=1) for each in branches]).mean(dim=0)
        torch.testing.assert_close(mean[:, part], shares)


def test_one_prediction_keeps_its_raw_scores():
    only = torch.randn(4, 5)
    assert average_predictions([only]) is only


def test_refuses_a_clip_that_does_not_divide_into_chunks():
    with pytest.raises(ClipError, match="a multiple of 10 frames"):
        stack_flow(torch.zeros(1, 2, 16, 4, 4), 10)
