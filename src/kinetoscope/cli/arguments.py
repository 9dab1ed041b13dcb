"""What do verbs ask for alike: which network, which catalog, and where do these lie?"""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.errors import NetworkError, WeightsError, unknown_name
from kinetoscope.networks.zoo import OPEN, ZOO, is_name

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.networks.network import Network

Verb = Callable[..., None]
"""The function of a verb, and what is made of it by click's decorators."""

WEIGHTS = "weights.safetensors"  # where `kinetoscope train` puts them in its folder

BRING_WEIGHTS = ("hf:", "file:")
"""What a name begins with whose source gives the network with its weights."""


class NetworkArgument(click.ParamType):
    """A name, a file of weights, a folder that `kinetoscope train` wrote, or `my_file.py:build`.

    Spelling is checked here, before anything heavy is imported. The value is what `load_network`
    takes: a name, or the path of a file.
    """

    name = "network"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if ".py:" in value and not is_name(value):
            value = f"file:{value}"
        if is_name(value):
            _check_spelling(value)
            return value
        path = Path(value)
        if path.is_dir() and not (path / WEIGHTS).exists() and (path / "config.json").exists():
            return f"hf:{value}"
        if path.is_dir():
            path = path / WEIGHTS
        if path.exists():
            return str(path)
        if len(path.parts) == 1 and not path.suffix:
            raise unknown_name("network", value, [*ZOO, *OPEN])
        raise WeightsError(
            f"{path} is not there",
            got="no such file",
            expected="a file of weights, a folder that kinetoscope train wrote, or the name of a "
            "network that kinetoscope networks lists",
        )


NETWORK = NetworkArgument()
_PATH = click.Path(path_type=Path)

network_argument = click.argument("network", type=NETWORK)
catalog_argument = click.argument("catalog")
out_option = click.option("--out", type=_PATH, required=True, help="Folder of the look.")
weights_option = click.option("--weights", type=_PATH, help="Where NETWORK is a name.")
root_option = click.option("--root", type=_PATH, help="Where the videos lie.")
labels_option = click.option("--labels", type=_PATH, help="A file with one label a line.")
split_option = click.option("--split", help="Only this split, such as test.")
layers_option = click.option(
    "--layer", "layers", multiple=True, help="Only this layer; may be repeated."
)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a verb is about: a network and a catalog, as the command line names them.

    Args:
        network: as `NETWORK` gives it.
        catalog: a folder, a file, or a published format.
        weights: where the network is a name.
        root: where the videos lie, if not where the catalog does.
        labels: a file that names the catalog's labels.
        split: which videos of the catalog; None for all.
    """

    network: str
    catalog: str
    weights: Path | None
    root: Path | None
    labels: Path | None
    split: str | None

    def open(self, *, strict: bool = True) -> "tuple[Network, Catalog]":
        """Both. The catalog is read first: what is wrong with it is told at once.

        Args:
            strict: refuse a label that is not among the catalog's; otherwise keep it.
        """
        videos = self.videos(self.split, strict=strict)
        return open_network(self.network, self.weights), videos

    def videos(self, split: str | None, *, strict: bool = True) -> "Catalog":
        """Those of one split, which may be another one than the verb's; None for all."""
        from kinetoscope.clips.catalog import read_catalog

        return read_catalog(
            self.catalog, root=self.root, labels=self.labels, split=split, strict=strict
        )


def about(*, out: bool = True, labels: bool = False) -> Callable[[Verb], Verb]:
    """Have a verb ask for a network and a catalog, which it is given as a `Subject`.

    Args:
        out: ask for the folder of the look as well, which the verb is given as `out`.
        labels: ask for a file of labels as well.
    """
    asked = [
        network_argument,
        catalog_argument,
        *([out_option] if out else []),
        weights_option,
        root_option,
        *([labels_option] if labels else []),
        split_option,
    ]

    def decorate(verb: Verb) -> Verb:
        @functools.wraps(verb)
        def run(**given: Any) -> None:
            subject = Subject(**{each.name: given.pop(each.name, None) for each in fields(Subject)})
            verb(subject, **given)

        for decorator in reversed(asked):  # click lists the last one first
            run = decorator(run)
        return run

    return decorate


def _check_spelling(name: str) -> None:
    """What can be known of a name without the library that it is about."""
    torchvision = [each for each, row in ZOO.items() if row.module == "others.adapters"]
    if name.startswith("torchvision:") and name.partition(":")[2] not in torchvision:
        raise unknown_name("video network of torchvision", name.partition(":")[2], torchvision)
    file, _, function = name.removeprefix("file:").rpartition(":")
    if name.startswith("file:") and not (function.isidentifier() and Path(file).is_file()):
        raise NetworkError(
            f"{name} names no function in a file",
            got="no such file" if function.isidentifier() else "no function",
            expected="a file of Python and a function in it, as my_file.py:build",
        )


def open_network(network: str, weights: Path | None, labels: Path | None = None) -> "Network":
    """Open the network of a verb that can't do anything with an untrained one.

    Args:
        network: as `NETWORK` gives it.
        weights: a checkpoint, or the name of published weights; None where the network has its own.
        labels: a file that names its scores.

    Raises:
        WeightsError: the network has no weights, or these do not fit.
    """
    if weights is None and is_name(network) and not network.startswith(BRING_WEIGHTS):
        raise WeightsError(
            f"{network} has learnt nothing yet",
            got="the name of a network, and no weights",
            expected="a network with weights: a folder that kinetoscope train wrote, a file, or "
            "--weights FILE beside the name",
            hint=_where_weights_are(network),
        )
    from kinetoscope.networks.weights import load_network

    names = None if labels is None else read_labels(labels)
    return load_network(network, weights=weights, labels=names)


def _where_weights_are(network: str) -> str:
    name = network.removeprefix("torchvision:")
    if name in ZOO and ZOO[name].module == "others.adapters":
        return f"kinetoscope download torchvision:{name}, then --weights published"
    return "kinetoscope train makes them; kinetoscope convert reads those of other libraries"


def read_labels(path: Path) -> tuple[str, ...]:
    """Labels in the order of scores: one a line, or JSON with a list, or each with its place.

    Raises:
        WeightsError: the file can't be read, has no labels, or not one for each place.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise WeightsError(f"{path} can't be read", got=error, expected="a text file") from error
    if text.lstrip()[:1] in ("[", "{"):
        return _from_json(path, text)
    found = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not found:
        raise WeightsError(f"{path} has no labels", got="nothing", expected="one label a line")
    return found


def _from_json(path: Path, text: str) -> tuple[str, ...]:
    """A list, or a dictionary from labels to places as pytorchvideo has it."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{path} can't be read", got=error, expected="JSON") from error
    places = sorted(map(str, range(len(found)))) if isinstance(found, dict) else []
    if places and sorted(map(str, found.values())) == places:
        found = [
            name.strip('"') for name, _ in sorted(found.items(), key=lambda pair: int(pair[1]))
        ]
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise WeightsError(
            f"{path} has no labels",
            got=f"JSON that begins {text.lstrip()[:40]!r}",
            expected="a list of labels, or each label with its place, from 0 on",
        )
    return tuple(found)
