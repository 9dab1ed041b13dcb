import math

import numpy as np
import pytest
import torch

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.transforms import flip, shift
from kinetoscope.training.augment import Change, change, draw_changes, mix
from kinetoscope.training.recipe import Augmentation

SPEC = ClipSpec(streams=("frames", "flow"), frames=4, short_side=32, size=(32, 32))
EVERYTHING = Augmentation(
    flip=0.5,
    shift_pixels=4.0,
    scale=(0.8, 1.25),
    rotate_degrees=20.0,
    brightness=0.2,
    contrast=0.3,
    noise=0.1,
    cutout_pixels=9,
    stream_dropout=0.5,
)


@pytest.fixture
def batch():
    torch.manual_seed(0)
    return ClipBatch(frames=torch.rand(5, 3, 4, 32, 32), flow=torch.randn(5, 2, 4, 32, 32))


def changed(batch, *changes, **settings):
    return change(batch, list(changes), spec=SPEC, **settings)


def disc(right, down, radius):
    """A white disc, its centre so far from the middle, on black; it moves by (3, 1) a frame."""
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    inside = ((x - right) ** 2 + (y - down) ** 2 <= radius**2).float()
    frames = inside.expand(1, 3, 2, 64, 64).clone()
    flow = torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1, 1) * inside
    return ClipBatch(frames=frames, flow=flow.expand(1, 2, 2, 64, 64).clone())


def centre_of(picture):
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    mass = picture.sum()
    return ((picture * x).sum() / mass).item(), ((picture * y).sum() / mass).item(), mass.item()


@pytest.mark.parametrize("degrees", [0.0, 90.0, -30.0])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
def test_a_disc_and_its_motion_go_where_the_map_leads(degrees, scale):
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    linear = ((scale * cos, -scale * sin), (scale * sin, scale * cos))
    found = change(disc(10, -4, 6), [Change(linear=linear, shift=(2.0, 5.0))], spec=SPEC)
    right, down, mass = centre_of(found.frames[0, 0, 0])
    assert right == pytest.approx(scale * (10 * cos + 4 * sin) + 2, abs=0.3)
    assert down == pytest.approx(scale * (10 * sin - 4 * cos) + 5, abs=0.3)
    assert mass == pytest.approx(math.pi * (6 * scale) ** 2, rel=0.12)
    motion = found.flow[0, :, 0, round(down + 31.5), round(right + 31.5)]
    expected = torch.tensor([3 * cos - sin, 3 * sin + cos]) * scale
    torch.testing.assert_close(motion, expected, atol=1e-4, rtol=0)


def test_mirroring_is_the_transform_of_one_clip(batch):
    found = changed(batch, *[Change(linear=((-1.0, 0.0), (0.0, 1.0)))] * 5)
    for place in range(5):
        expected = flip(Clip(frames=batch.frames[place], flow=batch.flow[place]))
        torch.testing.assert_close(found.frames[place], expected.frames, atol=1e-4, rtol=0)
        torch.testing.assert_close(found.flow[place], expected.flow, atol=1e-4, rtol=0)


def test_a_shift_is_the_transform_of_one_clip(batch):
    found = changed(batch, *[Change(shift=(3.0, -2.0))] * 5)
    expected = shift(Clip(frames=batch.frames[1], flow=batch.flow[1]), right=3, down=-2)
    torch.testing.assert_close(found.frames[1], expected.frames, atol=1e-4, rtol=0)
    torch.testing.assert_close(found.flow[1], expected.flow, atol=1e-4, rtol=0)


def test_every_frame_of_a_clip_is_changed_alike():
    still = torch.rand(2, 3, 1, 32, 32).expand(2, 3, 4, 32, 32).clone()
    quiet = Augmentation(scale=(0.5, 2.0), rotate_degrees=90.0, contrast=0.5, cutout_pixels=8)
    changes = draw_changes(quiet, 2, SPEC, np.random.default_rng(0))
    found = changed(ClipBatch(frames=still), *changes).frames
    torch.testing.assert_close(found, found[:, :, :1].expand_as(found))


def test_colour_agrees_with_its_definition(batch):
    found = changed(batch, *[Change(contrast=1.5, brightness=-0.1)] * 5).frames
    for clip, old in zip(found, batch.frames, strict=True):
        expected = ((old - old.mean()) * 1.5 + old.mean() - 0.1).clamp(0, 1)
        torch.testing.assert_close(clip, expected)


def test_noise_has_its_deviation_and_differs_between_frames_and_clips():
    grey = ClipBatch(frames=torch.full((3, 3, 4, 32, 32), 0.5))
    noises = [Change(noise=0.1, noise_from=start) for start in (0.1, 0.637, 0.9013)]
    found = changed(grey, *noises).frames - 0.5
    assert found.std().item() == pytest.approx(0.1, rel=0.05)
    flat = found.flatten(0, 2).flatten(1)
    alike = torch.corrcoef(flat) - torch.eye(len(flat))
    assert alike.abs().max() < 0.2


def test_what_is_blanked_is_what_a_network_is_shown_as_zeros(batch):
    found = changed(
        batch,
        Change(blank="frames"),
        Change(blank="flow"),
        Change(hole=(-2, 30), hole_pixels=8),
        Change(),
        Change(),
    )
    mean = torch.tensor(SPEC.mean).reshape(3, 1, 1, 1)
    assert (found.frames[0] == mean).all()
    assert (found.flow[1] == 0).all()
    assert (found.flow[2, :, :, :6, 30:] == 0).all()
    assert (found.frames[2, :, :, :6, 30:] == mean).all()
    torch.testing.assert_close(found.frames[2, :, :, 6:], batch.frames[2, :, :, 6:])
    torch.testing.assert_close(found.flow[0], batch.flow[0])
    torch.testing.assert_close(found.frames[3:], batch.frames[3:])


def test_everything_at_once_stays_in_display_space_and_leaves_the_batch_as_it_was(batch):
    before = batch.frames.clone(), batch.flow.clone()
    changes = draw_changes(EVERYTHING, 5, SPEC, np.random.default_rng(0))
    found = changed(batch, *changes, seed=4)
    assert found.frames.min() >= 0
    assert found.frames.max() <= 1
    assert found.flow.isfinite().all()
    assert torch.equal(batch.frames, before[0])
    assert torch.equal(batch.flow, before[1])


def test_without_settings_nothing_changes(batch):
    changes = draw_changes(Augmentation(), 5, SPEC, np.random.default_rng(0))
    found = changed(batch, *changes)
    assert torch.equal(found.frames, batch.frames)
    assert torch.equal(found.flow, batch.flow)


def test_the_seed_gives_the_same_clips_again(batch):
    def once(seed):
        changes = draw_changes(EVERYTHING, 5, SPEC, np.random.default_rng(seed))
        return changed(batch, *changes, seed=seed).frames

    assert torch.equal(once(3), once(3))
    assert not torch.equal(once(3), once(4))


def test_a_part_of_a_batch_is_changed_as_within_the_whole(batch):
    quiet = Augmentation(flip=0.5, rotate_degrees=30.0, contrast=0.3, cutout_pixels=5)
    changes = draw_changes(quiet, 5, SPEC, np.random.default_rng(1))
    whole = changed(batch, *changes).frames
    part = changed(ClipBatch(frames=batch.frames[1::2], flow=batch.flow[1::2]), *changes[1::2])
    torch.testing.assert_close(part.frames, whole[1::2])


def test_one_setting_leaves_the_others_as_they_were():
    def drawn(**settings):
        return draw_changes(Augmentation(**settings), 4, SPEC, np.random.default_rng(2))

    alone, more = drawn(contrast=0.5), drawn(contrast=0.5, flip=0.5, cutout_pixels=3)
    assert [each.contrast for each in alone] == [each.contrast for each in more]


def test_each_stream_is_dropped_as_often_as_asked_for():
    changes = draw_changes(Augmentation(stream_dropout=0.5), 2000, SPEC, np.random.default_rng(0))
    blanked = [each.blank for each in changes]
    assert blanked.count("frames") == pytest.approx(500, abs=60)
    assert blanked.count("flow") == pytest.approx(500, abs=60)


def test_an_only_stream_is_never_dropped():
    settings = Augmentation(stream_dropout=1.0)
    changes = draw_changes(settings, 20, ClipSpec(), np.random.default_rng(0))
    assert {each.blank for each in changes} == {None}


def test_mixing_agrees_with_its_definition(batch):
    targets = torch.eye(5)
    mixed, shares = mix(batch, targets, 0.4, np.random.default_rng(0))
    for place in range(5):
        own = shares[place, place]
        assert 0.5 <= own <= 1
        assert shares[place].sum().item() == pytest.approx(1)
        other = batch.frames[place - 1]
        expected = own * batch.frames[place] + (1 - own) * other
        torch.testing.assert_close(mixed.frames[place], expected)
        assert shares[place, place - 1].item() == pytest.approx(1 - own.item())
