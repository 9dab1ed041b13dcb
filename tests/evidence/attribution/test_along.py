"""A long video, window by window."""

from collections import defaultdict

import polars as pl
import pytest
import torch

from kinetoscope.clips.stretches import open_stretches
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution import along_writing
from kinetoscope.evidence.attribution.along import attribute_along, half_a_clip
from kinetoscope.evidence.attribution.along_writing import write_attribution_along
from kinetoscope.evidence.attribution.attribute import attribute, method_of
from kinetoscope.evidence.attribution.heats import kept_heats
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import label
from kinetoscope.video.encode import write_mp4
from tests.squares import COLOURS, square

METHODS = [method_of("gradient-x-input"), method_of("grad-cam")]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network("two_stream_small_toy", labels=sorted(COLOURS)).eval()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Three squares, one after the other."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    squares = [square(colour, seed=seed) for seed, colour in enumerate(COLOURS.values())]
    write_mp4(path, torch.cat(squares), 15.0)
    return path


def test_the_heat_of_a_frame_is_the_mean_over_the_windows_that_show_it(network, video):
    passages = list(attribute_along(network, video, label("red"), methods=METHODS[:1]))
    expected = defaultdict(list)
    every = half_a_clip(video, network.expects)
    for stretch in open_stretches(video, network.expects, every_seconds=every):
        heat = attribute(network, stretch.clip, label("red"), method=METHODS[0]).heat["flow"]
        for second, each in zip(stretch.clip.seconds, heat, strict=True):
            expected[second].append(each)
    found = {
        second: heat
        for passage in passages
        for second, heat in zip(passage.clip.seconds, passage.heats[0]["flow"], strict=True)
    }
    assert list(found) == sorted(expected)
    assert max(map(len, expected.values())) > 1
    for second, heat in found.items():
        torch.testing.assert_close(heat, torch.stack(expected[second]).mean(0))


def test_no_more_than_two_clips_are_held_at_once(network, video):
    passages = attribute_along(network, video, label("red"), methods=METHODS[:1])
    assert max(passage.clip.time for passage in passages) <= 2 * network.expects.frames


def test_files_hold_all_frames_and_tables_when_each_is(network, video, tmp_path, monkeypatch):
    monkeypatch.setattr(along_writing, "_FRAMES", 8)
    seen = []
    found = write_attribution_along(
        network,
        video,
        label("red"),
        tmp_path / "along",
        methods=METHODS,
        progress=lambda done, total: seen.append((done, total)),
    )
    answer = found.answer
    assert len(answer["files"]) > 1
    assert sum(file["frames"] for file in answer["files"]) == len(answer["seconds"])
    assert seen[-1] == (len(answer["windows"]), len(answer["windows"]))
    heats = [kept_heats(found.folder / file["heats"]) for file in answer["files"]]
    for part, over_time in answer["over_time"][0].items():
        heat = torch.cat([each[f"0.{part}"] for each in heats])
        scale = float(heat.abs().sum((1, 2)).max())
        expected = torch.tensor(over_time)
        torch.testing.assert_close(heat.sum((1, 2)), expected, rtol=0, atol=1e-3 * scale)
    table = pl.read_csv(found.folder / "time.csv")
    parts = sum(len(each) for each in answer["over_time"])
    assert len(table) == parts * len(answer["seconds"])


def test_refuses_a_method_that_does_not_fit(network, video, tmp_path):
    methods = [method_of("attention-rollout")]
    with pytest.raises(ClipError, match="rolled out"):
        write_attribution_along(network, video, label("red"), tmp_path / "out", methods=methods)


def test_refuses_windows_without_length(network, video):
    with pytest.raises(ClipError, match="length"):
        list(attribute_along(network, video, label("red"), methods=METHODS, every_seconds=0.0))
