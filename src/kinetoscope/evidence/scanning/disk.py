"""What is a user told whose disk is full in the middle of a scan?"""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kinetoscope.errors import EvidenceError

# Full; over the user's quota; larger than a file may be there.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def telling_if_full(
    part: Path, done: int, shards: int, *, spare: Path | None = None
) -> Iterator[None]:
    """Within the block, say of a full disk how much is wanted and how to go on.

    Args:
        part: where the shards lie.
        done: how many of them are there.
        shards: how many there will be.
        spare: what is of no use unless it is whole, and is removed then.

    Raises:
        EvidenceError: the disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        if spare is not None:
            shutil.rmtree(spare, ignore_errors=True)
        free = shutil.disk_usage(part).free
        raise EvidenceError(
            f"the scan has stopped: there is no room left in {part.parent}",
            got=f"{_size(free)} free, {done} of {shards} shards written ({error.strerror})",
            expected=_wanted(part, done, shards),
            hint="make room, for example by removing the folder of kept clips, and run the same "
            f"again: it goes on from the shards in {part}",
        ) from error


def _wanted(part: Path, done: int, shards: int) -> str:
    """Shards that are missing, and as much again as all take for the evidence made of them."""
    if done == 0:
        return "room for a shard"
    taken = sum(path.stat().st_size for path in part.rglob("*") if path.is_file())
    return f"about {_size(taken / done * (2 * shards - done))} free"


def _size(bytes_: int | float) -> str:
    return f"{bytes_ / 2**20:,.1f} MiB"
