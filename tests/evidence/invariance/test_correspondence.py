"""The same part hidden in several clips."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kinetoscope.clips.cache import views_of
from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.invariance.correspondence import (
    ANYWHERE,
    MOVING,
    correspond,
    cover,
    differing,
    tracks_of,
)
from kinetoscope.video.encode import write_mp4
from tests.evidence.planted import planted

SPEC = ClipSpec(frames=8, short_side=16, size=(16, 16), mean=(0.5,) * 3)


def test_differing_signs_by_hand():
    signs = np.array([[1, 1, 0, -1], [1, -1, 0, -1], [1, -1, 1, 0]])
    # pairs differ in 1, 3 and 2 of the four
    np.testing.assert_allclose(differing(signs), [(1 + 3) / 8, (1 + 2) / 8, (3 + 2) / 8])


def test_differing_equals_the_definition_written_out():
    signs = np.random.default_rng(0).integers(-1, 2, (5, 7))
    pairs = [
        np.mean([a != b for a, b in zip(signs[i], signs[j], strict=True)])
        for i in range(5)
        for j in range(5)
        if i != j
    ]
    assert differing(signs).mean() == pytest.approx(np.mean(pairs))


class Colours(nn.Module):
    """Maps of red and of green."""

    def forward(self, frames):
        return frames[:, :2]


def with_object(place, ground):
    """An object that is lighter in red and darker in green than a ground that is neither nor."""
    frames = torch.full((3, 8, 16, 16), 0.5)
    frames[0] += ground
    frames[1] -= ground
    down, right = place
    frames[:, :, down - 2 : down + 2, right - 2 : right + 2] = torch.tensor([1.0, 0, 0]).reshape(
        3, 1, 1, 1
    )
    track = torch.tensor([right - 0.5, down - 0.5]).expand(8, 2)
    return Clip(frames=frames), {"the object": track}


@pytest.fixture
def scenes():
    grounds = (-0.2, 0.2, -0.3, 0.3, -0.1, 0.1)
    places = ((4, 4), (12, 5), (8, 8), (6, 12), (11, 11), (4, 11))
    return [with_object(*each) for each in zip(places, grounds, strict=True)]


def test_a_layer_that_knows_the_object_changes_alike_wherever_it_is(scenes):
    clips, tracks = zip(*scenes, strict=True)
    network = planted(Colours(), 2, mean=(0.5,) * 3)
    (found,) = correspond([network], clips, tracks, ["layer"])
    delta = found.layers["layer"]
    assert found.clips == {"the object": 6}
    assert delta["the object"].value == 0
    assert delta[ANYWHERE].low > 0.2


def test_the_same_seed_hides_the_same_boxes(scenes):
    clips, tracks = zip(*scenes, strict=True)
    network = planted(Colours(), 2, mean=(0.5,) * 3)
    one, other = correspond([network, network], clips, tracks, ["layer"], seed=1)
    (again,) = correspond([network], clips, tracks, ["layer"], seed=1)
    assert one == other == again


def test_a_cover_follows_its_track():
    clip = Clip(frames=torch.ones(3, 8, 16, 16), flow=torch.ones(2, 8, 16, 16))
    track = torch.stack([torch.arange(8) + 4.5, torch.full((8,), 7.5)], dim=1)
    covered = cover(clip, track, SPEC)
    for time in range(8):
        hidden = covered.frames[0, time] == 0.5
        assert hidden.sum() == 16
        assert hidden[6:10, time + 3 : time + 7].all()
        assert (covered.flow[0, time] == 0).sum() == 16


def test_what_moves_most_stands_in_where_there_is_no_truth(tmp_path):
    frames = torch.full((3, 8, 16, 16), 0.5)
    frames[:, ::2, 8:12, 4:8] = 1
    entry = Entry(path=tmp_path / "none.mp4")
    (found,) = tracks_of(entry, Clip(frames=frames), SPEC).items()
    assert found[0] == MOVING
    torch.testing.assert_close(found[1][0], torch.tensor([5.5, 9.5]))
    flow = torch.zeros(2, 8, 16, 16)
    flow[0, :, 0:4, 12:16] = 3
    moving = tracks_of(entry, Clip(frames=frames, flow=flow), SPEC)[MOVING]
    torch.testing.assert_close(moving[0], torch.tensor([13.5, 1.5]))


@pytest.fixture
def made(tmp_path):
    """A video twice as large as its clip, with a square that moves, and one that comes late."""
    path = tmp_path / "made.mp4"
    write_mp4(path, torch.full((12, 32, 48, 3), 90, dtype=torch.uint8), 10.0)
    mask = torch.zeros(12, 32, 48, dtype=torch.uint8)
    for time in range(12):
        mask[time, 10:14, time + 16 : time + 20] = 1
    mask[9:, 20:24, 20:24] = 2
    names = {"part_names": "head tail"}
    save_file({"mask": mask}, path.with_suffix(".truth.safetensors"), metadata=names)
    return Entry(path=path, label="a")


def test_the_truth_of_a_made_world_tells_where_its_parts_are(made):
    (clip,) = views_of(made, SPEC)
    found = tracks_of(made, clip, SPEC)
    assert list(found) == ["head"]  # the tail is not seen all along
    # the clip begins with frame 2; at half the size, the centre cut out of 24 columns
    right = [(time + 18) / 2 - 0.5 - 4 for time in range(2, 10)]
    torch.testing.assert_close(found["head"][:, 0], torch.tensor(right))
    torch.testing.assert_close(found["head"][:, 1], torch.full((8,), 12 / 2 - 0.5))


def test_a_mask_without_names_is_the_object(made):
    path = made.path.with_suffix(".truth.safetensors")
    mask = torch.ones(12, 32, 48, dtype=torch.uint8)
    save_file({"mask": mask, "body": mask.clone()}, path)
    (clip,) = views_of(replace(made), SPEC)
    assert list(tracks_of(made, clip, SPEC)) == ["the object", "its body"]
