"""How are names of one library spelled in the words of another?

A dialect has a row for each layer: a pattern of the library's name, and the name here. Words in
braces stand for what differs from layer to layer, such as the number of a block; where the library
counts or spells otherwise, the dialect has its words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from torch import Tensor

Words = Mapping[str, Mapping[str, str]]

# What the braces of a row stand for, unless the dialect has words for them.
PATTERNS = {
    "stage": r"[2-5]",
    "block": r"\d+",
    "letter": r"[abc]",
    "role": r"theta|phi|g|out",
    "kind": r"weight|bias",
    "kept": r"weight|bias|running_mean|running_var|num_batches_tracked",
    "layer": r"[\w.]+?",
}


@dataclass(frozen=True, kw_only=True)
class Colours:
    """How frames were shown to a network when it was trained.

    Args:
        mean, std: of each colour in [0, 1], in the order red, green, blue.
        reversed: whether blue came first.
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    reversed: bool = False


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How one library names what a network has.

    Args:
        name: the library, as it is told to the user.
        marks: patterns of which each is found among the names of its checkpoints.
        rows: a pattern of their names, and the name here.
        words: their spelling and ours, for braces in the rows.
        neutral: names here that they leave out where it changes nothing, such as a bias before a
            batch norm, or the statistics of a norm that was made a scale and a shift.
        colours: how their frames are shown, where it is always the same.
        options: what its networks are built with, by our options; those that a network does not
            have do not matter to it.
        needs: of these, the ones without which the same weights answer otherwise.
    """

    name: str
    marks: tuple[str, ...] = ()
    rows: Mapping[str, str] = field(default_factory=dict)
    words: Words = field(default_factory=dict)
    neutral: tuple[str, ...] = ()
    colours: Colours | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    def fits(self, names: Iterable[str]) -> bool:
        """Whether a checkpoint with these names is one of this library."""
        names = list(names)
        return all(any(re.search(mark, name) for name in names) for mark in self.marks)

    def translate(self, name: str) -> str:
        """The name here; their own where no row knows it.

        >>> rows = {"blocks.{counted}.res_blocks.{block}.norm_{letter}.{kept}": (
        ...     "res{counted}.{block}.{letter}.norm.{kept}")}
        >>> theirs = Dialect(name="pytorchvideo", rows=rows, words={"counted": {"3": "4"}})
        >>> theirs.translate("blocks.3.res_blocks.0.norm_a.bias")
        'res4.0.a.norm.bias'
        """
        for pattern, ours in self._patterns:
            if found := pattern.fullmatch(name):
                words = found.groupdict()
                spelled = {k: self.words.get(k, {}).get(word, word) for k, word in words.items()}
                return ours.format_map(spelled)
        return name

    @cached_property
    def _patterns(self) -> list[tuple[re.Pattern[str], str]]:
        return [(self._pattern(theirs), ours) for theirs, ours in self.rows.items()]

    def _pattern(self, theirs: str) -> re.Pattern[str]:
        parts = re.split(r"\{(\w+)\}", theirs)
        made, seen = "", set()
        for place, part in enumerate(parts):
            if place % 2 == 0:
                made += re.escape(part)
            elif part in seen:
                made += rf"(?P={part})"
            else:
                seen.add(part)
                known = self.words.get(part)
                made += (
                    rf"(?P<{part}>{'|'.join(map(re.escape, known)) if known else PATTERNS[part]})"
                )
        return re.compile(made)


def translated(tensors: Mapping[str, Tensor], dialect: Dialect) -> dict[str, Tensor]:
    """The tensors under the names that they have here.

    Batch norms that were split for small batches are folded first; what stands before a non-local
    block becomes its `block`.
    """
    ours = {dialect.translate(name): tensor for name, tensor in fold_norms(tensors).items()}
    followed = {name.partition(".non_local.")[0] for name in ours if ".non_local." in name}
    return {_before_non_local(name, followed): tensor for name, tensor in ours.items()}


def _before_non_local(name: str, followed: set[str]) -> str:
    match = re.match(r"(?P<block>(slow\.|fast\.)?res\d\.\d+)\.(?!non_local\.|block\.)", name)
    if match is None or match["block"] not in followed:
        return name
    return f"{match['block']}.block.{name[match.end() :]}"


SPLIT = ".split_bn."


def fold_norms(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Batch norms as one, where PySlowFast has split them (`SubBatchNorm3d`).

    Each part of a batch has its own statistics there. Those of the whole are the mean of the means,
    and the mean of the variances plus the variance of the means.
    """
    folded = {
        name.replace("bn.bn.", "bn."): tensor
        for name, tensor in tensors.items()
        if SPLIT not in name
    }
    for name, variances in tensors.items():
        if not name.endswith(f"{SPLIT}running_var"):
            continue
        norm = name.removesuffix(f"{SPLIT}running_var")
        channels = len(tensors[f"{norm}.weight"])
        means = tensors[f"{norm}{SPLIT}running_mean"].reshape(-1, channels)
        mean = means.mean(dim=0)
        spread = (means - mean).square().mean(dim=0)
        folded[f"{norm}.running_mean"] = mean
        folded[f"{norm}.running_var"] = variances.reshape(-1, channels).mean(dim=0) + spread
    return folded
