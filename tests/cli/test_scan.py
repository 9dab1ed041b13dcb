import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.scan import read_scan
from tests.cli.noise import write_network, write_noise


@pytest.fixture
def catalog(tmp_path):
    """Three videos and a file that is none, of one label."""
    return write_noise(tmp_path, ["noise"] * 3, broken="noise")


@pytest.fixture
def weights(tmp_path):
    return write_network(tmp_path / "weights", ["noise", "a", "b"])


def scan(*arguments):
    return CliRunner().invoke(main, ["scan", *map(str, arguments)])


def test_scans_a_catalog_and_lists_what_can_not_be_read(catalog, weights, tmp_path):
    answered = scan(weights, catalog, "--out", tmp_path / "look")
    assert answered.exit_code == 1
    assert "fusion" in answered.stdout
    assert "3 clips" in answered.stdout
    assert "broken.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    found = read_scan(tmp_path / "look" / "evidence" / "scan")
    assert len(found.clips) == 4
    assert len(found.failures) == 1


def test_scans_only_the_layers_that_are_asked_for(catalog, weights, tmp_path):
    (catalog / "broken.mp4").unlink()
    listed = catalog / "index.csv"
    listed.write_text("\n".join(listed.read_text().splitlines()[:-1]))
    answered = scan(weights, catalog, "--out", tmp_path / "look", "--layer", "fusion")
    assert answered.exit_code == 0
    assert list(read_scan(tmp_path / "look" / "evidence" / "scan").layers) == ["fusion"]


def test_parts_that_were_scanned_apart_are_put_together(catalog, weights, tmp_path):
    given = [weights, catalog, "--batch", 1]
    for which in range(2):
        answered = scan(*given, "--part", f"{which}/2", "--out", tmp_path / f"part-{which}")
        assert answered.exit_code == which  # the last video is broken
    merges = [part for which in range(2) for part in ("--merge", tmp_path / f"part-{which}")]
    merged = scan(*given, *merges, "--out", tmp_path / "look")
    whole = scan(*given, "--out", tmp_path / "whole")
    assert merged.exit_code == whole.exit_code == 1
    assert "3 clips" in merged.stdout
    found, expected = (read_scan(tmp_path / each / "evidence/scan") for each in ("look", "whole"))
    assert found.provenance == expected.provenance
    assert found.clips.drop("scores", "probabilities", "probability").equals(
        expected.clips.drop("scores", "probabilities", "probability")
    )


def test_refuses_to_put_parts_of_another_network_together(catalog, weights, tmp_path):
    scan(weights, catalog, "--part", "0/1", "--out", tmp_path / "part")
    other = write_network(tmp_path / "other", ["x", "y"])
    answered = scan(other, catalog, "--merge", tmp_path / "part", "--out", tmp_path / "look")
    assert answered.exit_code == 1
    assert "is not of two_stream_small_toy" in answered.stderr
    assert not (tmp_path / "look").exists()


@pytest.mark.parametrize("part", ["2/2", "1", "one/2", "-1/2"])
def test_refuses_what_is_no_part(catalog, weights, tmp_path, part):
    answered = scan(weights, catalog, f"--part={part}", "--out", tmp_path / "look")
    assert answered.exit_code == 2
    assert "not a part such as 0/4" in answered.stderr


def test_refuses_a_layer_that_is_not_there(catalog, weights, tmp_path):
    answered = scan(weights, catalog, "--out", tmp_path / "look", "--layer", "fusoin")
    assert answered.exit_code == 1
    assert "near: fusion" in answered.stderr
    assert not (tmp_path / "look").exists()
