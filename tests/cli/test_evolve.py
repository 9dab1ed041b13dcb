import pytest
import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from tests.cli.noise import write_noise


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write_noise(tmp_path_factory.mktemp("videos"), ["a", "b", "a"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that was made anew for each of its epochs, and a file that is none."""
    folder = tmp_path_factory.mktemp("run")
    for epoch in (0, 4):
        torch.manual_seed(epoch)
        network = build_network("two_stream_small_toy", labels=["a", "b"])
        save_network(network, folder / "epochs" / f"{epoch:04}.safetensors")
    (folder / "epochs" / "0002.safetensors").write_text("not weights")
    return folder


def evolve(*arguments):
    return CliRunner().invoke(main, ["evolve", *map(str, arguments)])


@pytest.mark.slow
def test_follows_units_and_lists_what_can_not_be_read(run, catalog, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answered = evolve(run, catalog, "--out", tmp_path, "--layer", "fusion", "--clips", 3)
    assert answered.exit_code == 1
    assert "fusion" in answered.stdout
    assert "epoch 0 to 4" in answered.stdout
    assert "0002.safetensors" in answered.stderr
    assert "Traceback" not in answered.stderr
    found = read_evidence(tmp_path / "evidence" / "evolution", "evolution")
    assert [each["epoch"] for each in found.answer["checkpoints"]] == [0, 4]
    assert found.answer["control"] is not None


def test_says_what_a_training_must_be_told_where_it_kept_no_checkpoints(catalog, tmp_path):
    answered = evolve(tmp_path, catalog, "--out", tmp_path / "look")
    assert answered.exit_code == 1
    assert "keep_every" in answered.stderr
