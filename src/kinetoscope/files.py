"""How is a file or a folder written so that it is complete or absent?

Everything is written aside, under a name that starts with a dot, and renamed when it is whole.
A process that is killed leaves nothing that could be taken for a result.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path to write to; rename it to `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a new folder to fill; rename it to `path` when the block ends without an error.

    A folder that stands at `path` already is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    aside.mkdir()
    try:
        yield aside
        put_in_place(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def put_in_place(folder: Path, path: Path) -> None:
    """Rename a folder that is whole to `path`; one that stands there already is replaced."""
    if not path.exists():
        folder.rename(path)
        return
    old = _aside(path)
    path.rename(old)
    folder.rename(path)
    shutil.rmtree(old)


def write_text(path: Path, text: str) -> None:
    """Write a text file that is complete or absent."""
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left aside in a folder and below it.

    Call it only where no other process is writing.
    """
    for path in sorted(folder.rglob(".aside-*")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def content_key(path: Path) -> str:
    """A key of a file's content: 32 hexadecimal digits, the same wherever the file lies."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def settings_key(*settings: object) -> str:
    """A key of settings that have a faithful `repr`: 16 hexadecimal digits."""
    return hashlib.blake2b(repr(settings).encode(), digest_size=8).hexdigest()


def _aside(path: Path) -> Path:
    return path.parent / f".aside-{os.getpid()}-{uuid.uuid4().hex[:8]}-{path.name[-80:]}"
