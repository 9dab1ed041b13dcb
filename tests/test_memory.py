import os
import platform
import resource
import subprocess
import sys

import pytest

from kinetoscope.memory import keep_memory

# Takes and frees blocks of 8 MiB as a training step does, and counts the pages that were cleared.
PROBE = """
import resource, sys
import numpy as np
from kinetoscope.memory import keep_memory

kept = sys.argv[1] == "keep" and keep_memory()
for step in range(22):
    if step == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [np.ones(2**20) for _ in range(4)]
    del blocks
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the GNU C library")


def probed(word, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    answered = subprocess.run(
        [sys.executable, "-c", PROBE, word],
        capture_output=True,
        text=True,
        check=True,
        env={**clean, **environment},
    )
    kept, faults = answered.stdout.split()
    return kept == "True", int(faults)


@glibc
@pytest.mark.slow
def test_memory_that_is_kept_is_not_cleared_again():
    pages = 8 * 2**20 // resource.getpagesize()
    assert probed("leave")[1] > 15 * pages
    kept, faults = probed("keep")
    assert kept
    assert faults < pages


def test_what_the_user_has_said_stays(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert not keep_memory()
