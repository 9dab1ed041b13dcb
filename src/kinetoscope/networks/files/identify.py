"""Which network are these weights of?

A network is known by how many weights it has, its labels aside, and by the names of its first and
last ones. Networks of the same weights may differ in the clips that they see, which no tensor says:
then the settings that were saved beside them decide, or nobody does, and all of them are named.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from kinetoscope.networks.files.checkpoints import Checkpoint
from kinetoscope.networks.files.dialect import translated
from kinetoscope.networks.files.dialects import TSM, TSN, dialect_of
from kinetoscope.networks.files.settings import halves_time
from kinetoscope.networks.listings import ZOO, Listing
from kinetoscope.networks.zoo import family_of

HEADS = ("label.conv.weight", "fc.weight", "classifier.1.weight", "head.weight", "head.1.weight")
"""Names of the weights that score labels: ours, and torchvision's."""

SECOND_HEAD = "motion.label.conv.weight"

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")

BEGINNINGS = {
    "residual3d": r"(slow\.)?conv1\.conv\.weight",
    "streams.vgg16": r"conv1_1\.conv\.weight",
    "streams.two_stream": r"appearance\.conv1(_1)?\.conv\.weight",
    "c3d": r"conv1a\.conv\.weight",
    "others.adapters": r"(stem\.0|conv_proj|features\.0\.0\.0|patch_embed\.\w+)\.weight",
}
"""How one weight of each family is called; those of other families are not looked for."""

FRAMES = re.compile(r"NUM_FRAMES:\s*(\d+)|clip_len\s*=\s*(\d+)")
STRIDE = re.compile(r"SAMPLING_RATE:\s*(\d+)|frame_interval\s*=\s*(\d+)")


def networks_of(checkpoint: Checkpoint) -> list[str]:
    """The names of networks whose weights these may be: one, several, or none that is known."""
    dialect = dialect_of(checkpoint.tensors)
    if checkpoint.about.get("name"):
        return [str(checkpoint.about["name"])]
    if dialect.name in (TSM.name, TSN.name):
        return [f"frames_resnet{_depth(checkpoint.tensors)}"]
    tensors = translated(checkpoint.tensors, dialect)
    found = [
        name
        for name, row in ZOO.items()
        if row.module in BEGINNINGS
        and not name.endswith("_toy")
        and any(re.fullmatch(BEGINNINGS[row.module], each) for each in tensors)
        and _is_of(tensors, row)
    ]
    halves = halves_time(dialect, checkpoint.settings)
    found = [name for name in found if halves is None or _halves(name) in (halves, None)]
    return _of_clips(found, checkpoint.settings) if len(found) > 1 else found


def labels_of(checkpoint: Checkpoint) -> int | None:
    """How many labels are scored, where it is known which weights do."""
    tensors = translated(checkpoint.tensors, dialect_of(checkpoint.tensors))
    return next((len(tensors[name]) for name in HEADS if name in tensors), None)


def _is_of(tensors: Mapping[str, Tensor], row: Listing) -> bool:
    """Whether a network has as many weights as these, besides those that score labels."""
    heads = [tensors[name] for name in (*HEADS, SECOND_HEAD) if name in tensors]
    if not heads:
        return _count(tensors) == row.weights
    labels = len(heads[0])
    one = sum(head[0].numel() + 1 for head in heads)  # the weights of one label, and its bias
    return _count(tensors) - labels * one == row.weights - row.labels * one


def _count(tensors: Mapping[str, Tensor]) -> int:
    """How many weights there are, with the biases that mmaction2 leaves out."""
    weights = (each.numel() for name, each in tensors.items() if not name.endswith(STATISTICS))
    without = (
        len(each)
        for name, each in tensors.items()
        if name.endswith("non_local.out.weight") and name[: -len("weight")] + "bias" not in tensors
    )
    return sum(weights) + sum(without)


def _of_clips(names: list[str], settings: str | None) -> list[str]:
    """Those that see as many frames, so far apart, as the settings say; all, where they don't."""
    frames, stride = (_number(pattern, settings) for pattern in (FRAMES, STRIDE))
    if frames is None or stride is None:
        return names

    def clips(name: str) -> tuple[int, int]:
        family, _ = family_of(name)
        spec = family.expects(family.VARIANTS[name])
        return spec.frames, spec.stride

    fitting = [name for name in names if clips(name) == (frames, stride)]
    return fitting or names


def _halves(name: str) -> bool | None:
    """Whether conv1 and pool1 of a C2D or I3D halve time; None of another network."""
    family, _ = family_of(name)
    row = getattr(family.VARIANTS[name], "pathway", "")
    return row.endswith("_long") if row.startswith(("c2d", "i3d")) else None


def _number(pattern: re.Pattern[str], settings: str | None) -> int | None:
    found = pattern.search((settings or "")[:1_000_000])
    return int(next(filter(None, found.groups()))) if found else None


def _depth(tensors: Mapping[str, Tensor]) -> int:
    """The depth of a ResNet for pictures, as its name says it."""
    convolutions = [name for name in tensors if re.search(r"layer\d\.\d+\.conv\d\.", name)]
    return len(convolutions) + 2
