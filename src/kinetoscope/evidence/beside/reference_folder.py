"""How is it kept what units answer to made clips, so that a job can go on without asking again?

A folder of evidence holds the arrays of a `Reference`: `maxima.<layer>` and `means.<layer>`, `clip
channel`, the scores of labels under the layer `scores`. Its answer has the `name` of the clips, the
`layers` and the `labels`.
"""

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from kinetoscope.evidence.beside.reference import Reference, reference_of
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.scan import Progress
from kinetoscope.networks.network import Network

KIND, ARRAYS = "reference", "reference.safetensors"


def kept_reference(
    network: Network,
    layers: Sequence[str],
    folder: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Reference:
    """What layers, and scores, answer to made clips; read where it is there already.

    Args:
        network: comes back as it went.
        layers: by name.
        folder: of the evidence; complete or absent.
        seed: of the clips.
        progress: is told how many batches are done, and of how many that are known of.

    Raises:
        UnknownNameError: a layer is not there.
        ClipError: a layer can't be read.
    """
    provenance = Provenance.of(
        network,
        objective="largest and mean answer of every channel to made clips",
        settings={"layers": list(layers), "expects": network.expects.to_json()},
        seed=seed,
    )
    if not has_evidence(folder, provenance):
        found = reference_of(network, layers, seed=seed, progress=progress)
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            save_file(_arrays(found), aside / ARRAYS)
            answer["name"], answer["labels"] = found.name, list(found.labels)
            answer["layers"] = list(found.maxima)
    return read_reference(folder)


def read_reference(folder: Path) -> Reference:
    """Read a reference that was kept.

    Raises:
        EvidenceError: the folder holds none.
    """
    answer = read_evidence(folder, KIND).answer
    arrays = load_file(folder / ARRAYS)
    maxima, means = (
        {layer: arrays[f"{which}.{layer}"] for layer in answer["layers"]}
        for which in ("maxima", "means")
    )
    return Reference(
        name=answer["name"], maxima=maxima, means=means, labels=tuple(answer["labels"])
    )


def _arrays(reference: Reference) -> dict[str, Tensor]:
    return {
        f"{which}.{layer}": table.contiguous()
        for which, tables in (("maxima", reference.maxima), ("means", reference.means))
        for layer, table in tables.items()
    }
