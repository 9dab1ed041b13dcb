"""How is the same work done for many items on this machine?

A few threads take the items in turn. Answers come back in the items' order, and an item whose work
fails comes back with its error, so that the rest go on. Each thread does all of an item's work,
decoding as well as the network: on few cores this beats decoding beside a network that has all of
them, because a convolution is most efficient on one thread.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Generic, TypeVar

import torch

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Done(Generic[Item, Answer]):
    """An item, and what came of it.

    Args:
        item: what was worked on.
        answer: what the work gave; None where it failed.
        error: why it failed.
    """

    item: Item
    answer: Answer | None = None
    error: Exception | None = None


def map_here(
    work: Callable[[Item], Answer],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    ahead: int | None = None,
) -> Iterator[Done[Item, Answer]]:
    """Do the same work for every item, and give what came of each in the items' order.

    Args:
        work: may be called from several threads at once.
        items: taken one by one, and not before there is room for what comes of them.
        workers: how many threads; one for each core if not given. With more than one, PyTorch uses
            one core in each; a single one is the caller's own, which an interruption ends at once.
        ahead: how many items may be under way or waiting to be taken; twice the threads if not
            given.
    """
    workers = workers or usable_cores()
    if workers == 1:
        yield from (_done(item, partial(work, item)) for item in items)
        return
    waiting: deque[tuple[Item, Future[Answer]]] = deque()
    rest = iter(items)
    with _one_core_each(workers), ThreadPoolExecutor(max_workers=workers) as threads:
        try:
            while True:
                for item in islice(rest, (ahead or 2 * workers) - len(waiting)):
                    waiting.append((item, threads.submit(work, item)))
                if not waiting:
                    return
                item, under_way = waiting.popleft()
                yield _done(item, under_way.result)
        finally:  # also where the caller stops asking
            for _, under_way in waiting:
                under_way.cancel()


def usable_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _done(item: Item, answer: Callable[[], Answer]) -> Done[Item, Answer]:
    try:
        return Done(item, answer())
    except Exception as error:
        return Done(item, error=error)


@contextmanager
def _one_core_each(workers: int) -> Iterator[None]:
    """Threads that are started meanwhile run PyTorch on one core."""
    before = torch.get_num_threads()
    if workers > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
