from dataclasses import replace

import pytest
import torch

from kinetoscope.clips.catalog import Entry, read_catalog
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import CatalogError, ClipError, EvidenceError, UnknownNameError
from kinetoscope.evidence.evidence import Provenance, read_evidence, writing_evidence
from kinetoscope.evidence.stimuli.writings import generator_fit
from kinetoscope.evidence.stimuli.writings.generator_fit import (
    Fitting,
    fit_generator,
    read_generator,
    write_generator,
)
from tests.evidence.planted import drifting_gratings, planted
from tests.squares import videos_of_squares

SPEC = ClipSpec(streams=("frames", "flow"), frames=4, short_side=16, size=(16, 16), flow_scale=4.0)
STILL = replace(SPEC, streams=("frames",))
QUICK = Fitting(steps=3, code=4, width=2, clips_per_step=2)
PROVENANCE = Provenance(network="planted", weights_hash="0" * 16)


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """Twelve videos of squares, and a file that is none."""
    folder = videos_of_squares(tmp_path_factory.mktemp("squares"), train=4, test=0, broken=1)
    return read_catalog(folder)


@pytest.fixture(scope="module")
def few(squares):
    return replace(squares, entries=squares.entries[:4])


# Known answers


@pytest.mark.slow
def test_clips_that_were_held_out_are_drawn_better_than_by_the_mean_clip(tmp_path_factory):
    folder = videos_of_squares(tmp_path_factory.mktemp("more"), train=12, test=0)
    told = []
    fit = fit_generator(
        SPEC,
        read_catalog(folder),
        settings=Fitting(steps=150, code=64, width=8, rate=6e-3),
        progress=lambda *each: told.append(each),
    )
    assert (fit.learned, fit.held_out) == (29, 7)
    assert fit.useful
    assert fit.errors["frames"] < fit.mean_clip_errors["frames"]  # of ten runs, 0.60 to 0.90
    assert fit.errors["flow"] < fit.mean_clip_errors["flow"]  # 0.72 to 0.91
    assert sum(fit.history["frames"][-20:]) < 0.8 * sum(fit.history["frames"][:20])  # 0.28 to 0.50
    assert told[-1] == ("steps", 150, 150)
    assert ("videos", 36, 36) in told


def test_the_mean_clip_and_the_spread_are_those_of_the_clips_it_learned_from(few):
    videos = generator_fit._Videos(few, SPEC, QUICK, 0, lambda *each: None)
    fit = fit_generator(SPEC, few, settings=QUICK)
    clips = videos.centres(videos.learned)
    frames = torch.stack([clip.frames for clip in clips])
    mean_clip = fit.generator.mean_clip[:3]
    torch.testing.assert_close(mean_clip, frames.mean(0))
    spread = (frames - frames.mean(0)).square().mean().sqrt()
    torch.testing.assert_close(fit.generator.spread[:3].flatten(), spread.expand(3))
    held = torch.stack([clip.frames for clip in videos.centres(videos.held_out)])
    missed = (held - mean_clip).square().mean().sqrt().item()
    assert fit.mean_clip_errors["frames"] == pytest.approx(missed, rel=1e-5)


# Promises


def test_what_was_written_is_read_again(few, tmp_path):
    fit = fit_generator(SPEC, few, settings=QUICK)
    write_generator(tmp_path / "prior", fit, PROVENANCE)
    read = read_generator(tmp_path / "prior")
    assert read.config == fit.generator.config
    assert read.key == fit.generator.key
    assert not read.training
    answer = read_evidence(tmp_path / "prior", "generator").answer
    assert answer["errors"] == fit.errors
    assert len(answer["history"]["flow"]) == 3
    assert {path.name for path in (tmp_path / "prior").iterdir()} == {
        "evidence.json",
        "weights.safetensors",
    }


def test_one_seed_gives_one_generator_and_leaves_the_dice_as_they_were(few):
    torch.manual_seed(1)
    first = fit_generator(STILL, few, settings=QUICK, seed=7)
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    second = fit_generator(STILL, few, settings=QUICK, seed=7)
    other = fit_generator(STILL, few, settings=QUICK, seed=8)
    assert first.generator.key == second.generator.key != other.generator.key
    assert first.history == second.history


def test_a_video_that_can_not_be_read_is_listed_and_the_rest_go_on(squares):
    fit = fit_generator(STILL, squares, settings=QUICK)
    assert fit.learned + fit.held_out == 12
    (failure,) = fit.failures
    assert failure["path"] == "broken-0.mp4"
    assert "broken-0.mp4" in failure["error"]


def test_a_video_that_goes_missing_on_the_way_is_listed_once(few, tmp_path, monkeypatch):
    store = generator_fit.ClipStore
    monkeypatch.setattr(  # so that nothing stays in memory
        generator_fit, "ClipStore", lambda *given, **more: store(*given, **more, limit_bytes=0)
    )
    entries = []
    for entry in few.entries:
        path = tmp_path / entry.path.name
        path.write_bytes(entry.path.read_bytes())
        entries.append(replace(entry, path=path))
    videos = generator_fit._Videos(
        replace(few, root=tmp_path, entries=tuple(entries)), STILL, QUICK, 0, lambda *each: None
    )
    lost = videos.learned[0]
    entries[lost].path.unlink()
    clips = videos.draw(20, torch.Generator().manual_seed(0))
    assert len(clips) == 20
    assert lost not in videos.learned
    assert [failure["path"] for failure in videos.failures] == [entries[lost].path.name]


def test_parts_of_one_video_are_never_both_learned_from_and_held_out(few):
    spans = [
        replace(entry, start_seconds=start, end_seconds=start + 0.3)
        for entry in few.entries
        for start in (0.0, 0.3)
    ]
    catalog = replace(few, entries=tuple(spans))
    for seed in range(4):
        videos = generator_fit._Videos(catalog, STILL, QUICK, seed, lambda *each: None)
        paths = [
            {spans[place].path for place in part} for part in (videos.learned, videos.held_out)
        ]
        assert not paths[0] & paths[1]
        assert len(videos.held_out) == 2


def test_of_a_large_catalog_so_many_videos_are_looked_at(few):
    fit = fit_generator(STILL, few, settings=replace(QUICK, videos=3))
    assert fit.learned + fit.held_out == 3


def test_what_a_layer_answers_counts_where_one_is_named(few):
    network = planted(drifting_gratings([0], frames=3, side=5), 1, frames=4, flow_scale=4.0)
    asked = replace(QUICK, layer="layer", likeness=2.0)
    fit = fit_generator(STILL, few, settings=asked, network=network.train())
    plain = fit_generator(STILL, few, settings=QUICK)
    assert list(fit.history) == ["frames", "layer"]
    assert fit.history["frames"][0] == pytest.approx(plain.history["frames"][0], rel=1e-5)
    assert fit.history["frames"][-1] != plain.history["frames"][-1]
    assert network.training
    assert all(weight.grad is None for weight in network.parameters())


# Refusals


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"code": 0}, {"held_out": 0.0}, {"videos": 1}], ids=str
)
def test_refuses_settings_that_teach_nothing(settings):
    with pytest.raises(ClipError, match="can't learn so"):
        Fitting(**settings)


def test_refuses_a_layer_without_its_network(few):
    with pytest.raises(ClipError, match="no network"):
        fit_generator(STILL, few, settings=replace(QUICK, layer="layer"))


def test_refuses_a_layer_that_the_network_does_not_have(few):
    network = planted(drifting_gratings([0], frames=3, side=5), 1, frames=4)
    with pytest.raises(UnknownNameError, match="layer"):
        fit_generator(STILL, few, settings=replace(QUICK, layer="lager"), network=network)


def test_refuses_a_catalog_with_a_single_video(few):
    with pytest.raises(CatalogError, match="so few videos"):
        fit_generator(STILL, replace(few, entries=few.entries[:1]), settings=QUICK)


def test_says_why_no_video_can_be_read(few, tmp_path):
    entries = (Entry(path=tmp_path / "a.mp4"), Entry(path=tmp_path / "b.mp4"))
    with pytest.raises(CatalogError, match=r"a\.mp4"):
        fit_generator(STILL, replace(few, entries=entries), settings=QUICK)


def test_refuses_a_folder_that_holds_no_generator(tmp_path):
    with pytest.raises(EvidenceError, match="holds no evidence"):
        read_generator(tmp_path)
    with writing_evidence(tmp_path / "scan", "scan", PROVENANCE):
        pass
    with pytest.raises(EvidenceError, match="other evidence"):
        read_generator(tmp_path / "scan")


@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_refuses_weights_that_do_not_fit(few, tmp_path, damage):
    fit = fit_generator(STILL, few, settings=QUICK)
    write_generator(tmp_path / "prior", fit, PROVENANCE)
    weights = tmp_path / "prior" / "weights.safetensors"
    if damage == "gone":
        weights.unlink()
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        other = fit_generator(STILL, few, settings=replace(QUICK, code=5))
        write_generator(tmp_path / "other", other, PROVENANCE)
        weights.write_bytes((tmp_path / "other" / "weights.safetensors").read_bytes())
    with pytest.raises(EvidenceError, match="can't be read"):
        read_generator(tmp_path / "prior")
