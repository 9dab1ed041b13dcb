import hashlib
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.files import (
    content_key,
    remove_leftovers,
    settings_key,
    whole_file,
    whole_folder,
    write_text,
)


class PlannedError(Exception):
    """What the tests let go wrong."""


def fail(writing):
    """Write half of something, and fail."""
    with writing as aside:
        (aside / "half.txt" if aside.is_dir() else aside).write_text("half")
        raise PlannedError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path):
    with whole_file(tmp_path / "new" / "a.txt") as aside:
        aside.write_text("half")
        assert not (tmp_path / "new" / "a.txt").exists()
    assert names(tmp_path / "new") == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text() == "half"


def test_a_file_that_fails_leaves_what_was_there(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(PlannedError):
        fail(whole_file(tmp_path / "a.txt"))
    assert names(tmp_path) == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_appears_when_it_is_whole_and_replaces_the_old_one(tmp_path):
    for text in ("old", "new"):
        with whole_folder(tmp_path / "kept") as aside:
            (aside / f"{text}.txt").write_text(text)
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["new.txt"]


def test_a_folder_that_fails_leaves_what_was_there(tmp_path):
    with whole_folder(tmp_path / "kept") as aside:
        (aside / "old.txt").write_text("old")
    with pytest.raises(PlannedError):
        fail(whole_folder(tmp_path / "kept"))
    assert names(tmp_path) == ["kept"]
    assert names(tmp_path / "kept") == ["old.txt"]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("kind", ["whole_file", "whole_folder"])
def test_a_process_that_is_killed_leaves_nothing_that_looks_like_a_result(tmp_path, kind):
    program = f"""
import os, signal, sys
from pathlib import Path
from kinetoscope.files import {kind}
with {kind}(Path(sys.argv[1]) / "result") as aside:
    (aside / "part" if aside.is_dir() else aside).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [name[0] for name in names(tmp_path)] == ["."]
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_removing_leftovers_keeps_everything_else(tmp_path):
    write_text(tmp_path / "below" / "a.txt", "kept")
    write_text(tmp_path / "below" / ".hidden", "kept")
    (tmp_path / "below" / ".aside-1-2-b.txt").write_text("left")
    remove_leftovers(tmp_path)
    assert names(tmp_path / "below") == [".hidden", "a.txt"]


def test_a_very_long_name_can_be_written(tmp_path):
    write_text(tmp_path / ("é" * 120), "kept")
    assert names(tmp_path) == ["é" * 120]


@given(st.binary())
def test_a_content_key_is_of_the_bytes_alone(tmp_path_factory, content):
    one, other = (tmp_path_factory.mktemp("a") / name for name in ("one", "other"))
    one.write_bytes(content)
    other.write_bytes(content)
    assert content_key(one) == content_key(other)
    assert content_key(one) == hashlib.blake2b(content, digest_size=16).hexdigest()


def test_settings_that_differ_have_keys_that_differ():
    keys = {
        settings_key(1),
        settings_key("1"),
        settings_key(1.0),
        settings_key(1, 1),
        settings_key(),
    }
    assert len(keys) == 5
    assert all(len(key) == 16 for key in keys)
