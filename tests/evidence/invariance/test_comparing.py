"""Answers to changed clips beside those to the clips themselves."""

import pytest
import torch
from torch import nn

from kinetoscope.clips import transforms
from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.invariance.changes import Subject, changes_for
from kinetoscope.evidence.invariance.comparing import compare, grey_clip, know
from kinetoscope.evidence.invariance.stretch import Stretch
from tests.evidence.planted import planted

STREAMS = ("frames", "flow")


class Motions(nn.Module):
    """Units: light; motion to the right; any motion; light at the left less that at the right."""

    def forward(self, frames, flow):
        half = frames.shape[-1] // 2
        aside = (frames[..., :half] - frames[..., half:]).mean((1, 2, 3, 4))
        right = flow[:, 0].mean((1, 2, 3)).relu()
        moving = (flow.norm(dim=1).mean((1, 2, 3)) > 0).float()
        return torch.stack([frames.mean((1, 2, 3, 4)), right, moving, aside.relu()], dim=1)


def moving(light, speed):
    """Light at the left, and everything moves to the right."""
    frames = torch.full((3, 8, 16, 16), 0.5)
    frames[..., :8] += light
    flow = torch.stack([torch.full((8, 16, 16), speed), torch.zeros(8, 16, 16)])
    return Clip(frames=frames, flow=flow)


CLIPS = [moving(0.1, 1.0), moving(0.2, 2.0), moving(0.4, 3.0)]


@pytest.fixture
def network():
    return planted(Motions(), 4, streams=STREAMS, flow_scale=1.0)


def views(name, network):
    (change,) = changes_for(network.expects, [name])

    def of(number):
        clip = CLIPS[number]
        stretch = Stretch(clip=clip, first=0, stride=1, frames=clip.time, known=clip.time)
        chance = torch.Generator().manual_seed(0)
        subject = Subject(clip=clip, stretch=stretch, mean=(0.5, 0.5, 0.5), chance=chance)
        yield clip, 0
        for value in change.values:
            yield change.make(subject, value)[0], 0

    return change, of


def kept(name, network):
    change, of = views(name, network)
    (found,) = compare([know(network, CLIPS, ["layer"])], of, range(3), workers=1)
    return change, found.layers["layer"].kept[1:]


def test_a_unit_that_wants_any_motion_is_invariant_to_speed_and_one_that_measures_it_is_not(
    network,
):
    change, left = kept("speed", network)
    slower = [value for value in change.values if value <= 1]  # where no border is held
    torch.testing.assert_close(left[: len(slower), 1], torch.tensor(slower))
    torch.testing.assert_close(left[:, 2], torch.ones(len(change.values)))


def test_a_unit_that_wants_light_anywhere_is_invariant_to_a_flip_and_others_are_not(network):
    _, left = kept("flip", network)
    torch.testing.assert_close(left[1], torch.tensor([1.0, 0.0, 1.0, 0.0]), atol=1e-6, rtol=0)


def test_contrast_lessens_light_in_proportion_and_no_motion(network):
    change, left = kept("contrast", network)
    for unit, expected in ((0, torch.tensor(change.values)), (2, torch.ones(len(change.values)))):
        torch.testing.assert_close(left[:, unit], expected, atol=1e-5, rtol=0)


class Frames(nn.Module):
    """A map of light, and a unit that nothing excites."""

    def forward(self, frames):
        light = frames.mean(1, keepdim=True)
        return torch.cat([light, -light.abs()], dim=1)


def spot(column, light=1.0):
    frames = torch.full((3, 8, 16, 16), 0.5)
    frames[:, 3, 5, column] = 0.5 + light / 2
    return Clip(frames=frames)


def shifted(number):
    clip = (spot(4), spot(10, 0.5))[number]
    yield clip, 0
    yield transforms.shift(clip, right=2), 0
    yield grey_clip(planted(Frames(), 2).expects), 0
    yield clip, 3  # held against itself, as a clip that was put together anew
    yield clip, 3


def test_a_neuron_loses_what_has_moved_on_and_the_largest_answer_moves_along():
    network = planted(Frames(), 2)
    known = know(network, [spot(4), spot(10, 0.5)], ["layer"])
    layer = known.layers["layer"]
    assert layer.excited.tolist() == [True, False]
    (found,) = compare([known], shifted, range(2), workers=1)
    left = found.layers["layer"]
    torch.testing.assert_close(left.kept[:, 0], torch.tensor([1.0, 1, 0, 1, 1]))
    torch.testing.assert_close(left.there[:, 0], torch.tensor([1.0, 0, 0, 1, 1]))
    assert left.kept[:, 1].isnan().all()


def test_distance_is_in_distances_between_clips_and_correlation_without_grey():
    network = planted(Frames(), 2)
    clips = [spot(4), spot(10, 0.5)]
    (found,) = compare([know(network, clips, ["layer"])], shifted, range(2), workers=1)
    left = found.layers["layer"]
    # each spot is one place of both maps: 2 and 1 in it, 0 elsewhere, so that clips are
    # sqrt(2 (2^2 + 1^2)) apart, and a spot that moved is sqrt(2 (2^2 + 2^2)) from itself
    assert left.distance[0, 1].item() == pytest.approx((16 / 10) ** 0.5, rel=1e-4)
    assert left.distance[0, 2].item() == pytest.approx((8 / 10) ** 0.5, rel=1e-4)
    assert left.distance[:, [0, 3, 4]].abs().max() == 0
    assert left.correlation[0, 0].item() == pytest.approx(1)
    assert abs(left.correlation[0, 1].item()) < 0.01
    assert left.correlation[0, 2].isnan()


def test_neither_batch_nor_threads_change_what_is_found(network):
    _, of = views("rotation", network)
    every = [know(network, CLIPS, ["layer"], batch=batch) for batch in (1, 8)]
    results = [
        compare([known], of, range(3), batch=batch, workers=workers)[0]
        for known, batch, workers in ((every[0], 1, 1), (every[1], 8, 1), (every[0], 3, 2))
    ]
    for other in results[1:]:
        for one, two in zip(
            vars(results[0].layers["layer"]).values(),
            vars(other.layers["layer"]).values(),
            strict=True,
        ):
            torch.testing.assert_close(one, two, equal_nan=True)
        assert torch.equal(results[0].predicted, other.predicted)


def test_only_some_clips_count_where_only_some_are_asked_for(network):
    known = know(network, CLIPS, ["layer"], top=2)
    assert known.layers["layer"].top[:, 0].tolist() == [False, True, True]
    some = known.among([0, 1], 1)
    assert some.layers["layer"].top[:, 0].tolist() == [False, True, False]


def test_networks_are_shown_the_same_views_and_come_back_as_they_went(network):
    network.train()
    _, of = views("flip", network)
    seen = []

    def counted(number):
        seen.append(number)
        return of(number)

    known = [know(network, CLIPS, ["layer"]), know(network, CLIPS, ["layer"])]
    one, other = compare(known, counted, range(3), workers=1)
    assert seen == [0, 1, 2]
    torch.testing.assert_close(one.layers["layer"].kept, other.layers["layer"].kept, equal_nan=True)
    assert network.training
    assert not network.model.layer._forward_hooks
