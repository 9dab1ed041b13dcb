"""How are the lists of HMDB51 read: 51 classes, 6,766 clips, three official divisions?

    brush_hair_test_split1.txt     April_09_brush_hair_u_nm_np1_ba_goo_0.avi 1

1 is for training, 2 for test, and 0 for neither, so that every class has 70 and 30. A clip's name
is its source's, then the class, then what the camera does: clips of one source and class are a
group.

Source: Kuehne, Jhuang, Garrote, Poggio and Serre, "HMDB", ICCV 2011, section 3, and its lists.
"""

import re
from pathlib import Path

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.catalogs.lines import Line, folder_of_classes, read_lines
from kinetoscope.errors import CatalogError, unknown_name

_SPLITS = {"1": "train", "2": "test"}

# What people call the folder of the videos.
_FOLDERS = ("hmdb51_org", "HMDB51", "hmdb51", "videos")


def read_hmdb51(place: Path, *, root: Path | None = None, fold: int = 1) -> Catalog:
    """Read one of the official divisions, into the splits `train` and `test`.

    Args:
        place: the folder of the lists, or one that holds it.
        root: the folder of the class folders; None to look for it in `place` and beside the lists.
        fold: which division, 1 to 3.

    Raises:
        CatalogError: there are no lists, or a line is not as it must be.
        UnknownNameError: there is no such division.
    """
    lists = sorted([*place.glob("*_test_split*.txt"), *place.glob("*/*_test_split*.txt")])
    if not lists:
        raise CatalogError(
            f"{place} has no lists of HMDB51",
            got="no file *_test_split1.txt in it, nor in a folder of it",
            expected="a file such as brush_hair_test_split1.txt for each class",
        )
    chosen = {_label(path): path for path in lists if _fold(path) == str(fold)}
    if not chosen:
        known = sorted({f"test{_fold(path)}" for path in lists})
        raise unknown_name("split of HMDB51", f"test{fold}", known)
    if root is None:
        places = (place, lists[0].parent, lists[0].parent.parent)
        root = folder_of_classes(places, _FOLDERS, min(chosen))
    entries = tuple(
        entry
        for label, path in sorted(chosen.items())
        for line in read_lines(path)
        if (entry := _entry(line, label, root)) is not None
    )
    return Catalog(
        name=f"hmdb51 split {fold}", root=root, labels=tuple(sorted(chosen)), entries=entries
    )


def _entry(line: Line, label: str, root: Path) -> Entry | None:
    """The line's entry, or None where the clip is in neither split."""
    match = re.fullmatch(r"(\S.*?)\s+([012])", line.text)
    if match is None:
        raise CatalogError(
            f"{line.where}: not a video and its split",
            got=line.text,
            expected="a file's name and 0, 1 or 2 (neither, training, test)",
        )
    if match[2] == "0":
        return None
    source, found, _ = match[1].partition(f"_{label}_")
    return Entry(
        path=root / label / match[1],
        label=label,
        split=_SPLITS[match[2]],
        group=f"{label} {source}" if found else None,
        where=line.where,
    )


def _label(path: Path) -> str:
    return path.stem.rpartition("_test_split")[0]


def _fold(path: Path) -> str:
    return path.stem.rpartition("_test_split")[2]
