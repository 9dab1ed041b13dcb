"""Which weights did torchvision release for its video networks, and are they on this machine?

They are looked for where torch keeps what it has downloaded (`torch.hub.get_dir()`, in the folder
`checkpoints`), so that a file that torchvision fetched is found, and the other way round. The name
of a file ends with the start of its SHA-256, and a file is used only if that is right. Labels are
in no file: torchvision has them beside each address, so they come with these weights only.

Source: torchvision, `torchvision.models.get_model_weights`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

from kinetoscope.errors import WeightsError, unknown_name

PUBLISHED = "published"
"""Stands for the weights that torchvision calls its default."""


@dataclass(frozen=True, kw_only=True)
class Released:
    """One file of weights that torchvision released.

    Args:
        network: torchvision's name of the network.
        name: torchvision's name of the weights.
        url: where the file is.
        labels: the name of each score.
    """

    network: str
    name: str
    url: str
    labels: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Where torch keeps the file once it is downloaded."""
        from torch.hub import get_dir

        return Path(get_dir()) / "checkpoints" / self.url.rpartition("/")[2]

    @property
    def hash_start(self) -> str:
        """The first hexadecimal digits of the file's SHA-256."""
        return Path(self.url).stem.rpartition("-")[2]

    def file(self) -> Path:
        """The file, if it is here and whole.

        Raises:
            WeightsError: it is not; says how to get it.
        """
        if not self.path.is_file():
            raise WeightsError(
                f"the weights {self.name} of {self.network} are not on this machine",
                got=f"no file {self.path}",
                expected="the file that torchvision released",
                hint=f"kinetoscope download torchvision:{self.network} fetches it from {self.url}",
            )
        if not self.is_in(self.path):
            raise WeightsError(
                f"{self.path} is not the file that torchvision released",
                got="a SHA-256 that starts otherwise, as of a download that broke off",
                expected=f"one that starts with {self.hash_start}",
                hint=f"delete it; kinetoscope download torchvision:{self.network} fetches it anew",
            )
        return self.path

    def is_in(self, path: Path) -> bool:
        """Whether a file, of whatever name, has these weights."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(self.hash_start)

    def download(self) -> Path:
        """Fetch the file where it is not here yet, checked before it has its name.

        Raises:
            WeightsError: it can't be fetched, or what comes is not the file.
        """
        if self.path.is_file() and self.is_in(self.path):
            return self.path
        from torch.hub import download_url_to_file

        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            download_url_to_file(self.url, str(self.path), hash_prefix=self.hash_start)
        except (URLError, OSError, RuntimeError) as error:  # RuntimeError: another SHA-256
            raise WeightsError(
                f"the weights {self.name} of {self.network} can't be fetched",
                got=error,
                expected=f"the file {self.url}",
                hint=f"a file fetched elsewhere can be put at {self.path}",
            ) from error
        return self.path


def released_weights(network: str) -> Mapping[str, Released]:
    """All weights that torchvision released for one of its networks, by their names.

    Args:
        network: torchvision's name.
    """
    from torchvision.models import get_model_weights

    found: Any = get_model_weights(network)
    return {
        each.name: Released(
            network=network, name=each.name, url=each.url, labels=tuple(each.meta["categories"])
        )
        for each in [found.DEFAULT, *found]  # the default one first
    }


def find_released(network: str, weights: str = PUBLISHED) -> Released:
    """One file of weights by its name, or the one that torchvision calls its default.

    Raises:
        UnknownNameError: torchvision released no weights of this name for the network.
    """
    every = released_weights(network)
    if weights == PUBLISHED:
        return next(iter(every.values()))
    if weights not in every:
        raise unknown_name(f"weights of {network}", weights, [PUBLISHED, *every])
    return every[weights]
