"""Types and shapes are checked as jaxtyping and beartype do, in a part of the time.

Jaxtyping's import hook binds the arguments of every call anew and checks them twice, before and
after, for better messages. Here beartype checks them once, together with the answer; within it
names of axes have to agree, where a function has arrays among its types.
"""

import functools
import inspect
import types
import typing

import jaxtyping
from beartype import BeartypeConf, beartype

_by_jaxtyping = jaxtyping.jaxtyped
_by_beartype = beartype(conf=BeartypeConf(violation_type=jaxtyping.TypeCheckError))


def check_types_quickly() -> None:
    """Before the package is imported: from then on the import hook of jaxtyping asks here."""
    jaxtyping.jaxtyped = _jaxtyped


def _jaxtyped(what=None, *, typechecker):
    if what is None:
        return functools.partial(_jaxtyped, typechecker=typechecker)
    # what a generator yields is checked when it is asked for, among the axes of others
    if isinstance(what, types.FunctionType) and not inspect.isgeneratorfunction(what):
        try:
            arrays = any(
                map(_has_arrays, typing.get_type_hints(what, include_extras=True).values())
            )
            checked = _by_beartype(what)
        except Exception:  # a type that is not there yet: jaxtyping knows what to do
            return _by_jaxtyping(what, typechecker=typechecker)
        return _axes_agree(checked) if arrays else checked
    return _by_jaxtyping(what, typechecker=typechecker)


def _axes_agree(checked):
    @functools.wraps(checked)
    def within(*given, **named):
        with _by_jaxtyping("context"):
            return checked(*given, **named)

    return within


def _has_arrays(hint) -> bool:
    if isinstance(hint, (list, tuple)):
        return any(map(_has_arrays, hint))
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(map(_has_arrays, typing.get_args(hint)))
