"""How are the lists of Kinetics read: ten seconds of each of several 100,000 web videos?

    label,youtube_id,time_start,time_end,split
    testifying,---QUuC4vJs,84,94,validate

The files are those that the usual downloaders write: `<id>_000084_000094.mp4`, cut already, or
`<id>.mp4`, the whole video, of which the entry then is the span; in the root or in folders of it.
The lists for test have no labels. Many videos are gone by now: an entry whose file is missing
stays in the catalog, and `kinetoscope check` lists it.

Source: Kay et al., "The Kinetics Human Action Video Dataset", arXiv 1705.06950, and its lists.
"""

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.catalogs.lines import is_video, read_text
from kinetoscope.clips.catalogs.recognize import is_kinetics
from kinetoscope.errors import CatalogError


def read_kinetics(place: Path, *, root: Path | None = None) -> Catalog:
    """Read one official list, or all that lie in a folder.

    Args:
        place: a csv, or a folder with some.
        root: the folder of the videos, searched once, with all its folders; None for the place's.

    Raises:
        CatalogError: there is no list, or a line is not as it must be.
    """
    lists = [place] if place.is_file() else sorted(filter(is_kinetics, place.glob("*.csv")))
    if not lists:
        raise CatalogError(
            f"{place} has no lists of Kinetics",
            got="no csv with a column youtube_id",
            expected="a csv with label, youtube_id, time_start, time_end and split",
        )
    root = (place.parent if place.is_file() else place) if root is None else root
    files = _files(root)
    entries = tuple(entry for path in lists for entry in _entries(path, root, files))
    labels = sorted({entry.label for entry in entries if entry.label is not None})
    name = place.stem if place.is_file() else place.absolute().name
    return Catalog(name=name, root=root, labels=tuple(labels), entries=entries)


def _entries(path: Path, root: Path, files: Mapping[str, Path]) -> list[Entry]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""))
    missing = {"youtube_id", "time_start", "time_end"} - set(reader.fieldnames or ())
    if missing:
        raise CatalogError(
            f"{path}:1: no column {', '.join(sorted(missing))}",
            got=f"the columns {', '.join(reader.fieldnames or ())}",
            expected="label, youtube_id, time_start, time_end, split",
        )
    return [
        _entry(row, f"{path.name}:{reader.line_num}", root, files) for row in reader if any(row)
    ]


def _entry(
    row: Mapping[str, str | None], where: str, root: Path, files: Mapping[str, Path]
) -> Entry:
    identifier = row["youtube_id"] or ""
    try:
        start, end = (int(float(row[column] or "")) for column in ("time_start", "time_end"))
    except ValueError as error:
        raise CatalogError(
            f"{where}: a time is not a number",
            got=f"{row['time_start']} and {row['time_end']}",
            expected="time_start and time_end in seconds",
        ) from error
    cut = f"{identifier}_{start:06d}_{end:06d}"
    uncut = files.get(identifier) if cut not in files else None
    return Entry(
        path=uncut or files.get(cut) or root / f"{cut}.mp4",
        label=row.get("label") or None,
        start_seconds=None if uncut is None else float(start),
        end_seconds=None if uncut is None else float(end),
        split=row.get("split") or None,
        group=identifier,
        where=where,
        more={"youtube_id": identifier},
    )


def _files(root: Path) -> dict[str, Path]:
    """Every video below a folder, by its name without ending. One walk: asking for each alone is
    slow for hundreds of thousands.
    """
    return {
        path.stem: path
        for folder, _, names in os.walk(root)
        for path in (Path(folder, name) for name in sorted(names))
        if is_video(path)
    }
