"""From which places of a clip did attention carry something to the end of a transformer?

Each block mixes tokens by its attention, and beside it hands each token on as it is. Taken as half
and half, a block is a matrix 0.5 A + 0.5 I, with A the mean of its heads; the product of all blocks
tells how much of each place of the clip has come to each token at the end. Of these the class token
is read; without one, the mean of all.

This answers no objective in particular: the heat is the same for every label, and what the values
and the hidden layers of a block do to a token is left out. It tells where a transformer could have
looked, and is a poor reason for one label over another.

Attention is caught in the model's own computing, whatever it is written with: a softmax along the
last axis that goes into a matrix product. Only attention of every token to every token can be
multiplied through; in windows, divided into space and time, or to pooled tokens, it is refused.

Source: Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020, section 3,
equation 1.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar
from weakref import WeakSet

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribution import Attribution, Method, Part
from kinetoscope.evidence.attribution.methods.placing import brought_to
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network, TokenGrid, evaluating
from kinetoscope.units.axes import habits_of
from kinetoscope.units.objective import Objective, Together
from kinetoscope.units.reading import SCORES, read_normalized
from kinetoscope.units.rehearsal import CLIPS, rehearse

Mixing = Float[Tensor, "token token"]
"""How much each token (row) takes from each (column), on average over heads."""

_known: WeakSet[Network] = WeakSet()  # those whose attention was seen to fit


@dataclass(frozen=True, kw_only=True)
class AttentionRollout(Method):
    """What attention carries from each place to the end, through all blocks."""

    name: ClassVar[str] = "attention-rollout"
    source: ClassVar[str] = "Abnar 2020"

    def check(self, network: Network, objective: Objective) -> None:
        objective.bound(network)
        grid = _grid(network)
        if network not in _known:
            found = _Found(CLIPS, _count(grid))
            _rehearse(network, found)
            _check_global(network, found)
            _known.add(network)

    def answer(self, question: Question) -> Attribution:
        network, grid = question.network, _grid(question.network)
        habits_of(network)  # rehearsed by itself, before this pass
        found = _Found(1, _count(grid))
        with evaluating(network), torch.no_grad(), _caught(found):
            value = _to_the_end(question)
        _check_global(network, found)
        carried = rolled_out(found.mixing, read_at=0 if grid.before else None)
        time, height, width = grid.size
        native = rearrange(
            carried[grid.before :].float().cpu(),
            f"({grid.order}) -> time height width",
            time=time,
            height=height,
            width=width,
        )
        streams = network.expects.streams
        part: Part = streams[0] if len(streams) == 1 else "both"
        return Attribution(
            method=self.name,
            heat={part: brought_to(question.extent, native)},
            native={part: native},
            value=value,
            signed=False,
            facts={
                "blocks": float(len(found.mixing)),
                "without place": float(carried[: grid.before].sum()),
            },
        )


def rolled_out(blocks: list[Mixing], *, read_at: int | None) -> Float[Tensor, " token"]:
    """How much of each token comes to the end: to one that is read there, or on average to all.

    The row that is read is led back block by block, which is what multiplying all of them would
    give for it.
    """
    tokens = len(blocks[0])
    row = blocks[0].new_full((tokens,), 1 / tokens)
    if read_at is not None:
        row = torch.eye(tokens, device=row.device, dtype=row.dtype)[read_at]
    for mixing in reversed(blocks):
        row = 0.5 * (row @ mixing) + 0.5 * row
    return row


def _to_the_end(question: Question) -> float:
    """The objective's value, of a pass through all blocks, also those behind its layer."""
    together = Together(question.network, [question.objective])
    layers = list(dict.fromkeys([*together.layers, SCORES]))
    answers = read_normalized(question.network, ClipBatch(**question.streams), layers)
    return float(together.values(answers)[0])


# Attention, caught


@dataclass(eq=False)
class _Found:
    """The attention of a pass.

    Args:
        clips: how many were shown.
        tokens: how many a clip has.
        mixing: of each block that mixes all of them, of the first clip.
        others: shapes of attention between others.
    """

    clips: int
    tokens: int
    mixing: list[Tensor] = field(default_factory=list)
    others: list[tuple[int, int]] = field(default_factory=list)

    def add(self, weights: Tensor) -> None:
        """Take the weights of one block, `... token token`, all heads of all clips."""
        queries, keys = weights.shape[-2:]
        if queries == keys == self.tokens:
            heads = weights.reshape(self.clips, -1, queries, keys)
            self.mixing.append(heads[0].mean(0))
        else:
            self.others.append((queries, keys))


class _Catching(TorchDispatchMode):
    """Takes every softmax along the last axis that goes into a matrix product."""

    def __init__(self, found: _Found):
        super().__init__()
        self._found = found
        self._weights: Tensor | None = None

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        if func in _SOFTMAX:
            along_last = args[1] in (-1, answer.ndim - 1) and answer.ndim > 2
            self._weights = answer if along_last else None
        elif func in _PRODUCTS and self._weights is not None and self._holds(args[0]):
            self._found.add(self._weights)
            self._weights = None
        return answer

    def _holds(self, factor: Tensor) -> bool:
        """Whether a factor is the weights, however it is viewed."""
        assert self._weights is not None
        same = factor.untyped_storage()._cdata == self._weights.untyped_storage()._cdata
        return same and factor.numel() == self._weights.numel()


_SOFTMAX = {torch.ops.aten._softmax.default, torch.ops.aten._safe_softmax.default}
_PRODUCTS = {torch.ops.aten.bmm.default, torch.ops.aten.mm.default}


@contextmanager
def _caught(found: _Found) -> Iterator[None]:
    """Let attention be computed step by step within the block, and catch it."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel([SDPBackend.MATH]), _Catching(found):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _rehearse(network: Network, found: _Found) -> None:
    def ignore(*told: object) -> None:
        pass

    with evaluating(network):
        try:
            rehearse(network, ignore, watch=lambda streams: _caught(found))
        except Exception:  # the model looks at values
            found.mixing.clear()
            found.others.clear()
            rehearse(network, ignore, watch=lambda streams: _caught(found), values=True)


def _grid(network: Network) -> TokenGrid:
    """Where tokens lie.

    Raises:
        ClipError: it is not told, or changes on the way.
    """
    grids = [network.tokens] if network.tokens else habits_of(network).grids
    if len(grids) != 1:
        raise ClipError(
            f"attention can't be rolled out in {network.name}",
            got="tokens whose grid changes on the way" if grids else "no grid of tokens",
            expected="a transformer whose blocks all attend to the same tokens",
            hint=None
            if grids
            else "of a transformer, Network(..., tokens=TokenGrid(size=...)) "
            "tells where its tokens lie",
        )
    return grids[0]


def _count(grid: TokenGrid) -> int:
    return prod(grid.size) + grid.before


def _check_global(network: Network, found: _Found) -> None:
    """Refuse attention that can't be multiplied through.

    Raises:
        ClipError: there is none, or some is of other tokens.
    """
    if found.mixing and not found.others:
        return
    others = ", ".join(f"of {queries} tokens to {keys}" for queries, keys in set(found.others))
    raise ClipError(
        f"attention can't be rolled out in {network.name}",
        got=f"attention {others}" if others else "no attention that can be caught",
        expected=f"in every block, attention of all {found.tokens} tokens to all of them",
        hint="in windows, divided into space and time, or to pooled tokens, there is no rollout",
    )
