"""Why is memory not given back after every step, and how is it kept?

The C library of Linux takes each large block from the system anew, and gives it back when it is
freed. A training step on a processor takes and frees hundreds of blocks of some megabytes, and
the system clears each page before it is used. Measured on a small two-stream network: 42,000
page faults and 30 % of the time of every step. Blocks that are kept are used again as they are.
"""

import ctypes
import os
import platform

# Of malloc.h: up to which size a block comes from memory that is kept, and how much of it may lie
# unused before it is given back.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_BLOCK_BYTES, _UNUSED_BYTES = 2**30, 2**31 - 1


def keep_memory() -> bool:
    """Keep freed memory for what comes next, for the rest of this process.

    Call it before work that repeats itself on a processor. It changes no result. What the user
    has said by the environment (`MALLOC_...`, another allocator by `LD_PRELOAD`) stays.

    Returns:
        Whether anything was changed: only the GNU C library needs it.
    """
    said = any(name.startswith("MALLOC_") or name == "LD_PRELOAD" for name in os.environ)
    if said or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(
        mallopt(which, limit) == 1
        for which, limit in (
            (_MMAP_THRESHOLD, _BLOCK_BYTES),
            (_TRIM_THRESHOLD, _UNUSED_BYTES),
        )
    )
