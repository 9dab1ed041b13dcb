import os
import signal
import subprocess
import sys
import types

import click
import pytest
from click.testing import CliRunner

import kinetoscope
from kinetoscope.cli.main import VERBS, main
from kinetoscope.errors import ClipError

HEAVY = ("torch", "torchvision", "numpy", "cv2", "av", "polars", "pyarrow", "lightning_fabric")

# Runs the command line, then says which heavy modules came along.
PROBE = """
import sys
from kinetoscope.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(*sorted({heavy!r} & set(sys.modules)), file=sys.stderr)
"""

QUICK = [
    ["--help"],
    ["--version"],
    ["networks"],
    ["traim"],
    ["train", "--helf"],
    ["layers", "r3d_81"],
    *([verb, "--help"] for verb in VERBS),
]


def run(*arguments, **settings):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, **settings
    )


@pytest.mark.parametrize("arguments", QUICK, ids=" ".join)
def test_help_and_errors_of_spelling_import_nothing_heavy(arguments):
    answered = run("-c", PROBE.format(heavy=set(HEAVY)), *arguments)
    assert answered.stderr.splitlines()[-1] == "", answered.stderr
    assert "Traceback" not in answered.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["networks"], ["traim"]], ids=" ".join)
def test_answers_in_under_half_a_second(arguments):
    def seconds():
        """Of the processor: others may keep the machine busy."""
        before = os.times()
        run("-m", "kinetoscope", *arguments)
        after = os.times()
        spent = (after.children_user, after.children_system)
        return sum(spent) - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.5


def test_help_lists_every_verb_with_what_it_does():
    shown = CliRunner().invoke(main, ["--help"], terminal_width=200).output
    for verb, what in VERBS.items():
        assert f"  {verb} " in shown
        assert what in shown


def test_a_verb_that_does_not_exist_is_told_with_the_ones_that_are_near():
    told = CliRunner().invoke(main, ["traim"])
    assert told.exit_code == 1
    assert told.stdout == ""
    assert told.stderr.startswith("no verb is called traim\n  got:      traim\n")
    assert "near: train" in told.stderr


def test_version_is_the_package_s():
    assert (
        CliRunner().invoke(main, ["--version"]).output == f"kinetoscope {kinetoscope.__version__}\n"
    )


@pytest.fixture
def verb_that_raises(monkeypatch):
    """Add a verb `fail` that raises what it is given."""

    def add(error):
        def fail():
            raise error

        module = types.SimpleNamespace(command=click.command("fail")(fail))
        monkeypatch.setitem(VERBS, "fail", "Fail.")
        monkeypatch.setitem(sys.modules, "kinetoscope.cli.fail", module)

    return add


def test_an_error_of_ours_is_told_without_a_traceback(verb_that_raises):
    error = ClipError("clip from a.mp4 is empty", got="0 frames", expected="1 frame or more")
    verb_that_raises(error)
    told = CliRunner().invoke(main, ["fail"])
    assert (told.exit_code, told.stdout, told.stderr) == (1, "", f"{error}\n")


def test_an_error_that_is_a_bug_is_not_hidden(verb_that_raises):
    verb_that_raises(ZeroDivisionError("a bug"))
    assert isinstance(CliRunner().invoke(main, ["fail"]).exception, ZeroDivisionError)


def test_ctrl_c_ends_with_the_code_that_shells_expect(verb_that_raises):
    verb_that_raises(KeyboardInterrupt())
    told = CliRunner().invoke(main, ["fail"])
    assert told.exit_code == 128 + signal.SIGINT
    assert told.stderr == "\nstopped; what was finished is kept\n"


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX pipe")
def test_a_reader_that_goes_away_is_not_an_error():
    reading, writing = os.pipe()
    os.close(reading)
    told = subprocess.run(
        [sys.executable, "-m", "kinetoscope", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert told.stderr == ""


def test_importing_the_package_imports_nothing_heavy():
    found = run("-c", f"import sys, kinetoscope; print(*({set(HEAVY)!r} & set(sys.modules)))")
    assert found.stdout.strip() == ""
