"""How is a csv read that has a video in each row: `path,label`, and what else there is to say?

Columns, in any order: `path` (from the csv's folder, or absolute) and `label` (empty where it is
not known); if they are there, `split`, `group` or `subject` (never to be in two splits at once),
`start_seconds` and `end_seconds` (or `start`, `end`). All others are kept with the entry.

A label is a name or a number. Numbers get their names from `labels.txt` beside the csv, or from
the labels that the caller gives, and count from 0 if a 0 is among them, from 1 if the number of
labels is; where neither is, the caller has to say. Without names, numbers are the names.

Without a header, two forms are known: `path,label`, and as PySlowFast and mmaction2 have it,
`path label` or `path frames label` with spaces between and a number as label.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.catalogs.lines import is_video, read_labels, read_lines, read_text
from kinetoscope.errors import CatalogError

REQUIRED = ("path", "label")
_KNOWN = ("path", "label", "split", "start", "end", "start_seconds", "end_seconds")

# Above this, numbers such as dates or identifiers are names, not places in a list of labels.
_MOST_NUMBERED = 10_000


@dataclass(frozen=True)
class Row:
    """What one line says."""

    cells: Mapping[str, str]
    where: str


def read_csv(
    path: Path,
    *,
    root: Path | None = None,
    labels: Sequence[str] | None = None,
    first_label: int | None = None,
) -> Catalog:
    """Read a csv.

    Args:
        path: the file.
        root: the folder that its paths are relative to; None for the csv's own.
        labels: the names, in order; None for `labels.txt` beside it, else those in the csv.
        first_label: the number of the first label, where labels are numbers.

    Raises:
        CatalogError: a column is missing, a line has too many or too few cells, a number is not
            one, or it can't be told whether labels count from 0 or from 1.
    """
    root = path.parent if root is None else root
    beside = path.with_name("labels.txt")
    if labels is None and beside.exists():
        labels = read_labels(beside)
    rows = _rows(path)
    given = list(dict.fromkeys(row.cells["label"] for row in rows if row.cells["label"]))
    names = _names(given, labels)
    meant = _meant(given, names, first_label, path)
    entries = tuple(_entry(row, root, meant) for row in rows)
    name = path.absolute().parent.name if path.stem == "index" else path.stem
    return Catalog(name=name, root=root, labels=names, entries=entries)


def _entry(row: Row, root: Path, meant: Mapping[str, str]) -> Entry:
    cells = row.cells
    if not cells["path"]:
        raise CatalogError(f"{row.where}: no path", got="an empty cell", expected="a path")
    return Entry(
        path=root / cells["path"],
        label=meant[cells["label"]] if cells["label"] else None,
        split=cells.get("split") or None,
        group=cells.get("group") or cells.get("subject") or None,
        start_seconds=_seconds(row, "start_seconds", "start"),
        end_seconds=_seconds(row, "end_seconds", "end"),
        where=row.where,
        more={column: cell for column, cell in cells.items() if column not in _KNOWN},
    )


def _seconds(row: Row, *columns: str) -> float | None:
    text = next((row.cells[column] for column in columns if row.cells.get(column)), None)
    if text is None:
        return None
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        raise CatalogError(
            f"{row.where}: a time is not a number", got=text, expected="seconds, such as 2.5"
        )
    return float(text)


def _names(given: Sequence[str], labels: Sequence[str] | None) -> tuple[str, ...]:
    """The labels in order: those that are known, else those that the rows give."""
    if labels is not None:
        return tuple(labels)
    if not _numbers(given):
        return tuple(sorted(given))
    last = max(map(int, given))
    if last > _MOST_NUMBERED:
        return tuple(sorted(given, key=int))
    # also those that no row has, so that the number and the place among the scores agree
    return tuple(str(number) for number in range(min(1, min(map(int, given))), last + 1))


def _meant(
    given: Sequence[str], names: Sequence[str], first_label: int | None, path: Path
) -> dict[str, str]:
    """What each label in the csv is called; one that is out of range stays as it stands."""
    known = set(names)
    if not _numbers(given) or known.issuperset(given):
        return {label: label for label in given}
    numbers = [int(label) for label in given]
    first = _first_label(numbers, len(names), path) if first_label is None else first_label
    return {
        label: names[number - first] if 0 <= number - first < len(names) else label
        for label, number in zip(given, numbers, strict=True)
    }


def _first_label(numbers: Sequence[int], count: int, path: Path) -> int:
    """Whether labels count from 0 or from 1."""
    if min(numbers) == 0:
        return 0
    if max(numbers) >= count:
        return 1
    raise CatalogError(
        f"{path} may number its labels from 0 or from 1",
        got=f"numbers from {min(numbers)} to {max(numbers)} for {count} labels",
        expected=f"a 0 or a {count} among them, which would tell",
        hint="say which is meant: first_label=0 or first_label=1 (--first-label)",
    )


def _numbers(given: Sequence[str]) -> bool:
    return bool(given) and all(re.fullmatch(r"[0-9]+", label) for label in given)


def _rows(path: Path) -> list[Row]:
    spaced = _spaced_rows(path)
    if spaced is not None:
        return spaced
    text = read_text(path)
    first = text.split("\n", 1)[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if "\t" in first and "," not in first else ","
    )
    rows, columns = [], None
    try:
        for cells in reader:
            where = f"{path.name}:{reader.line_num}"
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if columns is None:
                columns, is_header = _columns(stripped, path, reader.line_num)
                if is_header:
                    continue
            rows.append(_row(stripped, columns, where))
    except csv.Error as error:
        raise CatalogError(
            f"{path}:{reader.line_num}: not a line of a csv", got=error, expected="cells and commas"
        ) from error
    return rows


def _columns(cells: Sequence[str], path: Path, line: int) -> tuple[list[str], bool]:
    """The names of the columns, and whether the first line is where they stand."""
    lowered = [cell.lower() for cell in cells]
    if "path" not in lowered and len(cells) == 2 and is_video(Path(cells[0])):
        return list(REQUIRED), False
    missing = [column for column in REQUIRED if column not in lowered]
    if missing or len(set(lowered)) < len(lowered):
        raise CatalogError(
            f"{path}:{line}: "
            + (
                f"no column {' and no column '.join(missing)}"
                if missing
                else "a column comes twice"
            ),
            got=f"the columns {', '.join(cells)}",
            expected="path, label, and if wanted split, subject, start_seconds, end_seconds",
        )
    return lowered, True


def _row(cells: Sequence[str], columns: Sequence[str], where: str) -> Row:
    if len(cells) != len(columns):
        raise CatalogError(
            f"{where}: not as many cells as columns",
            got=f"{len(cells)} cells: {', '.join(cells)[:200]}",
            expected=f"{len(columns)} cells: {', '.join(columns)}",
            hint='a comma within a name needs quotes around it: "a, b.mp4",jog',
        )
    return Row(dict(zip(columns, cells, strict=True)), where)


def _spaced_rows(path: Path) -> list[Row] | None:
    """The rows of a list with spaces for commas, or None where it is not clearly one."""
    lines = read_lines(path)
    for form in (r"(?P<path>\S+)\s+\d+\s+(?P<label>\d+)", r"(?P<path>[^,\t]+)\s+(?P<label>\d+)"):
        if not lines or re.fullmatch(form, lines[0].text) is None:
            continue
        found = [re.fullmatch(form, line.text) for line in lines]
        rows = [
            Row(match.groupdict(), line.where)
            for match, line in zip(found, lines, strict=True)
            if match is not None
        ]
        if len(rows) == len(lines):
            return rows
    return None
