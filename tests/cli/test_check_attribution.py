import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from tests.cli.two_classes import save_weights
from tests.evidence.attribution.belief.known import write_noise


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "cache"))


def check(*arguments):
    return CliRunner().invoke(main, ["check-attribution", *map(str, arguments)])


@pytest.mark.slow
def test_ranks_methods_and_tells_what_could_not_be_read(tmp_path):
    videos = write_noise(tmp_path / "videos", each=1)
    (videos / "dots" / "broken.mp4").write_text("not a video")
    given = (save_weights(tmp_path / "weights"), videos, "--out", tmp_path / "look")
    options = ("--clips", 3, "--filling", "grey", "--set", "over_channels=sum")
    answered = check("gradient,grad-cam,attention-rollout", *given, *options)
    assert answered.exit_code == 1, answered.output
    assert "broken.mp4" in answered.stderr
    assert "attention-rollout is left out" in answered.stderr
    assert "Traceback" not in answered.stderr
    assert "recommended" in answered.stdout
    found = read_evidence(tmp_path / "look" / "evidence" / "attribution-check")
    assert {each["name"] for each in found.answer["methods"]} == {"gradient", "grad-cam"}
    assert all(each["name"] in answered.stdout for each in found.answer["methods"])
    methods = {each["method"]: each for each in found.provenance.settings["methods"]}
    assert methods["gradient"]["over_channels"] == "sum"


def test_a_method_that_is_not_there_is_told_before_anything_is_opened(tmp_path):
    weights = tmp_path / "weights.safetensors"
    weights.write_text("no weights")
    answered = check("grad-cat", weights, tmp_path / "nothing", "--out", tmp_path / "look")
    assert answered.exit_code == 1
    assert "near: grad-cam" in answered.stderr
