"""How does a network of the user's own come in, from a file of theirs?

As `file:<path>:<function>`: the file is run, as Python would run it, and the function called. It
answers an `nn.Module` that takes `clip channel time height width`, or a Network. What is not said
about it is found out: what clips it takes by trying the usual ones, and how many scores it has by
counting them. Labels come from the Network, or from an attribute `labels` of the function or of the
module it made; `expects` likewise.
"""

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import KinetoscopeError, NetworkError, unknown_name
from kinetoscope.networks.network import Network
from kinetoscope.networks.others.adapters import as_network, numbered
from kinetoscope.networks.trial import count_labels, find_spec


def open_network(
    rest: str, *, labels: Sequence[str] | int | None = None, expects: ClipSpec | None = None
) -> Network:
    """Make the network of a user's file.

    Args:
        rest: the path of the file and the function, as `my_file.py:build`.
        labels: the name of each score, or how many there are; None takes what the file says.
        expects: what a clip must be; None takes what the file says, or what is found out.

    Raises:
        NetworkError: there is no such file, its code fails, or what it makes is no module.
        UnknownNameError: it has no such function; says which are near.
        ClipError: the module takes none of the usual clips, or the labels do not fit its scores.
    """
    path, function = _parts(rest)
    with _imports_beside(path):
        build = _function(path, function)
        made = _run(path, build)
    if not isinstance(made, nn.Module):
        raise NetworkError(
            f"{function} of {path} does not make a network",
            got=type(made).__name__,
            expected="an nn.Module that takes clip x channel x time x height x width, or a Network",
        )
    name = f"file:{rest}"
    model = made.model if isinstance(made, Network) else made
    spec = expects or _said("expects", made, build) or find_spec(model, name)
    named = _said("labels", made, build) if labels is None else labels
    counted = named or count_labels(model, spec, name)
    return as_network(
        model,
        labels=numbered(counted) if isinstance(counted, int) else counted,
        expects=spec,
        name=name,
        layers=_said("layers", made, build) or (),
        tokens=_said("tokens", made, build),
    ).eval()


def _parts(rest: str) -> tuple[Path, str]:
    path, _, function = rest.rpartition(":")
    if not path or not function.isidentifier():
        raise NetworkError(
            f"file:{rest} does not name a function",
            got=rest,
            expected="a file and a function in it, as my_file.py:build",
        )
    if not Path(path).is_file():
        raise NetworkError(
            f"{path} can't be opened",
            got="a folder" if Path(path).is_dir() else "no such file",
            expected="a file of Python",
        )
    return Path(path), function


@contextmanager
def _imports_beside(path: Path) -> Iterator[None]:
    """Let the file import those beside it, as it can where Python runs it."""
    folder = str(path.parent.absolute())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _function(path: Path, name: str) -> Callable[[], object]:
    spec = importlib.util.spec_from_file_location(f"_of_the_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise NetworkError(f"{path} can't be run", got=path.suffix, expected="a file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as dataclasses and pickles look it up there
    loader = spec.loader
    _run(path, lambda: loader.exec_module(module))
    functions = _functions(module)
    if name not in functions:
        raise unknown_name(f"function in {path}", name, list(functions))
    return functions[name]


def _functions(module: ModuleType) -> dict[str, Callable[[], object]]:
    """What the file defines itself that can be called, and what it imported, in this order."""
    own = {name: each for name, each in vars(module).items() if callable(each)}
    return dict(sorted(own.items(), key=lambda pair: pair[1].__module__ != module.__name__))


def _run(path: Path, code: Callable[[], object]) -> object:
    """Run a user's code; what goes wrong in it is told with the line of their file."""
    try:
        return code()
    except KinetoscopeError:
        raise
    except (Exception, SystemExit) as error:
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if Path(frame.filename) == path
        ]
        if isinstance(error, SyntaxError) and error.filename == str(path):
            lines.append(error.lineno)
        raise NetworkError(
            f"{path} fails" + (f" in line {lines[-1]}" if lines else ""),
            got=traceback.format_exception_only(error)[-1].strip(),
            expected="code that runs",
        ) from error


def _said(what: str, *places: Any) -> Any:
    """What the network, its module or its function says of itself; None where none does."""
    found = (getattr(place, what, None) for place in places)
    return next((each for each in found if each is not None and not callable(each)), None)
