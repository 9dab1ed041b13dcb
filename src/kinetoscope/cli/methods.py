"""How are attribution methods named on the command line, with their settings and their memory?

Every setting of a method can be given: `--set steps=64` to all methods that have it, or
`--set occlusion.box=4,16,16` to one. A setting is read as what it is by default: a number, yes or
no, several numbers separated by commas, or a word.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

import click

from kinetoscope.errors import UnknownNameError, unknown_name

if TYPE_CHECKING:
    from kinetoscope.evidence.attribution.attribution import Method
    from kinetoscope.networks.network import Network
    from kinetoscope.units.objective import Objective

USUAL = ("integrated-gradients", "grad-cam", "occlusion", "gradient")
"""Which method is taken where none is named: the first of these that fits."""

_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_UNITS |= {"kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_YES, _NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


class Memory(click.ParamType):
    """An amount of memory, such as 2GiB, 500MiB or 800MB; its value is in bytes."""

    name = "memory"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*([kKMGT]i?B|B|)", str(value).strip())
        size = round(float(found[1]) * _UNITS.get(found[2], 0)) if found else 0
        if size < 1:
            self.fail(f"{value!r} is no amount of memory, such as 2GiB or 500MiB", param, ctx)
        return size


memory_option = click.option(
    "--memory", type=Memory(), help="That may be taken beside the weights, such as 2GiB."
)
method_option = click.option(
    "--method", "methods", multiple=True, help="By name; as often as wanted."
)
set_option = click.option(
    "--set", "settings", multiple=True, help="A setting, as steps=64 or occlusion.box=4,16,16."
)


def named_methods(
    names: Sequence[str], settings: Sequence[str], *, filling: str | None = None
) -> "list[Method]":
    """Methods by name, with settings as they are written on the command line.

    Args:
        names: of methods.
        settings: such as `steps=64` or `occlusion.box=4,16,16`.
        filling: of those methods that hide something; None leaves each its own.

    Raises:
        UnknownNameError: there is no such method or filling, or no method has such a setting.
    """
    from kinetoscope.evidence.attribution.attribute import method_of
    from kinetoscope.evidence.attribution.removal import check_filling

    if filling is not None:
        check_filling(filling)
    plain = [method_of(name) for name in names]
    given: dict[str, dict[str, Any]] = {
        method.name: {"filling": filling} if filling and "filling" in _settings(method) else {}
        for method in plain
    }
    for written in settings:
        method_name, setting, text = _read(written, given)
        having = [
            method
            for method in plain
            if method_name in (None, method.name) and setting in _settings(method)
        ]
        if not having:
            known = {name for method in plain for name in _settings(method)}
            of = method_name or ", ".join(given)
            raise unknown_name(f"setting of {of}", setting, sorted(known))
        for method in having:
            given[method.name][setting] = _value(text.strip(), method, setting, written)
    return [method_of(name, **each) for name, each in given.items()]


def usual_methods(network: "Network", objectives: "Sequence[Objective]") -> list[str]:
    """The name of the method that is taken where none is named."""
    from kinetoscope.evidence.attribution.attribute import METHODS
    from kinetoscope.evidence.attribution.writing import fitting_of

    known = [name for name in USUAL if name in METHODS]
    fit, _ = fitting_of(network, named_methods(known, ()), objectives)
    return [fit[0].name]


def _settings(method: "Method") -> dict[str, Any]:
    return {field.name: getattr(method, field.name) for field in fields(method)}  # pyright: ignore[reportArgumentType] - a dataclass


def _read(written: str, methods: Mapping[str, Any]) -> tuple[str | None, str, str]:
    """The method that a setting is of, if it says so; its name; and what it is set to."""
    found = re.fullmatch(r"(?:([\w+-]+)\.)?(\w+)=(.*)", written)
    if found is None:
        raise click.BadParameter(
            f"{written!r} is no setting, such as steps=64 or occlusion.box=4,16,16",
            param_hint="--set",
        )
    if found[1] is not None and found[1] not in methods:
        raise unknown_name("method among those that are asked for", found[1], list(methods))
    return found[1], found[2], found[3]


def _value(text: str, method: "Method", setting: str, written: str) -> Any:
    """A text as what the setting is by default, or is declared to be where that is left open."""
    usual, kinds = _settings(method)[setting], _kinds(method, setting)
    if usual is None and text.lower() in ("", "none"):
        return None
    numbers = next((get_args(kind) for kind in kinds if get_origin(kind) is tuple), ())
    example = usual
    if usual is None and kinds:
        example = tuple(kind(1) for kind in numbers) if numbers else kinds[0](1)
    try:
        value = _as(text, example)
        if numbers and Ellipsis not in numbers and len(value) != len(numbers):
            raise ValueError(text)
        return value
    except ValueError as error:
        raise UnknownNameError(
            f"--set {written} can't be read",
            got=repr(text),
            expected=f"something like {_told(example)}",
        ) from error


def _kinds(method: "Method", setting: str) -> list[Any]:
    """What a setting is declared to be, beside left open."""
    declared = get_type_hints(type(method))[setting]
    return [
        kind
        for kind in (get_args(declared) if get_origin(declared) is not tuple else (declared,))
        if kind is not type(None) and (get_origin(kind) is tuple or kind in (int, float, str))
    ]


def _as(text: str, usual: Any) -> Any:
    if isinstance(usual, bool):
        if text.lower() not in (*_YES, *_NO):
            raise ValueError(text)
        return text.lower() in _YES
    if isinstance(usual, str):
        return text
    if isinstance(usual, int | float):
        return type(usual)(text)
    if isinstance(usual, tuple):
        return tuple(_as(word.strip(), usual[0]) for word in text.split(","))
    if text.lower() in ("", "none"):
        return None
    return _number_or_word(text)


def _number_or_word(text: str) -> Any:
    """What a setting that is usually left open is set to."""
    if "," in text:
        return tuple(_number_or_word(word.strip()) for word in text.split(","))
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _told(usual: Any) -> str:
    return ",".join(map(str, usual)) if isinstance(usual, tuple) else str(usual)
