"""What does a network answer to versions of a clip that differ from it in small boxes?

A convolution that sees none of a change answers what it answered to the clip as it is. So the clip
is run once; of its versions only that is computed which a change can reach, and it is cut out with
as much around it as it needs. The answer is that of a full pass, but for the order in which sums
are added up. Any module can be followed, however it is built: where it does something that can't
be done to patches, or where they have grown as large as the tensor, the versions are written out
and the pass goes on in full.

Source: the idea is that of Nakandala, Kumar and Papakonstantinou, "Incremental and Approximate
Inference for Faster Occlusion-based Deep CNN Explanations", SIGMOD 2019, section 4, for given
convolutional networks of pictures, of which the exact part is taken.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from kinetoscope.units.patching.operation import Operation, name_of
from kinetoscope.units.patching.originals import NotConstantError, Originals
from kinetoscope.units.patching.rules import rule_of
from kinetoscope.units.patching.versions import CannotFollowError, Patches, Versions, versions_in
from kinetoscope.units.reach.call import by_name

Ask = Callable[[dict[Any, Tensor]], Tensor]
"""Asks a network for a number a version, or for any other tensor, given its streams."""


class Incremental:
    """Asks about versions of one clip, computing what is new in them alone.

    Args:
        ask: what is asked, of the streams of as many clips as they hold.
        streams: the clip, each `1 channel time height width`.
        weights: of the network that is asked; it is in eval mode and stays as it is.
    """

    def __init__(self, ask: Ask, streams: Mapping[Any, Tensor], weights: nn.Module):
        self._ask = ask
        self._follow = Following([*weights.parameters(), *weights.buffers()])
        self._streams = {name: self._follow.originals.of(x) for name, x in streams.items()}
        self.followed = True

    def __call__(self, patches: Mapping[Any, Patches]) -> Tensor:
        """What is asked, of each version.

        Args:
            patches: of the streams that differ, all with as many versions.
        """
        if self.followed:
            try:
                return self._incremental(patches)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever a model does that versions don't know
                _LOG.info("not followed: %s: %s", type(error).__name__, error)
                self.followed = False
        return self._in_full(patches)

    def check(self, patches: Mapping[Any, Patches]) -> None:
        """Compare with a full pass; where they differ, all that follows is done in full.

        A model might do something, such as writing to one tensor through another, of which nobody
        thought. One pass is a small price for knowing.
        """
        found = self(patches)
        if self.followed:
            expected = self._in_full(patches)
            near = _NEAR * float(expected.abs().max())
            self.followed = torch.allclose(found, expected, rtol=_NEAR, atol=near)
            if not self.followed:
                _LOG.warning("what was computed anew is not all that changed: passes are full")

    def _in_full(self, patches: Mapping[Any, Patches]) -> Tensor:
        with torch.no_grad():
            versions = self._versions(patches)
            return self._ask({name: each.whole() for name, each in versions.items()})

    def _incremental(self, patches: Mapping[Any, Patches]) -> Tensor:
        with torch.inference_mode(False), torch.no_grad():
            versions = self._versions(patches)
            answer = self._ask({name: finished(each) for name, each in versions.items()})
            return answer.whole() if isinstance(answer, Versions) else answer

    def _versions(self, patches: Mapping[Any, Patches]) -> dict[Any, Versions]:
        count = len(next(iter(patches.values())).values)
        return {
            name: Versions(original, patches.get(name), count, self._follow.carry_out)
            for name, original in self._streams.items()
        }


_LOG = logging.getLogger(__name__)
_NEAR = 1e-4  # relative; what sums in another order make is a tenth of it


class Following:
    """Carries out what a model does, on patches where that is enough.

    Args:
        weights: tensors that are the same for all versions; None takes every tensor for one.
    """

    def __init__(self, weights: list[Tensor] | None):
        self.originals = Originals(weights)

    def carry_out(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The answer of an operation: versions where it could be followed, else a tensor."""
        mutable = func._schema.is_mutable
        twin = _not_in_place(func) if mutable else func
        target = args[0] if mutable and args and isinstance(args[0], Versions) else None
        found = None
        if twin is not None and (not mutable or target is not None):
            found = self._by_rule(twin, args, kwargs)
        if mutable:
            return _in_place(func, args, kwargs, target, found)
        if found is None:
            return func(*_in_full(args), **_in_full(kwargs))
        if func.is_view:
            for each in versions_in(found):
                each.looks_at(versions_in(args)[0])
        return finished(found)

    def _by_rule(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        op = Operation(
            func=func,
            args=args,
            kwargs=kwargs,
            given=by_name(func, args, kwargs),
            originals=self.originals,
        )
        rule = rule_of(op)
        try:
            return rule(op) if rule else None
        except NotConstantError:
            return None


def finished(found: Any) -> Any:
    """Tensors instead of versions that differ everywhere."""
    if isinstance(found, tuple | list):
        return type(found)(finished(each) for each in found)
    if isinstance(found, Versions) and found.patches and found.patches.boxes.whole:
        return found.whole()
    return found


def _in_full(given: Any) -> Any:
    if isinstance(given, dict):
        return {name: _in_full(each) for name, each in given.items()}
    if isinstance(given, tuple | list):
        return type(given)(_in_full(each) for each in given)
    return given.whole() if isinstance(given, Versions) else given


def _in_place(func: Any, args: tuple[Any, ...], kwargs: Any, target: Any, found: Any) -> Any:
    if target is None:  # done to a tensor that is none of ours
        return func(*_in_full(args), **_in_full(kwargs))
    if not isinstance(found, Versions):
        found = func(target.whole().clone(), *_in_full(args[1:]), **_in_full(kwargs))
    if not isinstance(found, Tensor):
        raise CannotFollowError(f"{name_of(func)} in place")
    target.become(found)
    return target


def _not_in_place(func: Any) -> Any:
    """The operation that answers what this one writes."""
    name = func._schema.name.removeprefix("aten::")
    packet = getattr(torch.ops.aten, name.rstrip("_"), None)
    if packet is None or not name.endswith("_"):
        return None
    return getattr(packet, func._overloadname, None)
