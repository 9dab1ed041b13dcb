import torch
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from tests.squares import COLOURS, videos_of_squares

SMALL = ["--layer", "fusion", "--units-per-layer", "1", "--slowness", "0", "--steps", "1"]
SMALL += ["--only", "scan", "--only", "stimuli"]


def look(*arguments):
    return CliRunner().invoke(main, ["look", *map(str, arguments)])


def saved(folder, labels):
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=labels)
    save_network(network, folder / "weights.safetensors")
    return folder


def test_says_which_page_to_open(tmp_path):
    videos = videos_of_squares(tmp_path / "videos", train=0, test=1)
    trained = saved(tmp_path / "trained", sorted(COLOURS))
    answered = look(trained, videos, "--out", tmp_path / "looked", *SMALL)
    assert answered.exit_code == 0, answered.output
    page = tmp_path / "looked" / "index.html"
    assert answered.stdout == f"open {page}\n"
    assert page.exists()


def test_refuses_a_catalog_without_videos(tmp_path):
    (tmp_path / "empty").mkdir()
    trained = saved(tmp_path / "trained", sorted(COLOURS))
    answered = look(trained, tmp_path / "empty", "--out", tmp_path / "looked")
    assert answered.exit_code == 1
    assert "empty" in answered.stderr
    assert "Traceback" not in answered.stderr


def test_refuses_a_network_that_does_not_exist(tmp_path):
    answered = look("c3e", tmp_path, "--out", tmp_path / "looked")
    assert answered.exit_code == 1
    assert "near: c3d" in answered.stderr
