import os
import platform
import resource
import subprocess
import sys

import pytest

from kinetoscope.memory import keep_memory

# Takes and frees blocks as a training step does, in this thread or in others that are begun after
# libraries were imported, and counts the pages that were cleared.
PROBE = """
import resource, sys, threading
import numpy as np
from kinetoscope.memory import keep_memory

kept = sys.argv[1] == "keep" and keep_memory()
threads, size = (int(number) for number in sys.argv[2:])
cleared = []

def work():
    for step in range(22):
        if step == 2:
            before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        blocks = [np.ones(size) for _ in range(12)]
        del blocks
    cleared.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)

others = [threading.Thread(target=work) for _ in range(threads)]
for other in others:
    other.start()
for other in others:
    other.join()
if not others:
    work()
print(kept, max(cleared))
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the GNU C library")


def probed(word, *, threads=0, size=2**20, **environment):
    clean = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    answered = subprocess.run(
        [sys.executable, "-c", PROBE, word, str(threads), str(size)],
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


@glibc
@pytest.mark.slow
def test_memory_of_other_threads_is_not_cleared_again_either():
    pages = 16 * 2**20 // resource.getpagesize()
    kept, faults = probed("keep", threads=2, size=2**21)
    assert kept
    assert faults < 4 * pages


def test_what_the_user_has_said_stays(monkeypatch):
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    assert not keep_memory()
