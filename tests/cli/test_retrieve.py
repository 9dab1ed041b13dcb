import pytest

from kinetoscope.evidence.evidence import read_evidence
from tests.cli.noise import check_names_what_can_not_be_read, run_on


@pytest.mark.slow
def test_clips_of_units_and_labels_are_kept_and_told(folder):
    answered = run_on(
        folder, "retrieve", "fusion:1", "label:noise", "--count", "2", "--others", "1"
    )
    assert answered.exit_code == 0, answered.output
    assert "fusion:1 · excited by" in answered.stdout
    assert "label:noise" in answered.stdout
    assert "3 clips kept in" in answered.stdout
    answer = read_evidence(folder / "look" / "evidence" / "retrieval", "retrieval").answer
    assert [each["unit"] for each in answer["units"]] == ["fusion:1"]
    assert [each["objective"] for each in answer["objectives"]] == ["label:noise"]


@pytest.mark.slow
def test_a_clip_is_asked_for_by_number_by_its_file_and_from_outside(folder, tmp_path_factory):
    for like in ("1", str(folder / "1.mp4"), "1.mp4"):
        answered = run_on(folder, "retrieve", "--like", like, "--layer", "fusion")
        assert answered.exit_code == 0, answered.output
        assert "of its label, noise; by chance 67%" in answered.stdout.replace("\n", " ")
        assert "1.mp4" not in answered.stdout
    copy = tmp_path_factory.mktemp("outside") / "copy.mp4"
    copy.write_bytes((folder / "1.mp4").read_bytes())
    answered = run_on(folder, "retrieve", "--like", copy, "--layer", "fusion", "--count", "1")
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
def test_refuses_before_anything_is_run(folder, words, message):
    answered = run_on(folder, "retrieve", *words)
    assert answered.exit_code != 0
    assert message in answered.stderr
    assert "Traceback" not in answered.stderr


@pytest.mark.slow
def test_a_video_that_can_not_be_read_is_named_and_the_rest_is_done(folder):
    check_names_what_can_not_be_read(folder, "retrieve", "retrieval", "fusion:0")
