"""What does a non-local block cost without the matrix of all pairs?

The pairwise sums of `networks/pairwise.py` on one thread, forward and with the gradients of all
that they take, against the same with the matrix of all pairs written out. Values and gradients
must agree within 1e-4. What 25,088 places take of memory is measured in processes of their own.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from measure import Timing, most_memory, report, side_by_side
from torch import Tensor

from kinetoscope.networks.non_local import NonLocal
from kinetoscope.networks.pairwise import (
    concatenation_sums,
    dot_product_sums,
    softmax_sums,
)

PACKAGES = ("kinetoscope", "torch")
CHANNELS = 256
SOFTMAX_PLACES = (196, 784, 1568, 3136, 6272)
PLACES, MANY_PLACES = 6272, 25_088
AGREEMENT = 1e-4
GIBIBYTES = 0.5
"""What 25,088 places may take, forward and backward."""


def softmax_of_all_pairs(theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
    """As the authors' code has it."""
    pairs = torch.einsum("nct,ncp->ntp", theta, phi)
    return torch.einsum("ntp,ncp->nct", pairs.softmax(dim=2), g)


def dot_product_of_all_pairs(theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
    pairs = torch.einsum("nct,ncp->ntp", theta, phi) / phi.shape[2]
    return torch.einsum("ntp,ncp->nct", pairs, g)


def concatenation_of_all_pairs(a: Tensor, b: Tensor, g: Tensor) -> Tensor:
    pairs = torch.relu(a[:, :, None] + b[:, None, :]) / b.shape[1]
    return torch.einsum("ntp,ncp->nct", pairs, g)


WAYS: dict[str, dict[str, Callable[..., Tensor]]] = {
    "dot product": {"kinetoscope": dot_product_sums, "all pairs": dot_product_of_all_pairs},
    "concatenation": {"kinetoscope": concatenation_sums, "all pairs": concatenation_of_all_pairs},
    "softmax": {"kinetoscope": softmax_sums, "all pairs": softmax_of_all_pairs},
}

TARGETS = {"dot product": (20.0, 80.0), "concatenation": (15.0, 40.0)}
"""How many times faster with 6,272 places, and with 25,088."""


def main() -> None:
    """Print a line for each measurement; with arguments, be one side of one."""
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        _be_a_side(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
        return
    for places in SOFTMAX_PLACES:
        _compare("softmax", places, target=1.0, rounds=15 if places < 3136 else 5)
    _compare("softmax", PLACES, target=1.0, rounds=5, values=CHANNELS // 2)
    for kind, (target, _) in TARGETS.items():
        _compare(kind, PLACES, target=target, rounds=7)
        _whole_block(kind)
    for kind, (_, target) in TARGETS.items():
        _many_places(kind, target)


def _compare(kind: str, places: int, *, target: float, rounds: int, values: int = CHANNELS) -> None:
    taken, upstream = _taken(kind, places, values)
    ours, theirs = (partial(_results, way, taken, upstream) for way in WAYS[kind].values())
    error = _worst(ours(), theirs())
    jobs: dict[str, Callable[..., object]] = {"forward": _forward, "forward and backward": _results}
    channels = f"{CHANNELS} channels" + (f", {values} of g" if values != CHANNELS else "")
    for job, run in jobs.items():
        timings = side_by_side(
            {name: partial(run, way, taken, upstream) for name, way in WAYS[kind].items()},
            rounds=rounds,
        )
        _report(f"{kind}, {places} places, {channels}, {job}", timings, target, error)


def _whole_block(kind: str) -> None:
    """With its convolutions, which both ways have; no more than told."""
    block = NonLocal(CHANNELS, kind=kind.replace(" ", "-"), subsample="none")
    plain = NonLocal(CHANNELS, kind=kind.replace(" ", "-"), subsample="none")
    plain.load_state_dict(block.state_dict())
    plain.pairwise.forward = partial(_plain_pairs, kind, plain)
    x = torch.randn(1, CHANNELS, 8, 28, 28, generator=_seed()).requires_grad_()
    timings = side_by_side(
        {
            name: partial(_results, each, (x, *each.parameters()), torch.ones_like(x))
            for name, each in (("kinetoscope", block), ("all pairs", plain))
        },
        rounds=5,
    )
    _report(f"{kind}, {PLACES} places, whole block, forward and backward", timings, 1.0, None)


def _plain_pairs(kind: str, block: NonLocal, *volumes: Tensor) -> Tensor:
    theta, phi, g = (each.flatten(2) for each in volumes)
    if kind == "concatenation":
        first, second = block.pairwise.conv.weight.flatten().chunk(2)
        theta, phi = first @ theta, second @ phi
    return WAYS[kind]["all pairs"](theta, phi, g).unflatten(2, volumes[0].shape[2:])


def _many_places(kind: str, target: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = {
            name: _ask(kind, name, rounds, Path(folder))
            for name, rounds in (("kinetoscope", 9), ("all pairs", 2))
        }
        ours, theirs = (torch.load(Path(folder) / f"{name}.pt") for name in WAYS[kind])
    memory = {name: round(float(each["gibibytes"]), 3) for name, each in told.items()}
    title = f"{kind}, {MANY_PLACES} places, {CHANNELS} channels"
    for job in ("forward", "forward and backward"):
        timings = {name: _timing(each[job]) for name, each in told.items()}
        _report(f"{title}, {job}", timings, target, _worst(ours, theirs))
    report(
        f"non-local: {title}, memory",
        timings={},
        ratio=GIBIBYTES / max(memory["kinetoscope"], 1e-3),
        target=1.0,
        packages=PACKAGES,
        gibibytes=memory,
    )


def _ask(kind: str, name: str, rounds: int, folder: Path) -> dict[str, list[float]]:
    side = [sys.executable, __file__, kind, name, str(rounds), str(folder / f"{name}.pt")]
    return json.loads(subprocess.run(side, check=True, capture_output=True, text=True).stdout)


def _be_a_side(kind: str, name: str, rounds: int, samples: Path) -> None:
    """Time one way, say how much memory it took at most, and leave some of its results."""
    taken, upstream = _taken(kind, MANY_PLACES, CHANNELS)
    way = WAYS[kind][name]
    _results(way, *_taken(kind, 8, CHANNELS))  # what is loaded at first use is no part of it
    before = most_memory()
    forward, both = [], []
    for _ in range(rounds):
        start = time.process_time()
        answer = way(*taken)
        forward.append(time.process_time() - start)
        gradients = torch.autograd.grad(answer, taken, upstream)
        both.append(time.process_time() - start)
    told = {"forward": forward, "forward and backward": both}
    sys.stdout.write(json.dumps({**told, "gibibytes": (most_memory() - before) / 2**30}))
    torch.save([each[..., ::97].clone() for each in (answer.detach(), *gradients)], samples)


def _taken(kind: str, places: int, values: int) -> tuple[list[Tensor], Tensor]:
    seed = _seed()
    of_pair = (1, places) if kind == "concatenation" else (1, CHANNELS, places)
    scale = CHANNELS**-0.25  # logits about as large as 1
    taken = [torch.randn(of_pair, generator=seed) * scale for _ in range(2)]
    taken.append(torch.randn(1, values, places, generator=seed))
    return [each.requires_grad_() for each in taken], torch.randn(1, values, places, generator=seed)


def _forward(way: Callable[..., Tensor], taken: Sequence[Tensor], upstream: Tensor) -> Tensor:
    with torch.no_grad():
        return way(*taken)


def _results(way: Callable[..., Tensor], taken: Sequence[Tensor], upstream: Tensor) -> list[Tensor]:
    answer = way(taken[0]) if isinstance(way, NonLocal) else way(*taken)
    return [answer.detach(), *torch.autograd.grad(answer, taken, upstream)]


def _worst(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> float:
    """The largest difference as a share of the size, over the values and every gradient."""
    return max(
        ((one - other).norm() / other.norm()).item()
        for one, other in zip(ours, theirs, strict=True)
    )


def _report(name: str, timings: dict[str, Timing], target: float, error: float | None) -> None:
    if error is not None and not error < AGREEMENT:
        raise SystemExit(f"{name}: differs by {error:.2g}, more than {AGREEMENT:.0e}")
    ratio = timings["all pairs"].median / timings["kinetoscope"].median
    told = {} if error is None else {"difference": float(f"{error:.2g}")}
    report(
        f"non-local: {name}",
        timings=timings,
        ratio=ratio,
        target=target,
        packages=PACKAGES,
        **told,
    )


def _timing(seconds: Sequence[float]) -> Timing:
    found = sorted(seconds)
    median = (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2
    return Timing(median=median, spread=(found[-1] - found[0]) / median)


def _seed() -> torch.Generator:
    return torch.Generator().manual_seed(0)


if __name__ == "__main__":
    main()
