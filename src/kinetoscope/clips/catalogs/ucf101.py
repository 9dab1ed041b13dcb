"""How are the lists of UCF-101 read: 101 classes, 13,320 clips, three official divisions?

    classInd.txt       1 ApplyEyeMakeup                                 numbers count from 1
    trainlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1    the class's number
    testlist01.txt     ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi      none: the folder tells

Clips whose names share a class and a gNN were cut from the same video. They are a group, and must
not be split between training and test: who divides UCF-101 at random tests on what was trained on.

Source: Soomro, Zamir and Shah, CRCV-TR-12-01, 2012, and the lists that come with it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.catalogs.lines import Line, folder_of_classes, read_lines
from kinetoscope.errors import CatalogError, unknown_name

# What people call the folder of the videos.
_FOLDERS = ("UCF-101", "UCF101", "videos")


def read_ucf101(place: Path, *, root: Path | None = None, fold: int = 1) -> Catalog:
    """Read one of the official divisions, into the splits `train` and `test`.

    Args:
        place: the folder of the lists, or one that holds it.
        root: the folder of the class folders; None to look for it in `place` and beside the lists.
        fold: which division, 1 to 3.

    Raises:
        CatalogError: a list is missing, or a line is not as it must be.
        UnknownNameError: there is no such division.
    """
    found = [*place.glob("classInd.txt"), *sorted(place.glob("*/classInd.txt"))]
    index = next(iter(found), None)
    if index is None:
        raise CatalogError(
            f"{place} has no lists of UCF-101",
            got="no classInd.txt in it, nor in a folder of it",
            expected="classInd.txt, trainlist01.txt, testlist01.txt",
        )
    numbers = _class_numbers(index)
    if root is None:
        places = (place, index.parent, index.parent.parent)
        root = folder_of_classes(places, _FOLDERS, next(iter(numbers)))
    entries = []
    for split in ("train", "test"):
        path = index.with_name(f"{split}list{fold:02d}.txt")
        if not path.exists():
            there = sorted(index.parent.glob(f"{split}list[0-9][0-9].txt"))
            known = [f"{split}{int(each.stem[-2:])}" for each in there]
            raise unknown_name("split of UCF-101", f"{split}{fold}", known)
        entries += [_entry(line, split, root, numbers) for line in read_lines(path)]
    return Catalog(
        name=f"ucf101 split {fold}", root=root, labels=tuple(numbers), entries=tuple(entries)
    )


def _class_numbers(index: Path) -> dict[str, int]:
    """Each class's number, in order."""
    numbers = {}
    for expected, line in enumerate(read_lines(index), start=1):
        match = re.fullmatch(r"(\d+)\s+(\S+)", line.text)
        if match is None or int(match[1]) != expected:
            raise CatalogError(
                f"{line.where}: not the next class",
                got=line.text,
                expected=f"{expected} and the name of the class",
            )
        numbers[match[2]] = expected
    if not numbers:
        raise CatalogError(f"{index} is empty", got="no classes", expected="a class a line")
    return numbers


def _entry(line: Line, split: str, root: Path, numbers: Mapping[str, int]) -> Entry:
    match = re.fullmatch(r"(?P<path>(?P<label>[^/]+)/\S+)(\s+(?P<number>\d+))?", line.text)
    if match is None:
        raise CatalogError(
            f"{line.where}: not a video of a class",
            got=line.text,
            expected="Class/v_Class_g01_c01.avi, and in a list for training the class's number",
        )
    label, number = match["label"], match["number"]
    if number is not None and label in numbers and int(number) != numbers[label]:
        raise CatalogError(
            f"{line.where}: the number is not that of the folder's class",
            got=number,
            expected=f"{numbers[label]}, as classInd.txt has it for {label}",
            hint="the official numbers count from 1",
        )
    path = root / match["path"]
    group = re.search(r"_g(\d+)_c\d+$", path.stem)
    return Entry(
        path=path,
        label=label,
        split=split,
        group=None if group is None else f"{label} g{group[1]}",
        where=line.where,
    )
