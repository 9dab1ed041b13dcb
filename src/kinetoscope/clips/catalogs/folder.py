"""How are videos read that lie in a folder for each class?

As `catalog/jog/a.mp4`, or `catalog/train/jog/a.mp4`.

Labels are the folders' names, sorted. Where every folder at the top is called train, test,
validation or the like, these are the splits, and the classes lie one deeper. Videos may lie in
folders within their class's; those in no class's folder have no label. Hidden files and files that
are not videos are passed over.

Source: the layout of torchvision's DatasetFolder and of pytorchvideo's `from_directory`.
"""

from collections.abc import Iterator
from pathlib import Path

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.catalogs.lines import is_video
from kinetoscope.errors import CatalogError

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing")


def read_folder(root: Path) -> Catalog:
    """Read a folder of class folders.

    Raises:
        CatalogError: there is no video in any folder of it.
    """
    tops = _folders(root)
    split_folders = tops if tops and all(top.name.lower() in SPLITS for top in tops) else []
    parents = {top.name: top for top in split_folders} or {None: root}
    labels = {folder.name for parent in parents.values() for folder in _folders(parent)}
    entries = tuple(
        Entry(
            path=path,
            label=label,
            split=split,
            where=f"{root.name}/{path.relative_to(root).as_posix()}",
        )
        for split, parent in parents.items()
        for label, path in _videos(parent)
    )
    if not entries:
        raise CatalogError(
            f"the catalog {root} is empty",
            got=f"no video in it, nor in {len(labels)} folders of it",
            expected="a folder for each class with its videos in it, or a file index.csv",
        )
    return Catalog(name=root.name, root=root, labels=tuple(sorted(labels)), entries=entries)


def _folders(parent: Path) -> list[Path]:
    return sorted(
        path for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def _videos(parent: Path) -> Iterator[tuple[str | None, Path]]:
    """Every video below a folder, with the name of its class."""
    for path in sorted(parent.iterdir()):
        if is_video(path) and path.is_file():
            yield None, path
    for folder in _folders(parent):
        for path in sorted(folder.rglob("*")):
            if is_video(path) and path.is_file():
                yield folder.name, path
