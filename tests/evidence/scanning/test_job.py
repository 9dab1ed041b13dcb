import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.scan import scan
from kinetoscope.evidence.scanning.job import beside
from kinetoscope.networks.network import Network
from tests.evidence.boxes import SPEC, Brightness


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*"))}


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# What is written, and what is kept meanwhile


def test_shards_of_another_question_are_not_gone_on_with(network, catalog, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done, _):
        if done >= 4:
            raise StoppedError

    folder, done = tmp_path / "scan", []
    with pytest.raises(StoppedError):
        scan(network, catalog, folder, clips_per_shard=2, batch=1, workers=1, progress=stop)
    assert len(list((beside(folder) / "shards").iterdir())) == 2
    other = replace(catalog, entries=catalog.entries[1:])
    scan(network, other, folder, clips_per_shard=2, progress=lambda *told: done.append(told))
    assert done[0] == (0, 6)
    assert not beside(folder).exists()


def test_what_a_killed_process_left_half_written_is_removed(network, catalog, tmp_path):
    folder = tmp_path / "scan"
    whole = scan(network, catalog, tmp_path / "other", clips_per_shard=3)

    def stop(done, _):
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(network, catalog, folder, clips_per_shard=3, workers=1, progress=stop)
    half = beside(folder) / "shards" / ".aside-1-abc-00002"
    half.mkdir()
    (half / "answers.safetensors").write_bytes(b"half")
    (beside(folder) / "whole").mkdir()
    (beside(folder) / "whole" / "clips.parquet").write_bytes(b"half")
    again = scan(network, catalog, folder, clips_per_shard=3, workers=1)
    assert files(again.folder) == files(whole.folder)


def test_rows_of_clips_are_written_in_groups_of_as_many(network, catalog, tmp_path, monkeypatch):
    monkeypatch.setattr("kinetoscope.evidence.scanning.job._CLIPS_PER_GROUP", 2)
    found = scan(network, catalog, tmp_path / "scan", clips_per_shard=3)
    assert found.clips["clip"].to_list() == list(range(7))


# A disk that is full

FULL = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from kinetoscope.errors import EvidenceError
from tests.evidence.scanning.test_job import files, scan_of_many

disk, listed, whole = map(Path, sys.argv[2:])
for room in ("100k", "1m"):
    subprocess.run(["mount", "-o", f"remount,size={room}", disk], check=True)
    try:
        scan_of_many(listed, disk / "scan")
        raise SystemExit(f"{room} were enough")
    except EvidenceError as error:
        print(error)
    assert not (disk / "scan").exists()
subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
scan_of_many(listed, disk / "scan")
assert files(disk / "scan") == files(whole)
"""


def test_a_disk_that_is_full_at_the_very_end_costs_no_video(
    network, catalog, tmp_path, monkeypatch
):
    def full(folder, *_):
        folder.mkdir()
        (folder / "clips.parquet").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder, done = tmp_path / "scan", []
    with monkeypatch.context() as patch:
        patch.setattr("kinetoscope.evidence.scanning.job.write_scan", full)
        with pytest.raises(EvidenceError, match="3 of 3 shards written"):
            scan(network, catalog, folder, clips_per_shard=3)
    assert sorted(path.name for path in beside(folder).iterdir()) == ["question.json", "shards"]
    found = scan(
        network, catalog, folder, clips_per_shard=3, progress=lambda *told: done.append(told)
    )
    assert done == [(7, 7)]
    assert len(found.clips) == 7


class Wide(nn.Module):
    """Many units without places."""

    def __init__(self):
        super().__init__()
        self.units = nn.Linear(3, 2000)

    def forward(self, frames):
        return self.units(frames.mean(dim=(2, 3, 4)))[:, :2]


def scan_of_many(listed, folder):
    torch.manual_seed(0)
    wide = Network(Wide(), labels=["a", "b"], expects=SPEC, name="wide", layers=["units"])
    videos = read_catalog(listed)
    videos = replace(videos, entries=videos.entries * 5)
    return scan(wide, videos, Path(folder), clips_per_shard=4, batch=2, workers=1)


@pytest.mark.slow
def test_a_full_disk_stops_the_scan_and_it_goes_on_when_there_is_room(catalog, tmp_path):
    disk, listed = tmp_path / "disk", tmp_path / "index.csv"
    disk.mkdir()
    rows = [f'"{entry.path}",{entry.label}' for entry in catalog]
    listed.write_text("\n".join(["path,label", *rows]) + "\n", encoding="utf-8")
    scan_of_many(listed, tmp_path / "whole")
    (tmp_path / "full.py").write_text(FULL)
    root = Path(__file__).parents[3]
    mount = 'mount -t tmpfs none "$3" && exec "$0" "$@"'
    given = [tmp_path / "full.py", root, disk, listed, tmp_path / "whole"]
    if shutil.which("unshare") is None or not _may_mount(disk):
        pytest.skip("a small disk can't be mounted here")
    command = ["unshare", "-rm", "sh", "-c", mount, sys.executable, *given]
    answered = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.count("the scan has stopped: there is no room left") == 2
    assert "0 of 9 shards written" in answered.stdout
    assert "it goes on from the shards in" in answered.stdout


def _may_mount(folder):
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", folder]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


# Ray


class Mortal(Brightness):
    """Kills its process at the one clip that is darkest, once: a file says which process not."""

    def __init__(self, marker):
        super().__init__()
        self.marker = str(marker)

    def forward(self, frames):
        marker = Path(self.marker)
        mine = not marker.exists() or marker.read_text() == str(os.getpid())
        if not mine and (frames.amax(dim=(1, 2, 3, 4)) < 0.62).any():
            marker.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(frames)


def mortal(marker):
    return Network(
        Mortal(marker), labels=["light", "dark"], expects=SPEC, name="mortal", layers=["relu"]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("cluster", "one_thread")
def test_a_cluster_writes_the_same_files_even_if_a_worker_is_killed_in_the_middle(
    catalog, tmp_path
):
    entries = [*catalog.entries[1:] * 20, catalog.entries[0], *catalog.entries[1:] * 20]
    many = replace(catalog, entries=tuple(entries))
    marker = tmp_path / "marker"
    here = scan(mortal(marker), many, tmp_path / "here")
    marker.write_text(str(os.getpid()))
    there = scan(mortal(marker), many, tmp_path / "there", engine="ray", workers=2)
    assert not marker.exists()  # it was killed
    assert files(there.folder) == files(here.folder)
