import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs sh")

TOO_OLD = '[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n'
WITHOUT_VENV = """\
[ "$1" = --version ] && echo Python 3.11.2 && exit 0
case "$2" in *ensurepip*) exit 1;; esac
exit 0
"""


def set_up(folder, **settings):
    """Run the set-up in an empty folder."""
    return subprocess.run(
        ["sh", str(ROOT / "scripts" / "environment.sh"), ".venv", "requirements.txt"],
        env={"PATH": os.environ["PATH"], "NEEDED_GB": "0", **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def message(what, got, expected, hint):
    return f"{what}\n  got:      {got}\n  expected: {expected}\n  hint:     {hint}\n"


@pytest.fixture
def python(tmp_path):
    """Put a program in Python's place."""

    def write(program):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{program}")
        path.chmod(0o755)
        return str(path)

    return write


def test_refuses_a_python_that_is_too_old(tmp_path, python):
    told = set_up(tmp_path, PYTHON=python(TOO_OLD))
    assert told.returncode == 1
    assert told.stderr == message(
        "Kinetoscope needs a newer Python",
        "Python 3.9.2",
        "Python 3.11 or newer",
        "install it, or say where it is: make demo PYTHON=/path/to/python3.11",
    )
    assert not (tmp_path / ".venv").exists()


def test_refuses_a_python_that_is_not_there(tmp_path):
    assert "got:      no /nowhere/python\n" in set_up(tmp_path, PYTHON="/nowhere/python").stderr


def test_refuses_a_python_without_the_module_venv(tmp_path, python):
    told = set_up(tmp_path, PYTHON=python(WITHOUT_VENV))
    assert told.returncode == 1
    assert told.stderr == message(
        "Python's module venv is missing",
        "Python 3.11.2 without venv or ensurepip",
        "a Python that can make virtual environments",
        "on Debian and Ubuntu: apt-get install python3-venv",
    )


def test_refuses_a_disk_that_is_too_full(tmp_path):
    told = set_up(tmp_path, NEEDED_GB="9999999")
    assert told.returncode == 1
    assert told.stderr.startswith("the disk is too full for the packages\n  got:      ")
    assert "expected: 9999999 GB\n" in told.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line[0] not in "#-"]
    assert lines
    assert all("==" in line for line in lines)
