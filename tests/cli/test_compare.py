import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from tests.cli.two_classes import save_weights, write_videos

pytestmark = pytest.mark.slow


def test_tells_which_layers_of_two_networks_are_alike(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "cache"))
    one, other = (save_weights(tmp_path / name, seed) for seed, name in enumerate("ab"))
    videos = write_videos(tmp_path / "videos")
    arguments = ("compare", one, other, videos, "--out", tmp_path / "look")
    answered = CliRunner().invoke(main, [*map(str, arguments)])
    assert answered.exit_code == 0, answered.output
    assert "most like" in answered.stdout
    found = read_evidence(tmp_path / "look" / "evidence" / "similarity", "similarity").answer
    assert found["other"]["layers"] == found["layers"]
    assert found["random"] is not None
    assert found["videos"] == 6


def test_refuses_too_few_videos(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "cache"))
    weights, videos = save_weights(tmp_path / "a"), write_videos(tmp_path / "videos", 1)
    arguments = ("compare", weights, weights, videos, "--out", tmp_path / "look", "--no-control")
    answered = CliRunner().invoke(main, [*map(str, arguments)])
    assert answered.exit_code == 1
    assert "too few videos" in answered.stderr
    assert "Traceback" not in answered.stderr
