import csv

import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.video.encode import write_mp4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def catalog(tmp_path):
    """Three short videos of noise, listed in a csv."""
    generator = torch.Generator().manual_seed(0)
    rows = [("path", "label")]
    for number in range(3):
        pictures = torch.randint(0, 256, (8, 64, 64, 3), generator=generator, dtype=torch.uint8)
        write_mp4(tmp_path / f"{number}.mp4", pictures, 8.0)
        rows.append((f"{number}.mp4", "noise" if number else "other"))
    with (tmp_path / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return tmp_path


@pytest.fixture
def weights(tmp_path):
    network = build_network("two_stream_small_toy", labels=["noise", "other", "b"])
    save_network(network, tmp_path / "weights" / "weights.safetensors")
    return tmp_path / "weights"


@pytest.fixture
def run(catalog, weights, tmp_path):
    def run(verb, *arguments):
        words = [verb, weights, catalog, *arguments, "--out", tmp_path / "look"]
        return CliRunner().invoke(main, [str(word) for word in words])

    return run


@pytest.mark.slow
def test_clips_of_units_and_labels_are_kept_and_told(run, tmp_path):
    answered = run("retrieve", "fusion:1", "label:noise", "--count", "2", "--others", "1")
    assert answered.exit_code == 0, answered.output
    assert "fusion:1 · excited by" in answered.stdout
    assert "label:noise" in answered.stdout
    assert "3 clips kept in" in answered.stdout
    answer = read_evidence(tmp_path / "look" / "evidence" / "retrieval", "retrieval").answer
    assert [each["unit"] for each in answer["units"]] == ["fusion:1"]
    assert [each["objective"] for each in answer["objectives"]] == ["label:noise"]


@pytest.mark.slow
def test_a_clip_is_asked_for_by_number_by_its_file_and_from_outside(run, catalog, tmp_path):
    for like in ("1", str(catalog / "1.mp4"), "1.mp4"):
        answered = run("retrieve", "--like", like, "--layer", "fusion")
        assert answered.exit_code == 0, answered.output
        assert "of its label, noise; by chance 67%" in answered.stdout.replace("\n", " ")
        assert "1.mp4" not in answered.stdout
    copy = tmp_path / "copy.mp4"
    copy.write_bytes((catalog / "1.mp4").read_bytes())
    answered = run("retrieve", "--like", copy, "--layer", "fusion", "--count", "1")
    assert "1.mp4" in answered.stdout
    assert "1.000" in answered.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--like", "1"], "go together"),
        (["fusion:x"], "fusion:x is no objective"),
        (["--like", "1", "--layer", "fusoin"], "near: fusion"),
    ],
    ids=["no layer", "no unit", "no such layer"],
)
def test_refuses_before_anything_is_run(run, words, message):
    answered = run("retrieve", *words)
    assert answered.exit_code != 0
    assert message in answered.stderr
    assert "Traceback" not in answered.stderr


@pytest.mark.slow
def test_health_tells_every_layer_beside_an_untrained_one(run, tmp_path):
    answered = run("health", "--layer", "fusion", "--sample", "2")
    assert answered.exit_code == 0, answered.output
    assert "fusion" in answered.stdout
    assert "every unit and the first filters in" in answered.stdout
    answer = read_evidence(tmp_path / "look" / "evidence" / "health", "health").answer
    assert [layer["layer"] for layer in answer["layers"]] == ["fusion"]
    assert answer["sample"] == 2
    assert {each["stream"] for each in answer["filters"]} == {"frames", "flow"}


@pytest.mark.slow
def test_a_video_that_can_not_be_read_is_named_and_the_rest_is_done(run, catalog):
    (catalog / "2.mp4").write_text("not a video")
    for verb in ("retrieve", "health"):
        answered = run(verb, *(["fusion:0"] if verb == "retrieve" else ["--no-control"]))
        assert answered.exit_code == 1
        assert "2.mp4" in answered.stderr
        assert "Traceback" not in answered.stderr
