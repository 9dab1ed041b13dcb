import pytest

from kinetoscope.evidence.evidence import read_evidence
from tests.cli.noise import check_names_what_can_not_be_read, run_on


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
    check_names_what_can_not_be_read(folder, "health", "health", "--no-control")
