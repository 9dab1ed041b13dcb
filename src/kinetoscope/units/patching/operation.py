"""Which operation was asked for, with what, and how is its answer told?"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from torch import Tensor
from torch.utils._pytree import tree_map

from kinetoscope.units.patching.boxes import Boxes
from kinetoscope.units.patching.originals import Original, Originals
from kinetoscope.units.patching.versions import Patches, Versions, versions_in


class Operation(NamedTuple):
    """An operation that a model carries out on versions.

    Args:
        func: the operation, not in place.
        args, kwargs: as it was called.
        given: the same, by name, with defaults.
        originals: what is known of the clip as it is.
    """

    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    given: dict[str, Any]
    originals: Originals

    @property
    def name(self) -> str:
        """Without what tells its forms apart."""
        return name_of(self.func)

    @property
    def inputs(self) -> list[Versions]:
        """The versions among what it was given."""
        return versions_in((self.args, self.kwargs))

    @property
    def only(self) -> Versions:
        """The first of them, of operations that take one."""
        return self.inputs[0]

    def answer(
        self,
        compute: Callable[["Original"], Patches | None],
        *,
        args: Sequence[Any] | None = None,
    ) -> Versions:
        """Versions of what the operation answers.

        Args:
            compute: finds what differs in it, given its original; asked only if something differs
                in what the operation was given.
            args: what it has to be given for the clip as it is, where that is something else.
        """
        return self.answers(lambda found: [compute(found[0])], args=args)[0]

    def answers(
        self,
        compute: Callable[[tuple["Original", ...]], Sequence[Patches | None]],
        *,
        args: Sequence[Any] | None = None,
    ) -> list[Versions]:
        """The same of operations that answer several tensors."""
        given = tree_map(_to_original, (tuple(self.args if args is None else args), self.kwargs))
        found, held = self.originals.after(self.func, *given[0], **given[1])
        changed = any(each.patches is not None for each in self.inputs)
        patches = compute(found) if changed else [None] * len(found)
        like = self.only
        return [
            Versions(original, patch, like.count, like.carry_out, held and held[number])
            for number, (original, patch) in enumerate(zip(found, patches, strict=False))
        ]


def patched(boxes: Boxes, values: Tensor) -> Patches | None:
    """Patches, unless nothing is in them."""
    return None if boxes.empty else Patches(boxes, values)


def name_of(func: Any) -> str:
    """The same for an operation and its twin in place: `add` for `add_`."""
    return func._schema.name.removeprefix("aten::").rstrip("_")


def _to_original(given: Any) -> Any:
    return given.original if isinstance(given, Versions) else given
