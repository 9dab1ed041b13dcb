"""Attributions of a catalog, written as a folder."""

import json
from dataclasses import replace

import polars as pl
import pytest
import torch

from kinetoscope.clips.cache import views_of
from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError, ClipError, UnknownNameError
from kinetoscope.evidence.attribution.answering import heat_name
from kinetoscope.evidence.attribution.attribute import attribute, method_of
from kinetoscope.evidence.attribution.heats import kept_heats
from kinetoscope.evidence.attribution.writing import write_attributions
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import Objective, label
from tests.squares import COLOURS, videos_of_squares

METHODS = [method_of("gradient-x-input"), method_of("grad-cam")]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_network("two_stream_small_toy", labels=sorted(COLOURS)).eval()


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A video of each colour, and a file that is none."""
    folder = videos_of_squares(tmp_path_factory.mktemp("videos"), train=1, test=0, broken=1)
    return read_catalog(folder)


@pytest.fixture(scope="module")
def found(network, catalog, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out") / "attribution"
    methods = [*METHODS, method_of("attention-rollout")]
    return write_attributions(network, catalog, folder, methods=methods)


def test_a_clip_is_asked_about_what_is_predicted_and_what_is_true(found):
    for clip in found.answer["clips"]:
        asked = [(each["why"], each["objective"]) for each in clip["questions"]]
        if clip["label"] == clip["predicted"]:
            assert asked == [("recognized", f"label:{clip['label']}")]
        else:
            labels = [("predicted", clip["predicted"]), ("true", clip["label"])]
            assert asked == [(why, f"label:{name}") for why, name in labels]


def test_what_can_not_be_done_is_listed_and_the_rest_is_done(found, catalog):
    assert [each["path"] for each in found.answer["failures"]] == ["broken-0.mp4"]
    assert [each["method"] for each in found.answer["refused"]] == ["attention-rollout"]
    assert len(found.answer["clips"]) == len(catalog) - 1
    assert [each["name"] for each in found.answer["methods"]] == ["gradient-x-input", "grad-cam"]


def test_arrays_are_what_methods_answer(found, network, catalog):
    clip = found.answer["clips"][0]
    heats = kept_heats(found.folder / clip["heats"])
    (shown,) = views_of(catalog.entries[0], network.expects)
    objective = Objective.parse(clip["questions"][0]["objective"])
    for place, method in enumerate(METHODS):
        answer = clip["questions"][0]["answers"][place]
        expected = attribute(network, shown, objective, method=method)
        assert answer["signed"] == expected.signed
        for part, heat in expected.heat.items():
            scale = float(heat.abs().max())
            kept = heats[heat_name((0, place), part)]
            torch.testing.assert_close(kept, heat, rtol=0, atol=1e-3 * scale)
            over_time = torch.tensor(answer["parts"][part]["over_time"])
            torch.testing.assert_close(over_time, heat.sum((1, 2)))
        for part, heat in expected.native.items():
            assert heats[heat_name((0, place), part, native=True)].shape == heat.shape
            assert answer["native"][part] == list(heat.shape)


def test_tables_have_a_row_an_answer_and_a_row_a_frame(found, network):
    questions = sum(len(clip["questions"]) for clip in found.answer["clips"])
    answers, time, shares = (
        pl.read_csv(found.folder / f"{name}.csv") for name in ("answers", "time", "shares")
    )
    assert len(shares) == questions
    assert len(answers) == 2 * questions
    parts = found.answer["clips"][0]["questions"][0]["answers"]
    assert len(time) == questions * network.expects.frames * sum(len(a["parts"]) for a in parts)
    assert {"appearance_adds", "motion_adds", "frames_adds", "flow_adds"} <= set(shares.columns)


def test_each_method_has_one_scale_for_all_clips(found):
    for method in found.answer["methods"]:
        assert list(method["full_colour"]) == ["labels"]
        assert method["full_colour"]["labels"] > 0


def test_evidence_that_is_there_is_read(found, network, catalog):
    before = (found.folder / "evidence.json").stat().st_mtime_ns
    methods = [*METHODS, method_of("attention-rollout")]
    again = write_attributions(network, catalog, found.folder, methods=methods)
    assert again.answer == found.answer
    assert (found.folder / "evidence.json").stat().st_mtime_ns == before


def test_what_was_done_before_an_interruption_is_not_done_again(network, catalog, tmp_path):
    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    folder, part = tmp_path / "attribution", tmp_path / ".part-attribution"
    with pytest.raises(KeyboardInterrupt):
        write_attributions(network, catalog, folder, methods=METHODS[:1], progress=interrupt)
    assert not folder.exists()
    told = part / "00000" / "told.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "probability": 0.125}))
    found = write_attributions(network, catalog, folder, methods=METHODS[:1])
    assert found.answer["clips"][0]["probability"] == 0.125
    assert not part.exists()


def test_what_was_done_of_another_question_does_not_count(network, catalog, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    folder = tmp_path / "attribution"
    with pytest.raises(KeyboardInterrupt):
        write_attributions(network, catalog, folder, methods=METHODS[:1], progress=interrupt)
    asked = [label("red") - label("blue")]
    one = replace(catalog, entries=catalog.entries[:1])
    found = write_attributions(network, one, folder, methods=METHODS[:1], objectives=asked)
    (question,) = found.answer["clips"][0]["questions"]
    assert (question["why"], question["scale"]) == ("asked", "label:red - label:blue")


def test_refuses_when_no_method_fits(network, catalog, tmp_path):
    with pytest.raises(ClipError, match="rolled out"):
        write_attributions(network, catalog, tmp_path, methods=[method_of("attention-rollout")])


def test_refuses_an_objective_that_is_not_there(network, catalog, tmp_path):
    with pytest.raises(UnknownNameError, match="near: red"):
        write_attributions(network, catalog, tmp_path, methods=METHODS, objectives=[label("rad")])


def test_refuses_a_catalog_of_which_nothing_can_be_read(network, catalog, tmp_path):
    broken = replace(catalog, entries=catalog.entries[-1:])
    with pytest.raises(CatalogError, match="can be attributed"):
        write_attributions(network, broken, tmp_path / "out", methods=METHODS)
