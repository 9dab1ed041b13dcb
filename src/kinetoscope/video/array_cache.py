"""How are arrays that took long to make kept on disk, without filling it?

Each stands in a file of its own, under a key, with a checksum. Several processes may share a
folder. What was not used for longest goes first. A file that can't be read, or not written because
the disk is full, costs only the time to make the arrays again.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kinetoscope.files import whole_file

_log = logging.getLogger(__name__)


class ArrayCache:
    """A folder of arrays, bounded in size.

    Args:
        folder: made when it is first needed.
        limit_bytes: how large it may grow; each process that writes may pass it by a sixteenth.
    """

    def __init__(self, folder: Path, limit_bytes: int):
        self.folder, self.limit_bytes = folder, limit_bytes
        self._unseen_bytes: int | None = None  # written since all files were looked at

    def read(self, key: str) -> dict[str, Tensor] | None:
        """What is kept under a key; None if there is nothing, or nothing that can be read."""
        path = self._path(key)
        try:
            with safe_open(path, "pt") as file:
                arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
                sum_ = (file.metadata() or {}).get("sum")
            os.utime(path)  # it was used now
        except (OSError, SafetensorError):
            return None
        return arrays if sum_ == _sum(arrays) else None

    def keep(self, key: str, arrays: Mapping[str, Tensor]) -> None:
        """Keep arrays under a key, and make room for them."""
        whole = {name: arrays[name].contiguous() for name in sorted(arrays)}
        try:
            with whole_file(self._path(key)) as aside:
                save_file(whole, aside, metadata={"sum": _sum(whole)})
        except (OSError, SafetensorError) as error:
            _log.warning("nothing is kept in %s: %s", self.folder, error)
        # to look at all files is slow where there are many: not after each that is written
        unseen, written = self._unseen_bytes, sum(array.nbytes for array in whole.values())
        self._unseen_bytes = None if unseen is None else unseen + written
        if self._unseen_bytes is None or self._unseen_bytes > self.limit_bytes // 16:
            self._make_room()
            self._unseen_bytes = 0

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.safetensors"

    def _make_room(self) -> None:
        files = []
        for path in self.folder.glob("*/*"):
            try:
                stat = path.stat()
            except OSError:
                continue  # another process removed it
            files.append((stat.st_mtime_ns, stat.st_size, path))
        size = sum(bytes_ for _, bytes_, _ in files)
        for _, bytes_, path in sorted(files):
            if size <= self.limit_bytes:
                return
            path.unlink(missing_ok=True)
            size -= bytes_


def cache_folder(name: str) -> Path:
    """The user's own: in KINETOSCOPE_CACHE if that is set, else where the system keeps caches."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = os.environ.get("KINETOSCOPE_CACHE") or Path(home) / "kinetoscope"
    return Path(folder) / name


def _sum(arrays: Mapping[str, Tensor]) -> str:
    """A checksum, of words of 8 bytes: a half-written or aged disk is noticed.

    It takes a tenth of the time of a cyclic one, which would be noticed in every scan.
    """
    sum_ = 0
    for array in arrays.values():
        bytes_ = array.contiguous().flatten().numpy().view(np.uint8)
        whole = len(bytes_) // 8 * 8
        words = bytes_[:whole].view(np.uint64).sum(dtype=np.uint64)
        rest = int.from_bytes(bytes_[whole:].tobytes(), "little")
        sum_ = (sum_ * 31 + int(words) + rest) % 2**64
    return f"{sum_:016x}"
