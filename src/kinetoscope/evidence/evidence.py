"""What is evidence: an answer, and where it came from, as a folder of files?

A folder of evidence holds `evidence.json` (kind, provenance, answer) and the arrays and media it
speaks of. It is complete or absent.
"""

import importlib.metadata
import json
import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from kinetoscope.errors import EvidenceError
from kinetoscope.files import whole_folder
from kinetoscope.networks.network import Network

FILE = "evidence.json"
_PACKAGES = ("kinetoscope", "torch", "torchvision", "av", "opencv-contrib-python-headless", "numpy")


def versions() -> dict[str, str]:
    """Of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where an answer came from: enough to ask again.

    Args:
        network: its name.
        weights_hash: which weights.
        catalog: which catalog, by name and by a key of its entries; None where none was used.
        objective: what was looked for.
        settings: every setting that the answer depends on, as plain values.
        seed: of everything random.
        versions: of the packages.
    """

    network: str
    weights_hash: str
    catalog: str | None = None
    objective: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=versions)

    @classmethod
    def of(cls, network: Network, **rest: Any) -> "Provenance":
        """With the network's name and weights filled in."""
        return cls(network=network.name, weights_hash=network.weights_hash, **rest)

    def same_question(self, other: "Provenance") -> bool:
        """Whether both ask the same of the same; package versions may differ."""
        mine, theirs = (_plain(asdict(each)) for each in (self, other))
        return all(mine[key] == theirs[key] for key in mine if key != "versions")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """An answer that was read back from its folder."""

    kind: str
    provenance: Provenance
    answer: Any
    folder: Path


@contextmanager
def writing_evidence(
    folder: Path, kind: str, provenance: Provenance
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give a folder for arrays and media, and the answer to fill; both are kept as one, or not.

    Values of the answer are plain: numbers, text, lists and dictionaries.
    """
    with whole_folder(folder) as aside:
        answer: dict[str, Any] = {}
        yield aside, answer
        write_answer(aside, kind, provenance, answer)


def write_answer(
    folder: Path, kind: str, provenance: Provenance, answer: Mapping[str, Any]
) -> None:
    """Write the answer beside its arrays and media, in a folder that is not in place yet."""
    whole = {"kind": kind, "provenance": asdict(provenance), "answer": answer}
    text = json.dumps(_plain(whole), ensure_ascii=False, indent=1, allow_nan=False)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def write_table(folder: Path, name: str, columns: Mapping[str, Sequence[Any]]) -> str:
    """Write the numbers behind a plot as csv beside the evidence; gives the file's name.

    Args:
        folder: of evidence that is not in place yet.
        name: of the file, without its ending.
        columns: by name, all equally long; a number that is not one is left empty.
    """
    pl.DataFrame(dict(columns), strict=False).fill_nan(None).write_csv(folder / f"{name}.csv")
    return f"{name}.csv"


def read_evidence(folder: Path | str, kind: str | None = None) -> Evidence:
    """Read a folder of evidence.

    Raises:
        EvidenceError: there is none, or it is of another kind.
    """
    folder = Path(folder)
    path = folder / FILE
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        found = Evidence(
            kind=whole["kind"],
            provenance=Provenance(**whole["provenance"]),
            answer=whole["answer"],
            folder=folder,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvidenceError(
            f"{folder} holds no evidence", got=repr(error), expected=f"a file {FILE}"
        ) from error
    if kind is not None and found.kind != kind:
        raise EvidenceError(f"{folder} holds other evidence", got=found.kind, expected=kind)
    return found


def has_evidence(folder: Path, provenance: Provenance) -> bool:
    """Whether the folder answers this question already."""
    return (folder / FILE).exists() and read_evidence(folder).provenance.same_question(provenance)


def _plain(value: Any) -> Any:
    """The value as JSON gives it back; numbers that JSON has no word for become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
