import pytest

from kinetoscope.evidence.evidence import read_evidence
from tests.cli.noise import run_on, write_noise


@pytest.fixture
def folder(tmp_path):
    return write_noise(tmp_path)


@pytest.mark.slow
def test_health_tells_every_layer_beside_an_untrained_one(folder):
    answered = run_on(folder, "health", "--layer", "fusion", "--sample", "2")
    assert answered.exit_code == 0, answered.output
    assert "fusion" in answered.stdout
    assert "every unit and the first filters in" in answered.stdout
    answer = read_evidence(folder / "look" / "evidence" / "health", "health").answer
    assert [layer["layer"] for layer in answer["layers"]] == ["fusion"]
    assert answer["sample"] == 2
    assert {each["stream"] for each in answer["filters"]} == {"frames", "flow"}


@pytest.mark.slow
def test_a_video_that_can_not_be_read_is_named_and_the_rest_is_done(folder):
    (folder / "2.mp4").write_text("not a video")
    answered = run_on(folder, "health", "--no-control")
    assert answered.exit_code == 1
    assert "2.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    assert (folder / "look" / "evidence" / "health" / "evidence.json").is_file()
