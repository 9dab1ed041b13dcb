import errno
import logging
import os
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file

from kinetoscope.video.array_cache import ArrayCache, cache_folder


@pytest.fixture
def cache(tmp_path):
    return ArrayCache(tmp_path / "kept", limit_bytes=2**20)


def noise(seed, size=1000):
    return {"noise": torch.rand(size, generator=torch.Generator().manual_seed(seed))}


def path_of(cache, key):
    (path,) = cache.folder.glob(f"*/{key}.safetensors")
    return path


@pytest.mark.parametrize("kind", [torch.uint8, torch.float16, torch.float32, torch.float64])
def test_gives_back_what_was_kept(cache, kind):
    arrays = {
        "one": torch.arange(24).reshape(2, 3, 4).to(kind),
        "turned": torch.arange(6).reshape(2, 3).T.to(kind),
        "none": torch.zeros(0, dtype=kind),
    }
    cache.keep("aa", arrays)
    found = ArrayCache(cache.folder, 2**20).read("aa")
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == kind
        assert torch.equal(found[name], array)


def test_nothing_is_there_under_another_key(cache):
    assert cache.read("aa") is None
    cache.keep("aa", noise(0))
    assert cache.read("ab") is None


def test_a_key_may_be_kept_anew(cache):
    cache.keep("aa", noise(0))
    cache.keep("aa", noise(1))
    assert torch.equal(cache.read("aa")["noise"], noise(1)["noise"])


@pytest.mark.parametrize("place", [0, 50, -1])
def test_any_damaged_byte_is_noticed(cache, place):
    cache.keep("aa", noise(0))
    path = path_of(cache, "aa")
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))
    assert cache.read("aa") is None


def test_arrays_that_stand_in_each_others_place_are_noticed(cache):
    arrays = {"one": torch.zeros(4), "two": torch.ones(4)}
    cache.keep("aa", arrays)
    path = path_of(cache, "aa")
    cache.keep("bb", {"one": arrays["two"], "two": arrays["one"]})
    sums = [path.read_bytes().split(b'"sum":"')[1][:8] for path in (path, path_of(cache, "bb"))]
    assert sums[0] != sums[1]


def test_a_file_without_a_checksum_is_not_trusted(cache):
    cache.keep("aa", noise(0))
    path = path_of(cache, "aa")
    save_file(load_file(path), path)
    assert cache.read("aa") is None


def test_what_was_not_used_for_longest_goes_first(tmp_path):
    cache = ArrayCache(tmp_path, limit_bytes=3 * 4400)
    for second, key in enumerate(["aa", "bb", "cc"]):
        cache.keep(key, noise(second))
        os.utime(path_of(cache, key), (second, second))
    assert cache.read("aa") is not None  # used now
    cache.keep("dd", noise(3))
    assert cache.read("bb") is None
    assert all(cache.read(key) is not None for key in ("aa", "cc", "dd"))


def test_never_grows_far_beyond_its_limit(tmp_path):
    limit = 32 * 4096
    cache = ArrayCache(tmp_path, limit_bytes=limit)
    for number in range(100):
        cache.keep(f"{number:02}", noise(number))
        size = sum(path.stat().st_size for path in tmp_path.glob("*/*"))
        assert size <= limit * 17 / 16 + 4400


def test_a_full_disk_only_warns_and_leaves_nothing_half_written(cache, monkeypatch, caplog):
    def full(arrays, path, **_):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("kinetoscope.video.array_cache.save_file", full)
    with caplog.at_level(logging.WARNING):
        cache.keep("aa", noise(0))
    assert f"nothing is kept in {cache.folder}" in caplog.text
    assert not [path for path in cache.folder.rglob("*") if path.is_file()]
    assert cache.read("aa") is None


def test_a_folder_that_can_not_be_written_to_only_warns(tmp_path, caplog):
    (tmp_path / "file").write_text("no folder")
    cache = ArrayCache(tmp_path / "file" / "kept", limit_bytes=2**20)
    with caplog.at_level(logging.WARNING):
        cache.keep("aa", noise(0))
    assert "nothing is kept" in caplog.text
    assert cache.read("aa") is None


def test_several_writers_may_share_a_folder(tmp_path):
    def work(first):
        cache = ArrayCache(tmp_path, limit_bytes=8 * 4400)
        for number in range(first, first + 20):
            cache.keep(f"{number % 16:02x}", noise(number % 16))
            found = cache.read(f"{(number * 7) % 16:02x}")
            if found is not None and not torch.equal(
                found["noise"], noise((number * 7) % 16)["noise"]
            ):
                wrong.append(number)

    wrong = []
    threads = [threading.Thread(target=work, args=(first,)) for first in (0, 5, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_folder_of_the_user_is_where_the_system_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "mine"))
    assert cache_folder("clips") == tmp_path / "mine" / "clips"
    monkeypatch.delenv("KINETOSCOPE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder("clips") == tmp_path / "xdg" / "kinetoscope" / "clips"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder("clips").parts[-3:] == (".cache", "kinetoscope", "clips")
