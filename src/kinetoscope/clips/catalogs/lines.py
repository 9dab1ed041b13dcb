"""How is a text file of lists read, so that every line knows where it stands?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kinetoscope.errors import CatalogError

# What a folder is searched for: the endings of files that FFmpeg opens as videos.
VIDEO_ENDINGS = (
    *(".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4"),
    *(".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"),
)


@dataclass(frozen=True)
class Line:
    """A line that is not blank, and where it stands, such as `trainlist01.txt:12`."""

    text: str
    where: str


def read_text(path: Path) -> str:
    """A text file in UTF-8, with or without a byte-order mark.

    Raises:
        CatalogError: it is not there, or not text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CatalogError(
            f"{path}:{line}: not text in UTF-8",
            got=f"the byte {error.object[error.start]:#04x}",
            expected="text in UTF-8",
            hint="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise CatalogError(
            f"{path} can't be read", got=error.strerror or error, expected="a text file"
        ) from error


def read_lines(path: Path) -> list[Line]:
    """The lines of a file that are not blank, without the white space around them."""
    lines = read_text(path).splitlines()
    return [
        Line(text.strip(), f"{path.name}:{number}")
        for number, text in enumerate(lines, start=1)
        if text.strip()
    ]


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels of a file that has one a line."""
    return tuple(line.text for line in read_lines(path))


def is_video(path: Path) -> bool:
    """Whether a file's name is that of a video."""
    return path.suffix.lower() in VIDEO_ENDINGS and not path.name.startswith(".")


def folder_of_classes(places: Sequence[Path], names: Sequence[str], first_class: str) -> Path:
    """The folder in which a class has its own: of these names, in these places, or a place itself.

    The first place where there is none: whatever is opened then is said to be missing there.
    """
    candidates = [place / name for place in places for name in (*names, ".")]
    return next((each for each in candidates if (each / first_class).is_dir()), places[0])
