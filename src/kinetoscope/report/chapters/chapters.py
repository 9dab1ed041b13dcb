"""Which kinds of evidence have a page of their own, and to which question does each belong?

A chapter is made from the folder `evidence/<kind>` and shown by `viewer/chapters/<kind>.js`. The
tables beside the evidence are put beside the page, so that every plot has its numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kinetoscope.evidence.evidence import FILE, Evidence, read_evidence
from kinetoscope.report.chapters import (
    attribution,
    attribution_check,
    audit,
    confusion,
    cues,
    embedding,
    evolution,
    health,
    invariance,
    probes,
    similarity,
    specificity,
    tuning,
)
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.page import handing_over
from kinetoscope.report.shelf import Shelf


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A kind of evidence, as the report has it.

    Args:
        title: of its page.
        asks: what it answers, in a sentence.
        question: to which of the four questions of the overview it belongs, from 0.
        tell: makes what is told of its folder.
    """

    title: str
    asks: str
    question: int
    tell: Callable[[Evidence, Shelf], Told]


CHAPTERS: dict[str, Chapter] = {
    "specificity": Chapter(
        title="Specific or general",
        asks="Which units answer to one class, which to all, and what is lost without them?",
        question=1,
        tell=specificity.tell,
    ),
    "confusion": Chapter(
        title="What is mixed up",
        asks="Which classes are mixed up, which units make it so, and what undoes it?",
        question=3,
        tell=confusion.tell,
    ),
    "attribution": Chapter(
        title="Where and when",
        asks="Where in a clip, when, and in which stream lies what an answer rests on?",
        question=3,
        tell=attribution.tell,
    ),
    "attribution-check": Chapter(
        title="Which heat to believe",
        asks="Which attribution methods tell what this network loses, and which only seem to?",
        question=3,
        tell=attribution_check.tell,
    ),
    "cues": Chapter(
        title="What motion and appearance add",
        asks="What do units, layers and classes owe to motion, and what to appearance?",
        question=0,
        tell=cues.tell,
    ),
    "tuning": Chapter(
        title="Tuning to motion",
        asks="What direction, speed, fineness and size of moving patterns is each unit tuned to?",
        question=0,
        tell=tuning.tell,
    ),
    "audit": Chapter(
        title="Peculiar data",
        asks="What tells classes that should not, which clips are copies, which labels look wrong?",
        question=3,
        tell=audit.tell,
    ),
    "probes": Chapter(
        title="What each layer tells",
        asks="How well can the classes be read from each layer by a straight cut?",
        question=2,
        tell=probes.tell,
    ),
    "similarity": Chapter(
        title="Which layers are alike",
        asks="Which layers say the same of the same clips, and which were changed by learning?",
        question=2,
        tell=similarity.tell,
    ),
    "embedding": Chapter(
        title="Maps of clips",
        asks="How do clips lie on a plane, as layers see them, and how far can that be trusted?",
        question=2,
        tell=embedding.tell,
    ),
    "invariance": Chapter(
        title="Invariance",
        asks="Which changes of a clip does the network not mind, and does that grow with depth?",
        question=2,
        tell=invariance.tell,
    ),
    "evolution": Chapter(
        title="Evolution in training",
        asks="When do the units of each layer settle, and how do their strongest clips change?",
        question=2,
        tell=evolution.tell,
    ),
    "health": Chapter(
        title="Dead, sparse, twice",
        asks="Which units say nothing, which say the same, and what do the first ones look for?",
        question=1,
        tell=health.tell,
    ),
}
"""By kind, in the order of the menu."""


def chapters_part(look_folder: Path, shelf: Shelf) -> list[dict[str, Any]]:
    """What the viewer is told of the chapters that there is evidence for."""
    return [
        _chapter(kind, chapter, look_folder / "evidence" / kind, shelf)
        for kind, chapter in CHAPTERS.items()
        if (look_folder / "evidence" / kind / FILE).exists()
    ]


def _chapter(kind: str, chapter: Chapter, folder: Path, shelf: Shelf) -> dict[str, Any]:
    found = read_evidence(folder, kind)
    told = chapter.tell(found, shelf)
    return {
        "kind": kind,
        "title": chapter.title,
        "asks": chapter.asks,
        "question": chapter.question,
        "summary": told.summary,
        "data": shelf.text(f"data/{kind}.js", handing_over(told.data)),
        "tables": [
            {"name": path.stem, "address": shelf.text(f"data/{kind}-{path.name}", _text(path))}
            for path in sorted(folder.glob("*.csv"))
        ],
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
