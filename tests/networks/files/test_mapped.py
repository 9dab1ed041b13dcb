import gzip
import io
import tarfile

import pytest

from kinetoscope.networks.files.mapped import Window, map_file, unpacked
from kinetoscope.networks.files.pickled import DamagedError, UnsafeError


def test_changes_of_what_is_mapped_stay_in_memory(tmp_path):
    (tmp_path / "f").write_bytes(b"kept")
    data = map_file(tmp_path / "f")
    data[0:1] = b"K"
    assert bytes(data) == b"Kept"
    assert (tmp_path / "f").read_bytes() == b"kept"
    (tmp_path / "empty").write_bytes(b"")
    assert len(map_file(tmp_path / "empty")) == 0


def test_what_is_in_no_archive_is_the_same_object():
    data = memoryview(b"not packed")
    assert unpacked(data) is data


@pytest.mark.parametrize("size", [1, 2**20, 2**20 + 1])
def test_what_is_packed_comes_back(size):
    content = bytes(range(256)) * (size // 256 + 1)
    assert bytes(unpacked(memoryview(gzip.compress(content)))) == content


def test_refuses_what_grows_more_than_weights_do():
    packed = memoryview(gzip.compress(bytes(70 * 2**20), 1))
    with pytest.raises(UnsafeError, match="unpacks to more than 67,108,864"):
        unpacked(packed)


def test_refuses_a_tar_that_ends_early():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("w")
        member.size = 100_000
        archive.addfile(member, io.BytesIO(bytes(100_000)))
    with pytest.raises(DamagedError, match="unexpected end of data"):
        unpacked(memoryview(out.getvalue()[:2048]))


def test_a_window_reads_no_more_than_there_is():
    window = Window(memoryview(b"abcdef"))
    assert window.read(2) == b"ab"
    assert window.read(10**15) == b"cdef"
    assert window.read() == b""
    assert window.seek(-2, io.SEEK_END) == 4
    assert window.read(-1) == b"ef"
    with pytest.raises(OSError, match="before the file"):
        window.seek(-1)
