"""How do published weights come onto this machine?

By `download_weights` alone: whatever else needs them, looks for them here and says if they are not.
Each library keeps what is fetched in its own cache, so that its other users find it too.
"""

from pathlib import Path

from kinetoscope.errors import UnknownNameError
from kinetoscope.networks.zoo import family_of


def download_weights(name: str) -> Path:
    """Fetch the published weights of a network, where they are not here yet.

    Args:
        name: `torchvision:<name>`, `hf:<repository>`, or another that a library has weights of.

    Returns:
        the file, or the folder of several.

    Raises:
        UnknownNameError: there is no such network, or nobody released its weights.
        WeightsError: they can't be fetched, or what comes is damaged.
        MissingPackageError: the library that fetches them is not installed.
    """
    family, rest = family_of(name)
    if not hasattr(family, "download"):
        raise UnknownNameError(
            f"no weights of {name} are published in a place that is known",
            got=name,
            expected="torchvision:<name> or hf:<repository>",
            hint=f'weights that you have are loaded by load_network("{name}", weights="file.pth")',
        )
    return family.download(rest)
