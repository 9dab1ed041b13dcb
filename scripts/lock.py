"""Which versions does the environment hold of all that the project needs? Pins them in two files.

requirements.txt has what running takes, with the extra `mocap` and what an editable install takes;
requirements-dev.txt has what checking takes besides. What only Linux needs is marked so.
"""

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ELSEWHERE = {"platform_system": "Darwin", "sys_platform": "darwin", "platform_machine": "arm64"}
HEAD = """\
# Written by `make lock`: every version that the checks passed with.
"""


def closure(roots: list[str], **elsewhere: str) -> set[str]:
    """The names of all packages that these need, themselves included."""
    environment = {**default_environment(), **elsewhere}
    found: set[tuple[str, frozenset[str]]] = set()
    todo = [Requirement(root) for root in roots]
    while todo:
        wanted = todo.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        if key in found:
            continue
        found.add(key)
        todo += _needs(wanted, environment)
    return {name for name, _ in found}


def _needs(wanted: Requirement, environment: dict[str, str]) -> list[Requirement]:
    try:
        needs = [Requirement(need) for need in metadata.requires(wanted.name) or []]
    except metadata.PackageNotFoundError:
        return []  # not on this platform
    extras = ["", *wanted.extras]
    return [
        need
        for need in needs
        if need.marker is None
        or any(need.marker.evaluate({**environment, "extra": extra}) for extra in extras)
    ]


def pins(names: set[str], everywhere: set[str]) -> str:
    """One line a package."""
    return "".join(
        f"{name}=={metadata.version(name)}"
        + ("" if name in everywhere else ' ; sys_platform == "linux"')
        + "\n"
        for name in sorted(names)
    )


def main() -> None:
    """Write both files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["mocap"],
        *project["build-system"]["requires"],
        "editables",
    ]
    check = project["dependency-groups"]["dev"]
    needed, everywhere = closure(run), closure(run + check, **ELSEWHERE)
    (ROOT / "requirements.txt").write_text(HEAD + pins(needed, everywhere))
    (ROOT / "requirements-dev.txt").write_text(
        HEAD + "-r requirements.txt\n" + pins(closure(check) - needed, everywhere)
    )


if __name__ == "__main__":
    main()
