import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["make", *map(str, arguments)])


SMALL = ("--clips-per-label", 1, 0, 1, "--frames", 2, "--processes", 1)


def test_shapes_are_made_and_counted(tmp_path):
    found = run("shapes", "--out", tmp_path / "shapes", *SMALL)
    assert found.exit_code == 0, found.output
    assert f"{tmp_path / 'shapes'}: 16 clips of 8 labels" in found.output
    assert len(list((tmp_path / "shapes").glob("*/*.mp4"))) == 16


def test_parts_are_made_and_counted(tmp_path):
    found = run("parts", "--out", tmp_path / "parts", *SMALL)
    assert found.exit_code == 0, found.output
    assert f"{tmp_path / 'parts'}: 16 clips of 8 labels" in found.output


def test_what_was_made_before_is_left_and_what_is_else_there_is_refused(tmp_path):
    first = run("shapes", "--out", tmp_path / "shapes", *SMALL)
    again = run("shapes", "--out", tmp_path / "shapes", *SMALL)
    assert (again.exit_code, again.output) == (0, first.output)
    other = run("shapes", "--out", tmp_path / "shapes", *SMALL, "--seed", 1)
    assert other.exit_code == 1
    assert "is not overwritten" in other.output
    assert "with another seed" in other.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shapes",), "Missing option '--out'"),
        (("spheres", "--out", "x"), "No such command"),
        (("shapes", "--out", "x", "--size", 7), "7 x 7 pixels"),
        (("shapes", "--out", "x", "--clips-per-label", 0, 1, 0), "a made world has clips"),
    ],
    ids=["no folder", "no such world", "too small", "no clips"],
)
def test_what_can_not_be_made_is_refused(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert found.exit_code != 0
    assert said in found.output
    assert not list(tmp_path.iterdir())


def test_figures_without_motion_capture_say_what_to_install(tmp_path, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pybullet_data" else found(name)
    )
    answer = run("figures", "--out", tmp_path / "figures", *SMALL)
    assert answer.exit_code == 1
    assert 'pip install "kinetoscope[mocap]"' in answer.output
