"""In which format is a list of videos?"""

import re
from pathlib import Path
from typing import Literal, get_args

from kinetoscope.errors import CatalogError, unknown_name

Format = Literal["folder", "csv", "ucf101", "hmdb51", "kinetics"]

# Files by which a folder's format is told, and in which it may lie one folder deeper; in order.
_SIGNS: tuple[tuple[Format, str], ...] = (
    ("csv", "index.csv"),
    ("ucf101", "classInd.txt"),
    ("hmdb51", "*_test_split1.txt"),
)


def recognize(source: str | Path, root: Path | None) -> tuple[Format, Path, Path | None]:
    """The format, the file or folder in which the list lies, and that of the videos.

    The last is None where they lie where the format has them.

    Raises:
        CatalogError: the source is neither a format, a folder nor a csv; a format has no root.
    """
    for form in get_args(Format):
        if str(source) == form:
            if root is None:
                raise CatalogError(
                    f"the format {form} says nothing of where the videos are",
                    got="no root",
                    expected="the folder that holds them, as root",
                )
            return form, _csv_in(root) if form == "csv" else root, None
    path = Path(source)
    if path.is_file():
        return ("kinetics" if is_kinetics(path) else "csv"), path, root
    if not path.is_dir():
        near = unknown_name("format", str(source), get_args(Format)).hint
        raise CatalogError(
            f"there is no catalog {source}",
            got="no such file, folder or format",
            expected=f"a csv, a folder, or one of {', '.join(get_args(Format))} with a root",
            hint=near,
        )
    return *_folder_format(path), root


def split_and_fold(split: str | None, form: Format) -> tuple[str | None, int]:
    """The name of a split, and which of a data set's published divisions it belongs to.

    >>> split_and_fold("test2", "ucf101"), split_and_fold("test", "ucf101")
    (('test', 2), ('test', 1))
    >>> split_and_fold("test2", "csv")
    ('test2', 1)
    """
    found = re.fullmatch(r"(train|test)(\d+)", split or "")
    if found is None or form not in ("ucf101", "hmdb51"):
        return split, 1
    return found[1], int(found[2])


def is_kinetics(path: Path) -> bool:
    """Whether a file is a list as Kinetics publishes them, which its first line tells."""
    if path.suffix.lower() != ".csv":
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        columns = {cell.strip().strip('"') for cell in file.readline().split(",")}
    return {"youtube_id", "time_start", "time_end"} <= columns


def _folder_format(folder: Path) -> tuple[Format, Path]:
    for form, sign in _SIGNS:
        if next(folder.glob(sign), None) is not None:
            return form, folder / sign if form == "csv" else folder
    if any(is_kinetics(path) for path in folder.glob("*.csv")):
        return "kinetics", folder
    for form, sign in _SIGNS[1:]:
        if next(folder.glob(f"*/{sign}"), None) is not None:
            return form, folder
    return "folder", folder


def _csv_in(root: Path) -> Path:
    return root / "index.csv" if root.is_dir() else root
