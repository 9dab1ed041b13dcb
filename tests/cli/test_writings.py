from pathlib import Path

import click
import pytest
from torch import nn

from kinetoscope.cli.writings import chosen_writing, held, hold_values, writing_name
from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.open import open_clip
from kinetoscope.evidence.beside.nature import nature_of
from kinetoscope.evidence.evidence import Provenance
from kinetoscope.evidence.stimuli.writings.accentuation import Accentuation
from kinetoscope.evidence.stimuli.writings.fourier import Fourier
from kinetoscope.evidence.stimuli.writings.generator import Generated
from kinetoscope.evidence.stimuli.writings.generator_fit import (
    Fitting,
    fit_generator,
    write_generator,
)
from kinetoscope.evidence.stimuli.writings.moved_texture import MovedTexture
from kinetoscope.evidence.stimuli.writings.phases import Phases
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from tests.evidence.planted import planted
from tests.squares import videos_of_squares

NOTHING = {"start": None, "prior": None}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("videos"), train=0, test=1) / "test-red-0.mp4"


@pytest.fixture(scope="module")
def network():
    return planted(nn.Conv3d(3, 2, 3, padding=1), 2, frames=4)


def chosen(writing, network, nature=None, **options):
    return chosen_writing(writing, network, **{**NOTHING, **options}, nature=nature)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("pixels", Pixels), ("fourier", Fourier), ("phases", Phases), ("texture", MovedTexture)],
)
def test_a_name_stands_for_a_way_of_writing(network, name, kind):
    assert isinstance(chosen(name, network), kind)


def test_without_a_name_pixels_are_moved_and_a_video_is_changed_in_waves(video):
    assert writing_name(None, start=None, prior=None) == "pixels"
    assert writing_name(None, start=video, prior=None) == "fourier"


@pytest.mark.parametrize(("name", "kind"), [("pixels", Pixels), ("fourier", Fourier)])
def test_a_video_is_changed_in_the_way_that_is_asked_for(network, video, name, kind):
    written = chosen(name, network, start=video)
    assert isinstance(written, Accentuation)
    assert isinstance(written.change, kind)
    assert written.source.endswith("test-red-0.mp4")


def test_waves_have_the_colours_and_sizes_that_were_measured(network, video):
    nature = nature_of([open_clip(video, network.expects)], network.expects)
    assert chosen("fourier", network, nature).colour is not None
    phases = chosen("phases", network, nature)
    assert phases.colour is not None
    assert phases.sizes["frames"].shape == (3, 4, 16, 9)


@pytest.mark.slow
def test_a_generator_is_read_from_its_folder(network, video, tmp_path):
    fit = fit_generator(
        network.expects,
        read_catalog(video.parent),
        settings=Fitting(steps=1, code=4, width=2, clips_per_step=2),
    )
    write_generator(tmp_path / "prior", fit, Provenance.of(network))
    written = chosen("generated", network, prior=tmp_path / "prior")
    assert isinstance(written, Generated)
    assert written.generator.config.code == 4


def test_streams_are_held_by_what_stands_in_them(network, video):
    values = hold_values([f"frames={video}", "flow=own"])
    assert values == {"frames": str(video), "flow": "own"}
    found = held(values, network)
    assert found["flow"] == "own"
    assert found["frames"].frames.shape == (3, 4, 16, 16)


@pytest.mark.parametrize(
    "options",
    [["frames"], ["frames="], ["sound=blank"], ["flow=own", "flow=blank"], ["flow=none.mp4"]],
    ids=str,
)
def test_refuses_to_hold_what_is_no_stream_or_no_file(options):
    with pytest.raises(click.BadParameter):
        hold_values(options)


@pytest.mark.parametrize(
    ("writing", "start", "prior"),
    [
        ("phases", Path("a.mp4"), None),
        ("generated", None, None),
        ("pixels", None, Path("prior")),
        ("generated", Path("a.mp4"), Path("prior")),
    ],
    ids=str,
)
def test_refuses_options_of_another_way_of_writing(writing, start, prior):
    with pytest.raises(click.BadParameter):
        writing_name(writing, start=start, prior=prior)
