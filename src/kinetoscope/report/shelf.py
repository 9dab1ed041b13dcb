"""How do a report's files come to stand beside a page that may be open already?

Every file has its content in its name, so a page never finds another file under an address it
knows. The page itself is written last; then what it no longer speaks of is removed. Whoever is
killed on the way leaves the page that was there, whole.
"""

import hashlib
import math
import re
from pathlib import Path
from typing import TypedDict

import numpy as np
from einops import rearrange
from PIL import Image

from kinetoscope.files import whole_file, write_text
from kinetoscope.report.heat import Painted
from kinetoscope.tensors import Picture
from kinetoscope.video.encode import write_strip

FOLDERS = ("data", "media", "viewer")
_LOSSLESS = 100  # effort, where every pixel is kept as it is
_OWN = re.compile(r".+\.[0-9a-f]{12}\.(js|webp|csv)")


class Track(TypedDict):
    """Frames side by side in one picture, row by row, as the viewer's player takes them."""

    src: str
    count: int
    columns: int
    width: int
    height: int


class Shelf:
    """The files of one report. Addresses are relative to its page.

    Args:
        folder: where the page stands.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._kept: set[Path] = set()

    def text(self, name: str, text: str) -> str:
        """Keep a text, such as "data/clips.js"; gives its address."""
        path = self._place(name, text.encode("utf-8"))
        if not path.exists():
            write_text(path, text)
        return self._address(path)

    def strip(self, name: str, pictures: Picture, *, quality: int = 82) -> Track:
        """Keep frames as one strip, such as "fusion-17.frames"; gives what the player needs."""
        path, track = self._track(name, pictures, quality)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_strip(path, pictures, columns=track["columns"], quality=quality)
        return track

    def mask(self, name: str, grey: Picture) -> Track:
        """Keep grey pictures as a strip that lets through what lies under it: white all of it."""
        path, track = self._track(name, grey, _LOSSLESS)
        if not path.exists():
            _write_mask(path, grey[..., 0].numpy(), track["columns"])
        return track

    def painted(self, name: str, pictures: Painted) -> Track:
        """Keep colours with their opacity as a strip that is laid over another one."""
        path, track = self._track(name, pictures, _LOSSLESS)
        if not path.exists():
            _write_painted(path, pictures.numpy(), track["columns"])
        return track

    def remove_others(self) -> None:
        """Remove what this report no longer speaks of; files that no report wrote are left."""
        for folder in FOLDERS:
            for path in (self.folder / folder).glob("*"):
                if path not in self._kept and _OWN.fullmatch(path.name):
                    path.unlink()

    def _track(self, name: str, pictures: Picture | Painted, quality: int) -> tuple[Path, Track]:
        count, height, width, _ = pictures.shape
        columns = _columns(count, height, width)
        settings = f"{tuple(pictures.shape)} {columns} {quality}".encode()
        path = self._place(f"media/{name}.webp", settings + pictures.contiguous().numpy().tobytes())
        address = self._address(path)
        return path, Track(src=address, count=count, columns=columns, width=width, height=height)

    def _place(self, name: str, content: bytes) -> Path:
        """Where a file of this content stands. It is not written again where it is there."""
        plain = self.folder / name
        path = plain.with_name(f"{plain.stem}.{_digest(content)}{plain.suffix}")
        self._kept.add(path)
        return path

    def _address(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()


def _write_mask(path: Path, levels: np.ndarray, columns: int) -> None:
    """Write `time height width` as the opacity of black pictures, row by row."""
    black = np.zeros((*levels.shape, 3), np.uint8)
    _write_painted(path, np.concatenate([black, levels[..., None]], axis=-1), columns)


def _write_painted(path: Path, cells: np.ndarray, columns: int) -> None:
    """Write `time height width rgba`, row by row, every pixel as it is."""
    rows = math.ceil(len(cells) / columns)
    missing = rows * columns - len(cells)
    cells = np.concatenate([cells, np.zeros((missing, *cells.shape[1:]), np.uint8)])
    grid = rearrange(
        cells, "(row column) height width rgba -> (row height) (column width) rgba", row=rows
    )
    picture = Image.fromarray(np.ascontiguousarray(grid))
    with whole_file(path) as aside:
        picture.save(aside, format="WEBP", lossless=True, quality=_LOSSLESS, exact=True, method=4)


def _columns(count: int, height: int, width: int) -> int:
    """As many as make the picture about square: browsers limit how long one side may be."""
    return max(1, min(count, round((count * height / width) ** 0.5)))
