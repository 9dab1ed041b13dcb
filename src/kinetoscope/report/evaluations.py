"""How good is the network, by which protocol, and what is left where it is shown less?

An evaluation stands in a folder of its own; the one that takes nothing away is the network's
accuracy, the others are set beside it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kinetoscope.evidence.evidence import Evidence

_ORDERS = {
    "reversed": "played backward",
    "shuffled": "frames shuffled",
    "still": "middle frame only",
}
_STREAMS = {"frames": "without appearance", "flow": "without motion"}


def evaluation_part(evaluations: Sequence[Evidence]) -> dict[str, Any] | None:
    """The evaluation that takes nothing away; None where there is none."""
    whole = [each for each in evaluations if not _taken_away(each.answer)]
    if not whole:
        return None
    answer = whole[0].answer
    return {
        "top1": answer["top1"],
        "top5": answer.get("top5"),
        "mean_class_accuracy": answer.get("mean_class_accuracy"),
        "calibration_error": answer.get("calibration_error"),
        "reliability": answer.get("reliability", []),
        "confusion": answer.get("confusion"),
        "videos": _counted(answer),
        "protocol": protocol_in_words(answer),
    }


def variants_part(evaluations: Sequence[Evidence]) -> list[dict[str, Any]]:
    """The evaluations that take something away: what, and the accuracy that is left."""
    parts = [
        {"name": taken, "top1": each.answer["top1"]}
        for each in evaluations
        if (taken := _taken_away(each.answer))
    ]
    return sorted(parts, key=lambda part: part["name"])


def label_accuracies(evaluations: Sequence[Evidence]) -> dict[str, tuple[int, float | None]]:
    """Of each label: how many videos, and the share that is recognized."""
    whole = [each for each in evaluations if not _taken_away(each.answer)]
    rows = whole[0].answer.get("per_label", []) if whole else []
    return {row["label"]: (row["videos"], row["accuracy"]) for row in rows}


def protocol_in_words(answer: Mapping[str, Any]) -> str:
    """What the network was shown of each video.

    >>> protocol_in_words({"labelled_count": 8, "views": {"clips": 10, "crops": 3}})
    'Of each of 8 videos it saw 10 clips of 3 crops; their probabilities are averaged.'
    """
    views = answer.get("views") or {}
    clips, crops = views.get("clips", 1), views.get("crops", 1)
    videos = _counted(answer)
    start = f"Of each of {videos} videos it saw " if videos else "Of each video it saw "
    if clips == crops == 1:
        return f"{start}one clip, at the centre."
    counts = [f"{count} {noun}{'s' * (count > 1)}" for count, noun in _pairs(clips, crops)]
    return f"{start}{' of '.join(counts)}; their probabilities are averaged."


def _pairs(clips: int, crops: int) -> list[tuple[int, str]]:
    return [(clips, "clip"), (crops, "crop")]


def _counted(answer: Mapping[str, Any]) -> int | None:
    return answer.get("labelled_count", answer.get("video_count"))


def _taken_away(answer: Mapping[str, Any]) -> str:
    views = answer.get("views") or {}
    taken = [_STREAMS.get(views.get("without") or "", ""), _ORDERS.get(views.get("order", ""), "")]
    return ", ".join(filter(None, taken))
