"""How is a large file looked at without taking memory for it, and what may lie around a checkpoint?

A file is mapped: what is looked at is read, and changes stay in memory. Archives that people put
around a checkpoint are opened to what is in them; a compressed one is unpacked to a file that has
no name and goes away by itself, and no further than weights can be compressed.
"""

import gzip
import io
import mmap
import tarfile
import zlib
from pathlib import Path
from tempfile import TemporaryFile

from kinetoscope.networks.files.pickled import DamagedError, UnsafeError

GZIP = b"\x1f\x8b"
TAR, TAR_PLACE = b"ustar", 257

LARGEST_GROWTH, FREE_GROWTH = 20, 2**26
"""By how much a compressed checkpoint may grow, and up to which size it may do so anyhow [bytes].
Weights are noise to a compressor: they grow by a tenth. Zeros grow a thousandfold."""

PIECE = 2**20  # [bytes]


def map_file(path: Path) -> memoryview:
    """A file's bytes, read where they are looked at; changes are not written.

    Raises:
        OSError: it can't be opened.
    """
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


def unpacked(data: memoryview) -> memoryview:
    """What is within the archives around a checkpoint, if there are any.

    Raises:
        UnsafeError: it grows more than weights do.
        DamagedError: it ends early, or holds not one file but several or none.
    """
    for _ in range(3):  # as in weights.tar.gz, and once more
        if bytes(data[:2]) == GZIP:
            data = _gunzipped(data)
        elif bytes(data[TAR_PLACE : TAR_PLACE + len(TAR)]) == TAR:
            data = _untarred(data)
        else:
            return data
    raise UnsafeError("an archive in an archive in an archive")


def _gunzipped(data: memoryview) -> memoryview:
    most = max(FREE_GROWTH, LARGEST_GROWTH * len(data))
    size = 0
    with TemporaryFile() as aside:
        try:
            with gzip.GzipFile(fileobj=Window(data)) as packed:  # pyright: ignore[reportArgumentType]
                while piece := packed.read(PIECE):
                    size += aside.write(piece)
                    if size > most:
                        raise UnsafeError(
                            f"an archive of {len(data):,} bytes that unpacks to more than {most:,}"
                        )
        except (EOFError, OSError, zlib.error) as error:
            raise DamagedError(f"a gzip archive that can't be unpacked ({error})") from error
        aside.flush()
        if size == 0:
            raise DamagedError("a gzip archive of nothing")
        return memoryview(mmap.mmap(aside.fileno(), 0, access=mmap.ACCESS_COPY))


def _untarred(data: memoryview) -> memoryview:
    try:
        with tarfile.open(fileobj=Window(data), mode="r:") as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
            files = [each for each in archive if each.isreg()]
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise DamagedError(f"a tar archive that can't be read ({error})") from error
    if len(files) != 1 or files[0].sparse:
        names = ", ".join(each.name[:80] for each in files[:4]) or "no file"
        raise DamagedError(f"a tar archive with {len(files)} files ({names}), not with one")
    begin, size = files[0].offset_data, files[0].size
    if begin + size > len(data):
        raise DamagedError("a tar archive that ends early")
    return data[begin : begin + size]


class Window:
    """Bytes as a file: no more is read, whatever is asked for, than there is."""

    def __init__(self, data: memoryview):
        self.data, self.place = data, 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: len(self.data)}[whence]
        if start + offset < 0:
            raise OSError("a place before the file")
        self.place = start + offset
        return self.place

    def tell(self) -> int:
        return self.place

    def read(self, count: int = -1) -> bytes:
        end = len(self.data) if count is None or count < 0 else self.place + count
        taken = bytes(self.data[self.place : end])
        self.place += len(taken)
        return taken

    def seekable(self) -> bool:
        return True
