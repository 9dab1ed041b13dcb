import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from tests.cli.two_classes import save_weights, write_videos


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
def test_lays_clips_out_and_puts_a_new_one_among_them(tmp_path):
    weights, videos = save_weights(tmp_path / "weights"), write_videos(tmp_path / "videos", 4)
    new = write_videos(tmp_path / "new", each=1, first=9) / "light" / "light9.mp4"
    arguments = ("embed", weights, videos, "--out", tmp_path / "look", "--layer", "fusion")
    answered = CliRunner().invoke(main, [*map(str, arguments), "--place", str(new)])
    assert answered.exit_code == 0, answered.output
    assert "fusion tsne" in answered.stdout
    assert "light9.mp4  is near" in answered.stdout
    evidence = tmp_path / "look" / "evidence"
    assert len(read_evidence(evidence / "embedding", "embedding").answer["clips"]) == 8
    (each,) = read_evidence(evidence / "placed", "placed").answer["maps"]
    assert each["layer"] == "fusion"


def test_refuses_a_layer_that_is_not_there(tmp_path):
    weights, videos = save_weights(tmp_path / "weights"), write_videos(tmp_path / "videos", 1)
    arguments = ("embed", weights, videos, "--out", tmp_path / "look", "--layer", "fusoin")
    answered = CliRunner().invoke(main, [*map(str, arguments)])
    assert answered.exit_code == 1
    assert "near: fusion" in answered.stderr
    assert not (tmp_path / "look").exists()
