import errno
import os
from pathlib import Path

import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.scanning.disk import telling_if_full


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_says_how_much_room_is_wanted_and_how_to_go_on(tmp_path, number):
    part = tmp_path / ".part-scan"
    part.mkdir()
    (part / "shard").write_bytes(bytes(2**20))
    with (
        pytest.raises(EvidenceError) as told,
        telling_if_full(part, done=1, shards=4),
    ):
        raise OSError(number, os.strerror(number))
    text = str(told.value)
    assert str(tmp_path) in text
    assert "1 of 4 shards" in text
    assert "about 7.0 MiB free" in text  # three more shards, and the evidence that is made of four
    assert "it goes on from the shards" in text


def test_what_is_of_no_use_unless_it_is_whole_is_removed(tmp_path):
    spare = tmp_path / "whole"
    spare.mkdir()
    with (
        pytest.raises(EvidenceError),
        telling_if_full(tmp_path, done=0, shards=1, spare=spare),
    ):
        raise OSError(errno.ENOSPC, "full")
    assert not spare.exists()


def test_other_errors_pass():
    with pytest.raises(PermissionError), telling_if_full(Path(), done=0, shards=1):
        raise PermissionError(errno.EACCES, "not yours")
