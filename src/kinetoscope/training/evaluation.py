"""What is the result of an evaluation, and by which protocol was it found?

A number without its protocol can't be compared with another one, so the two are one record.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from torch import Tensor

from kinetoscope.clips.spec import Stream
from kinetoscope.errors import ClipError
from kinetoscope.files import write_text
from kinetoscope.tensors import Scores
from kinetoscope.training.metrics import (
    Bin,
    calibration_error,
    confusion_matrix,
    label_accuracies,
    mean_class_accuracy,
    reliability,
    top_accuracy,
)

Order = Literal["forward", "reversed", "shuffled", "still"]

TOP = 5
"""Beyond the first, a prediction counts as near among so many."""

CROPS: dict[int, tuple[str, ...]] = {1: ("centre",), 3: ("left", "centre", "right")}
"""Where the crops of a clip lie, along the longer side of its frames."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What a network was shown of each video.

    Args:
        clips: how many, spread evenly from a video's start to its end; a single one lies at the
            centre.
        crops: 1 for the centre, or 3 along the longer side of each clip.
        without: the stream that was blanked, if any.
        order: `forward`; `reversed`, with the motion negated; `shuffled`, each frame with the
            motion that followed it; `still`, the middle frame throughout, and no motion.
        seed: of the shuffling.
        own_task: whether a video's label was sought among those of its own task alone.
    """

    clips: int = 1
    crops: int = 1
    without: Stream | None = None
    order: Order = "forward"
    seed: int = 0
    own_task: bool = False

    def __post_init__(self):
        for name, known in (
            ("crops", tuple(CROPS)),
            ("without", (None, *get_args(Stream))),
            ("order", get_args(Order)),
        ):
            if getattr(self, name) not in known:
                raise ClipError(
                    f"a network can't be evaluated with {name} so",
                    got=getattr(self, name),
                    expected=f"one of {', '.join(str(each) for each in known)}",
                )
        if self.clips < 1:
            raise ClipError(
                "a video is evaluated on its clips", got=self.clips, expected="one clip or more"
            )

    def __str__(self):
        """In words.

        >>> print(Protocol(clips=10, crops=3, without="flow"))
        10 clips x 3 crops a video, probabilities averaged; without flow
        >>> print(Protocol(order="shuffled"))
        1 clip x 1 crop a video, both at the centre; frames shuffled
        """
        counts = f"{_counted(self.clips, 'clip')} x {_counted(self.crops, 'crop')} a video"
        alone = self.clips == self.crops == 1
        said = [f"{counts}, {'both at the centre' if alone else 'probabilities averaged'}"]
        if self.without:
            said.append(f"without {self.without}")
        if self.order != "forward":
            said.append(f"frames {self.order}")
        if self.own_task:
            said.append("labels of the video's own task")
        return "; ".join(said)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """How well a network did. All accuracies are shares of 1.

    Args:
        network, weights_hash: which network.
        catalog, catalog_key: which videos.
        labels: in the order of the network's scores.
        protocol: what it was shown of each.
        probabilities: of each label for each video that was opened, `video label`.
        truth: the place of each one's label; -1 where the catalog does not say.
        videos: a row for each video that was opened: its path, label, prediction and views.
        errors: a row for each video that could not be opened: its path and why.
    """

    network: str
    weights_hash: str
    catalog: str
    catalog_key: str
    labels: tuple[str, ...]
    protocol: Protocol
    probabilities: Scores
    truth: Tensor
    videos: tuple[Mapping[str, Any], ...]
    errors: tuple[Mapping[str, Any], ...] = ()

    @property
    def top1(self) -> float:
        """How many videos are recognized."""
        return top_accuracy(*self._known(), 1)

    @property
    def top5(self) -> float:
        """How many have their label among the five most probable."""
        return top_accuracy(*self._known(), TOP)

    @property
    def confusion(self) -> Tensor:
        """How many videos of each label (row) are taken for each label (column)."""
        probabilities, truth = self._known()
        return confusion_matrix(most_probable(probabilities), truth, len(self.labels))

    @property
    def mean_class_accuracy(self) -> float:
        """The mean over the labels, so that rare ones count as much as frequent ones."""
        return mean_class_accuracy(self.confusion)

    @property
    def reliability(self) -> tuple[Bin, ...]:
        """How many are right among those of which the network is so sure."""
        return reliability(*self._known())

    @property
    def calibration_error(self) -> float:
        """How far confidence is from accuracy, on average."""
        return calibration_error(self.reliability)

    @property
    def per_label(self) -> list[dict[str, Any]]:
        """The accuracy of each label, and how many videos it has."""
        confusion = self.confusion
        accuracies = label_accuracies(confusion).tolist()
        counts = confusion.sum(dim=1).tolist()
        return [
            {"label": label, "videos": count, "accuracy": accuracy if count else None}
            for label, count, accuracy in zip(self.labels, counts, accuracies, strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """All but the videos, as plain values."""
        return {
            "network": self.network,
            "weights_hash": self.weights_hash,
            "catalog": self.catalog,
            "catalog_key": self.catalog_key,
            "protocol": str(self.protocol),
            "views": {**asdict(self.protocol), **_placed(self.protocol)},
            "video_count": len(self.videos),
            "labelled_count": int((self.truth >= 0).sum()),
            "top1": self.top1,
            "top5": self.top5,
            "mean_class_accuracy": self.mean_class_accuracy,
            "calibration_error": self.calibration_error,
            "reliability": [asdict(each) for each in self.reliability],
            "labels": list(self.labels),
            "per_label": self.per_label,
            "confusion": self.confusion.tolist(),
            "errors": [dict(each) for each in self.errors],
        }

    def write(self, folder: Path) -> None:
        """Write `evaluation.json`, and `videos.jsonl` with one line a video."""
        rows = (json.dumps(row, ensure_ascii=False) for row in (*self.videos, *self.errors))
        write_text(folder / "videos.jsonl", "".join(f"{row}\n" for row in rows))
        text = json.dumps(self.to_json(), ensure_ascii=False, indent=1, allow_nan=False)
        write_text(folder / "evaluation.json", text + "\n")

    def _known(self) -> tuple[Tensor, Tensor]:
        labelled = self.truth >= 0
        return self.probabilities[labelled], self.truth[labelled]


def most_probable(probabilities: Scores) -> Tensor:
    """The most probable label; the first of several that are equally so."""
    return probabilities.argsort(dim=1, descending=True, stable=True)[:, 0]


def _placed(protocol: Protocol) -> dict[str, str]:
    evenly = "evenly, the first at the start of the video and the last at its end"
    return {
        "clips_placed": "at the centre" if protocol.clips == 1 else evenly,
        "crops_placed": ", ".join(CROPS[protocol.crops]),
        "merged": "mean of the views' probabilities",
    }


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
