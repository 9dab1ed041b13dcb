import dataclasses

import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.worlds.seeds import generator_for
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.beside.made_clips import made_scenes, textures
from kinetoscope.evidence.beside.nature import measure_nature, nature_of, read_nature
from kinetoscope.evidence.beside.scenes import Glide, Surface, draw_scene
from tests.evidence.planted import planted

SPEC = ClipSpec(
    streams=("frames", "flow"), frames=8, short_side=32, size=(32, 32), std=(0.2, 0.25, 0.3)
)


def clips_of(scenes):
    made = [draw_scene(scene, SPEC) for scene in scenes]
    return [Clip(frames=frames, flow=flow) for frames, flow in made]


@pytest.fixture(scope="module")
def clips():
    """Some of every kind of made clips."""
    return clips_of(made_scenes(SPEC)[::17])


def test_colours_are_those_of_the_pixels_that_the_network_is_shown(clips):
    nature = nature_of(clips, SPEC)
    mean, std = (torch.tensor(each)[:, None] for each in (SPEC.mean, SPEC.std))
    pixels = torch.cat([(clip.frames.flatten(1) - mean) / std for clip in clips], dim=1)
    torch.testing.assert_close(nature.colour, torch.cov(pixels.double()), rtol=1e-3, atol=1e-5)


def test_colours_have_unit_covariance_once_what_they_share_is_undone(clips):
    nature = nature_of(clips, SPEC)
    std = torch.tensor(SPEC.std)[:, None]
    pixels = torch.cat([clip.frames.flatten(1) / std for clip in clips], dim=1).double()
    alone = torch.linalg.inv(nature.colour_root) @ pixels
    torch.testing.assert_close(torch.cov(alone), torch.eye(3).double(), rtol=1e-3, atol=1e-3)


def test_colours_that_never_occur_leave_a_way_back():
    grey = torch.rand(1, 8, 32, 32, generator=torch.Generator().manual_seed(0)).expand(
        3, -1, -1, -1
    )
    spec = dataclasses.replace(SPEC, streams=("frames",))
    root = nature_of([Clip(frames=grey)], spec).colour_root
    assert torch.linalg.inv(root).isfinite().all()
    assert torch.linalg.det(root) > 1e-9


def test_textures_are_near_each_other_and_noise_is_far():
    clips = clips_of(textures(SPEC, generator_for(0)))
    nature = nature_of(clips, SPEC)
    noise = torch.rand(3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    racing = torch.full((2, 8, 32, 32), 30.0)
    near = nature.distances(clips[0].frames, clips[0].flow)
    far = nature.distances(noise, racing)
    assert far[0] > near[0]
    assert far[1] > near[1] + 1


def test_the_only_clip_there_is_has_no_distance(clips):
    moving = next(clip for clip in clips if clip.flow.norm(dim=0).max() > 1)
    by_spectrum, by_speed = nature_of([moving], SPEC).distances(moving.frames, moving.flow)
    assert by_spectrum == pytest.approx(0, abs=1e-6)
    assert by_speed == pytest.approx(0, abs=1e-6)


def test_twice_the_speed_is_an_octave_away():
    texture = made_scenes(SPEC)[130][0].texture
    slow, fast = clips_of(
        [(Surface(texture=texture, motion=Glide(right=v)),) for v in (1.01, 2.02)]
    )
    _, apart = nature_of([slow], SPEC).distances(None, fast.flow)
    assert apart == pytest.approx(1.0)
    frames_only = dataclasses.replace(SPEC, streams=("frames",))
    _, apart = nature_of([slow], frames_only).distances(fast.frames, None)
    assert apart == pytest.approx(1.0, abs=0.3)


def test_streams_that_the_network_is_not_shown_do_not_count(clips):
    nature = nature_of(clips, dataclasses.replace(SPEC, streams=("flow",)))
    assert nature.colour is None
    assert nature.colour_root is None
    assert nature.distances(clips[0].frames, None) == (None, None)


def test_waves_are_given_for_clips_of_any_size(clips):
    nature = nature_of(clips, SPEC)
    sizes = nature.sizes("frames", (5, 20, 14))
    assert sizes.shape == (3, 5, 20, 8)
    assert sizes.min() > 0
    assert sizes[:, 0, 0, 0].max() < 3 * sizes[:, :2, :2, :2].max()


def test_is_measured_on_a_catalog_and_read_back(catalog, tmp_path):
    network = planted(torch.nn.Conv3d(3, 1, 1), 1, frames=4, short_side=32, size=(32, 32))
    told = []
    folder = tmp_path / "nature"
    nature = measure_nature(
        network, catalog, folder, clips=7, workers=1, progress=lambda *two: told.append(two)
    )
    assert nature.clips == 6
    assert [failure["path"] for failure in nature.failures] == ["3 <b>'é.mp4"]
    assert told[-1] == (7, 7)
    again = read_nature(folder)
    torch.testing.assert_close(again.colour, nature.colour)
    assert again.spectra["frames"].size == (4, 32, 32)
    assert nature.speeds["frames"].sum() <= 1 + 1e-9


def test_what_is_there_is_read(catalog, tmp_path):
    network = planted(torch.nn.Conv3d(3, 1, 1), 1, frames=4, short_side=32, size=(32, 32))
    measure_nature(network, catalog, tmp_path / "nature", clips=2, workers=1)
    told = []
    measure_nature(
        network, catalog, tmp_path / "nature", clips=2, progress=lambda *two: told.append(two)
    )
    assert told == []


def test_the_sample_depends_on_the_seed_alone(catalog, tmp_path):
    network = planted(torch.nn.Conv3d(3, 1, 1), 1, frames=4, short_side=32, size=(32, 32))
    found = [
        measure_nature(network, catalog, tmp_path / name, clips=3, seed=seed, workers=workers)
        for name, seed, workers in (("a", 0, 1), ("b", 0, 2), ("c", 1, 1))
    ]
    assert torch.equal(found[0].colour, found[1].colour)
    assert not torch.equal(found[0].colour, found[2].colour)


def test_refuses_a_catalog_of_which_nothing_can_be_read(catalog, tmp_path):
    network = planted(torch.nn.Conv3d(3, 1, 1), 1, frames=4, short_side=32, size=(32, 32))
    broken = dataclasses.replace(catalog, entries=catalog.entries[3:4])
    with pytest.raises(EvidenceError, match="no clip that can be read"):
        measure_nature(network, broken, tmp_path / "nature", workers=1)
    assert not (tmp_path / "nature").exists()
