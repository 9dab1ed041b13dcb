"""Which videos are there, what is each one called, and which part of it is meant?

A Catalog is a list of labelled spans of videos, read from one of the published formats in
`catalogs/`. Reading it opens no video: a file that is missing or broken shows when it is opened,
or in `kinetoscope check`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from kinetoscope.errors import CatalogError, unknown_name
from kinetoscope.files import settings_key


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One labelled video, or a span of one.

    Args:
        path: the file.
        label: what happens in it; None where the list does not say.
        start_seconds: from when it is meant, in display time; None for the video's start.
        end_seconds: until when; None for the video's end.
        split: such as train or test; None where the list does not say.
        group: what must not be in two splits at once: the person, or the video it was cut from.
        where: the line it comes from, for messages.
        more: what else the list says of it.
    """

    path: Path
    label: str | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None
    split: str | None = None
    group: str | None = None
    where: str = "memory"
    more: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self):
        start, end = self.start_seconds or 0.0, self.end_seconds
        if start < 0 or (end is not None and end <= start):
            raise CatalogError(
                f"{self.where}: the span is empty",
                got=f"from {self.start_seconds} to {end} seconds",
                expected="an end after the start, and a start of 0 or more",
            )

    @property
    def span(self) -> tuple[float | None, float | None]:
        """From when until when [seconds]."""
        return self.start_seconds, self.end_seconds


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """Labelled spans of videos.

    Args:
        name: for captions and messages.
        root: the folder that paths are relative to, for the key.
        labels: every label there is, in the order of a network's scores. A label may have no
            entry in this split.
        entries: in the order of the list.
    """

    name: str
    root: Path
    labels: tuple[str, ...]
    entries: tuple[Entry, ...]

    def __post_init__(self):
        if not self.entries:
            raise CatalogError(
                f"the catalog {self.name} is empty",
                got=f"no videos in {self.root}",
                expected="one video or more",
            )
        if len(set(self.labels)) < len(self.labels):
            twice = sorted({label for label in self.labels if self.labels.count(label) > 1})
            raise CatalogError(
                f"the catalog {self.name} has labels of the same name",
                got=f"more than one {', '.join(twice[:5])}",
                expected="every label once",
            )

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in the order in which they come."""
        return tuple(dict.fromkeys(entry.split for entry in self.entries if entry.split))

    def split(self, name: str) -> "Catalog":
        """Only the entries of one split; the labels stay.

        Raises:
            UnknownNameError: there is none of this name; says which there are.
        """
        kept = tuple(entry for entry in self.entries if entry.split == name)
        if not kept:
            raise unknown_name(f"split of {self.name}", name, self.splits)
        return replace(self, entries=kept)

    def label_index(self, entry: Entry) -> int:
        """The place of an entry's label among the labels.

        Raises:
            CatalogError: it has none, or one that the catalog does not know.
        """
        found = None if entry.label is None else self._places.get(entry.label)
        if found is None:
            raise label_out_of_range(entry, self.labels)
        return found

    def relative_path(self, entry: Entry) -> str:
        """An entry's path from the root, with forward slashes: how it is named in results."""
        if entry.path.is_relative_to(self.root):
            return entry.path.relative_to(self.root).as_posix()
        return entry.path.as_posix()

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that name these entries, wherever the folder lies."""
        rows = [(self.relative_path(entry), entry.label, entry.span) for entry in self.entries]
        return settings_key(self.labels, rows)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {label: place for place, label in enumerate(self.labels)}


def label_out_of_range(entry: Entry, labels: Sequence[str]) -> CatalogError:
    """The error for an entry whose label is not among the catalog's."""
    got = "no label" if entry.label is None else entry.label
    near = unknown_name("label", got, tuple(labels))
    return CatalogError(
        f"{entry.where}: the label is not one of the catalog's {len(labels)} labels",
        got=got,
        expected=near.expected,
        hint=near.hint,
    )


def read_catalog(
    source: str | Path,
    *,
    root: str | Path | None = None,
    split: str | None = None,
    labels: str | Path | Sequence[str] | None = None,
    first_label: int | None = None,
    strict: bool = True,
) -> Catalog:
    """Read a list of videos.

    Args:
        source: a folder or a csv file, whose format is recognized by what is in it; or one of
            the formats `folder`, `csv`, `ucf101`, `hmdb51` and `kinetics`, with a root.
        root: the folder that holds the videos; None where the source holds them as well.
        split: only this split, such as `test`; of UCF-101 and HMDB51 also which of the three
            official ones, as in `test2` (`test` is `test1`).
        labels: the labels in the order of a network's scores, or a file with one a line; None
            for those that the list names itself, or for the file `labels.txt` beside a csv.
        first_label: whether a csv numbers its labels from 0 or from 1, where that can't be told.
        strict: refuse a label that is not among the labels; otherwise it is kept as it stands.

    Raises:
        CatalogError: the list can't be read, or is empty; names the file and the line.
        UnknownNameError: there is no such split.
    """
    # the formats make catalogs, so they know this module; it knows them only when it is asked
    from kinetoscope.clips.catalogs import csv_list, hmdb51, kinetics, recognize, ucf101
    from kinetoscope.clips.catalogs import folder as class_folders
    from kinetoscope.clips.catalogs.lines import read_labels

    form, place, videos = recognize.recognize(source, None if root is None else Path(root))
    names = read_labels(Path(labels)) if isinstance(labels, str | Path) else labels
    split, fold = recognize.split_and_fold(split, form)
    match form:
        case "csv":
            whole = csv_list.read_csv(place, root=videos, labels=names, first_label=first_label)
        case "kinetics":
            whole = kinetics.read_kinetics(place, root=videos)
        case "ucf101":
            whole = ucf101.read_ucf101(place, root=videos, fold=fold)
        case "hmdb51":
            whole = hmdb51.read_hmdb51(place, root=videos, fold=fold)
        case "folder":
            whole = class_folders.read_folder(place)
    whole = whole if names is None else replace(whole, labels=tuple(names))
    for entry in whole if strict else ():
        if entry.label is not None:
            whole.label_index(entry)
    return whole if split is None else whole.split(split)
