"""How is the same work done for many items on a cluster?

As on this machine, but by workers of Ray, each a process of its own with cores of its own. The
work, and with it the network, travels once; after that only items and answers do. A cluster that
this process is in is used, then the one that the environment names in `RAY_ADDRESS`; where there
is neither, Ray is started on this machine and ended afterwards.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch

from kinetoscope.engines.here import Answer, Done, Item
from kinetoscope.errors import MissingPackageError
from kinetoscope.memory import keep_memory


def map_on_ray(
    work: Callable[[Item], Answer],
    items: Iterable[Item],
    *,
    workers: int | None = None,
    cores: int = 1,
    gpus: float = 0.0,
    in_order: bool = True,
) -> Iterator[Done[Item, Answer]]:
    """Do the same work for every item, and give what came of each; otherwise as `map_here`.

    Args:
        work: is pickled, and so must be what it holds, such as a network.
        items: taken one by one, and not before there is room for what comes of them.
        workers: how many processes; as many as there are cores for in the cluster if not given.
        cores: of each. PyTorch uses as many threads there, and answers are the same to the last
            digit as where it uses as many here.
        gpus: of each; 1 for work that holds a network on a CUDA device.
        in_order: whether answers wait for those of the items before, or come as soon as they are
            there.

    Raises:
        MissingPackageError: Ray is not installed.
    """
    ray = _import_ray()
    with _cluster(ray):
        crew = _Crew(ray, work, workers or _room(ray, cores), cores, gpus)
        try:
            yield from crew.map(items, in_order)
        finally:  # also where the caller stops asking
            crew.dismiss()


class _Crew:
    """The workers, hired as items come."""

    def __init__(self, ray: Any, work: Callable[[Any], Any], size: int, cores: int, gpus: float):
        with _by_value(ray):
            self._work = ray.put(work)
        # A worker that dies, as where memory runs out, is replaced, and its item tried once more.
        hire = ray.remote(num_cpus=cores, num_gpus=gpus, max_restarts=-1, max_task_retries=1)
        self._hire = hire(_Worker).remote
        self._ray, self._size, self._cores = ray, size, cores
        self._all: list[Any] = []
        self._idle: list[Any] = []

    def map(self, items: Iterable[Any], in_order: bool) -> Iterator[Done[Any, Any]]:
        numbers, rest, room = count(), iter(items), 2 * self._size
        under_way: dict[Any, tuple[int, Any, Any]] = {}
        finished: dict[int, Done[Any, Any]] = {}
        following = 0
        while True:
            while len(under_way) < self._size and len(under_way) + len(finished) < room:
                try:
                    item = next(rest)
                except StopIteration:
                    break
                worker = self._free()
                under_way[worker.work.remote(item)] = (next(numbers), item, worker)
            if not under_way:
                return
            [ready], _ = self._ray.wait(list(under_way), num_returns=1)
            number, item, worker = under_way.pop(ready)
            self._idle.append(worker)
            finished[number] = self._done(item, ready)
            if not in_order:
                yield finished.pop(number)
            while following in finished:
                yield finished.pop(following)
                following += 1

    def dismiss(self) -> None:
        for worker in self._all:
            self._ray.kill(worker)

    def _free(self) -> Any:
        if self._idle:
            return self._idle.pop()
        # In a list, so that a worker that is replaced can ask for it again.
        self._all.append(self._hire([self._work], self._cores))
        return self._all[-1]

    def _done(self, item: Any, answered: Any) -> Done[Any, Any]:
        try:
            answer, error = self._ray.get(answered)
        except self._ray.exceptions.RayError as error:  # the worker is gone, or can't be made
            return Done(item, error=error)
        return Done(item, answer, error)


class _Worker:
    """A process of its own, which holds the work.

    Args:
        work: where it lies in the cluster, as the only one of a list.
        cores: for PyTorch.
    """

    def __init__(self, work: Sequence[Any], cores: int):
        keep_memory()
        torch.set_num_threads(cores)
        [self._work] = _import_ray().get(work)

    def work(self, item: Any) -> tuple[Any, Exception | None]:
        try:
            return self._work(item), None
        except Exception as error:
            return None, error


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError(
            "work can't be spread over a cluster",
            got="no package ray",
            expected="ray",
            hint="pip install 'kinetoscope[ray]'",
        ) from error
    return ray


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """Within the block there is a cluster; one that was there before stays."""
    if ray.is_initialized():
        yield
        return
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _room(ray: Any, cores: int) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1) // cores))


@contextmanager
def _by_value(ray: Any) -> Iterator[None]:
    """Within the block, pickle what stands in modules that no other process could import.

    Such as those that were run from a file of the user's, and not imported from where Python looks.
    """
    pickled = [
        module
        for name, module in list(sys.modules.items())
        if getattr(module, "__file__", None) and not (_is_known(name) or _can_be_found(name))
    ]
    for module in pickled:
        ray.cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in pickled:
            ray.cloudpickle.unregister_pickle_by_value(module)


def _is_known(name: str) -> bool:
    """Whether it stands in a package, or is the program itself, whose parts are pickled anyway."""
    return "." in name or name in ("__main__", "__mp_main__")


def _can_be_found(name: str) -> bool:
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    return any(find is not None and find(name, None) is not None for find in finders)
