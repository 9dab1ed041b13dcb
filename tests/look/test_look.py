import json
import multiprocessing
import os
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError, EvidenceError, UnknownNameError
from kinetoscope.evidence.beside.reference import reference_from_scan
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.evidence.scan import read_scan
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.stimulus import read_stimuli
from kinetoscope.look.look import look
from kinetoscope.look.looking import Looking
from kinetoscope.look.stages import STAGES
from kinetoscope.networks.weights import load_network, save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import Objective
from tests.squares import COLOURS, videos_of_squares

HOW = Looking(
    layers=("conv4", "fusion"),
    units_per_layer=2,
    slowness=(0.0, 10.0),
    maximizing=Maximizing(steps=3),
    top=2,
    only=("evaluation", "scan", "retrieval", "nature", "stimuli"),
)
KILLS = 6


def do_look(weights, videos, out):
    """What a process does that is killed."""
    look(load_network(weights), read_catalog(videos), out, how=HOW)


def network_of(labels):
    torch.manual_seed(0)
    return build_network("two_stream_small_toy", labels=labels).eval()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """Six videos, and a file that is none."""
    folder = tmp_path_factory.mktemp("look") / "videos"
    return read_catalog(videos_of_squares(folder, train=0, test=2, broken=1))


@pytest.fixture(scope="module")
def looked(catalog, tmp_path_factory):
    """A look that nothing disturbed."""
    out = tmp_path_factory.mktemp("looked")
    look(network_of(sorted(COLOURS)), catalog, out, how=HOW)
    return out


def contents(folder):
    """Every file that could be taken for a result, also while another process writes.

    A hidden folder is not entered: it can be renamed at any moment.
    """
    results = {}
    for inside, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(inside) / name for name in names if not name.startswith(".")):
            results[path.relative_to(folder)] = path.read_bytes()
    return results


def test_leaves_a_page_and_every_kind_of_evidence(looked, catalog):
    assert (looked / "index.html").exists()
    evidence = looked / "evidence"
    network = read_evidence(evidence / "network", "network").answer
    assert [layer["name"] for layer in network["layers"]] == list(HOW.layers)
    assert len(read_scan(evidence / "scan").clips) == len(catalog)
    assert read_evidence(evidence / "retrieval", "retrieval")
    assert read_evidence(evidence / "evaluation", "evaluation").answer["labels"] == sorted(COLOURS)


def test_names_the_video_that_can_not_be_read(looked):
    failures = read_scan(looked / "evidence" / "scan").failures
    assert [failure["path"] for failure in failures] == ["broken-0.mp4"]
    assert "broken-0.mp4" in json.dumps(
        read_evidence(looked / "evidence" / "evaluation").answer["errors"]
    )


def test_holds_stimuli_against_the_best_real_clip(looked):
    reference = reference_from_scan(read_scan(looked / "evidence" / "scan"))
    for folder in (looked / "evidence" / "stimuli").iterdir():
        stimuli = read_stimuli(folder)
        assert tuple(stimulus.slowness for stimulus in stimuli) == HOW.slowness
        best = reference.largest(stimuli[0].objective)
        assert best is not None
        assert all(stimulus.best_real == pytest.approx(best) for stimulus in stimuli)
        assert all(stimulus.reference == "videos" for stimulus in stimuli)


def test_every_label_and_some_units_of_every_layer_have_stimuli(looked):
    told = read_evidence(looked / "evidence" / "maximization", "maximization").answer
    failed = [each["objective"] for each in told["failures"]]  # after three steps one may be silent
    assert sorted(told["asked"]) == sorted([*told["made"], *failed])
    assert told["made"] == [each for each in told["asked"] if each not in failed]
    objectives = [Objective.parse(name) for name in told["made"]]
    assert [each.label for each in objectives if each.label] == sorted(COLOURS)
    assert {each.unit.layer for each in objectives if each.unit} == set(HOW.layers)
    folders = {folder.name for folder in (looked / "evidence" / "stimuli").iterdir()}
    assert folders == {each.file_name for each in objectives}


def test_a_second_look_makes_nothing_anew(looked, catalog):
    before = {path: path.stat().st_mtime_ns for path in (looked / "evidence").rglob("*")}
    look(network_of(sorted(COLOURS)), catalog, looked, how=HOW)
    after = {path: path.stat().st_mtime_ns for path in (looked / "evidence").rglob("*")}
    assert after == before


def test_a_stage_that_is_missing_is_made_again_the_same(looked, catalog):
    whole = contents(looked)
    shutil.rmtree(sorted((looked / "evidence" / "stimuli").iterdir())[0])
    look(network_of(sorted(COLOURS)), catalog, looked, how=HOW)
    assert contents(looked) == whole


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_at_random_moments_it_ends_with_the_same_evidence(looked, catalog, tmp_path):
    save_network(network_of(sorted(COLOURS)), tmp_path / "weights.safetensors")
    arguments = (tmp_path / "weights.safetensors", catalog.root, tmp_path / "out")
    whole = contents(looked)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kinetoscope.look.look"])
    chance = random.Random(0)
    for many in sorted(chance.sample(range(len(whole)), KILLS)):
        process = context.Process(target=do_look, args=arguments)
        process.start()
        while process.is_alive() and len(contents(tmp_path / "out")) < many:
            time.sleep(0.001)
        process.join(chance.uniform(0, 0.2))
        process.kill()
        process.join()
        assert contents(tmp_path / "out").items() <= whole.items()  # nothing half written
    do_look(*arguments)
    assert contents(tmp_path / "out") == whole
    assert not list((tmp_path / "out").rglob(".aside-*"))


def test_refuses_a_layer_that_is_not_there(catalog, tmp_path):
    with pytest.raises(UnknownNameError, match="near: fusion"):
        look(network_of(sorted(COLOURS)), catalog, tmp_path, how=Looking(layers=("fusoin",)))


def test_refuses_a_catalog_of_other_labels(catalog, tmp_path):
    with pytest.raises(CatalogError, match="red"):
        look(network_of(["one", "two", "three"]), catalog, tmp_path, how=HOW)


@pytest.mark.slow
def test_only_some_stages_are_done_with_what_they_rest_on(catalog, tmp_path):
    how = replace(HOW, only=("retrieval",))
    look(network_of(sorted(COLOURS)), catalog, tmp_path, how=how)
    found = {path.name for path in (tmp_path / "evidence").iterdir()}
    assert found == {"network", "scan", "retrieval", "stages"}


def test_a_stage_is_skipped():
    how = Looking(skip=("b",))
    assert how.chosen(["a", "b", "c"]) == ["a", "c"]


@pytest.mark.parametrize("how", [Looking(only=("scna",)), Looking(skip=("scna",))])
def test_refuses_a_stage_that_is_not_there(how):
    with pytest.raises(UnknownNameError, match="near: scan"):
        how.chosen(["scan", "stimuli"])


@pytest.mark.slow
def test_a_stage_that_can_not_be_done_is_told_and_the_others_go_on(catalog, tmp_path, monkeypatch):
    def refuse(bench):
        raise EvidenceError("it needs more", got="one clip", expected="two clips")

    monkeypatch.setitem(STAGES, "retrieval", refuse)
    how = replace(HOW, only=("retrieval", "nature"))
    page = look(network_of(sorted(COLOURS)), catalog, tmp_path, how=how)
    told = read_evidence(tmp_path / "evidence" / "stages", "stages").answer
    assert told["done"] == ["nature"]
    assert [each["stage"] for each in told["failures"]] == ["retrieval"]
    assert "it needs more" in page.read_text()
