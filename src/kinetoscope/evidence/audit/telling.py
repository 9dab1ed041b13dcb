"""Which classes can be told by a cue that should not tell them?

A classifier is fitted to the few numbers that a cue has of each clip: a logistic regression on the
32 first principal components of what is seen, or a small tree on what has a few named values.
Each clip is judged by a classifier that has not seen it, nor a copy of it, nor its group. How well
a class is told is the area under the ROC curve of its probability, against all others: 0.5 is
chance. The same is done with labels that were shuffled, several times; of all cues and classes
together the rate of false discoveries is kept.

Source: Torralba and Efros, "Unbiased Look at Dataset Bias", CVPR 2011, section 2 ("name that data
set"), for telling by a classifier what no one should be able to tell. Differs: cues by themselves
instead of whole pictures, and classes of one data set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from kinetoscope.evidence.audit.area import Area, area_of
from kinetoscope.evidence.intervals import false_discovery_rates

FOLDS = 5
LEAST = 10
"""A class of fewer clips is too small to judge."""

TELLING = 0.85
"""Least area under the ROC curve of a class that is reported."""

RATE = 0.05
"""Most false discoveries among those that are reported."""

MOST = 20_000
"""Of more clips, so many are drawn, as evenly over the classes as can be, to look for cues."""

_COMPONENTS = 32
_TELLING_CLIPS = 6
_NAMED = ("camera", "length", "form", "bit rate")  # cues of a few numbers, for trees

Vectors = Float[np.ndarray, "clip trait"]
Labels = Int[np.ndarray, " clip"]
"""The place of each clip's label; -1 for a clip without one."""

Probabilities = Float[np.ndarray, "clip label"]


@dataclass(frozen=True, kw_only=True)
class Told:
    """How well a class is told by a cue.

    Args:
        cue: by what.
        label: the class's place.
        clips: how many it has.
        area: under the ROC curve, with its interval.
        shuffled: least and largest area with labels that were shuffled.
        rate: of false discoveries, if this one is taken for one and all that are surer.
        telling: the clips of the class that are told best, by place, best first.
    """

    cue: str
    label: int
    clips: int
    area: Area
    shuffled: tuple[float, float]
    rate: float
    telling: tuple[int, ...]

    @property
    def reported(self) -> bool:
        """Whether the class is told well, and surely."""
        sure = self.rate <= RATE and self.area.low > self.shuffled[1]
        return self.area.value >= TELLING and sure


def tell_classes(
    traits: Mapping[str, Vectors],
    labels: Labels,
    groups: Labels,
    *,
    shuffles: int = 20,
    seed: int = 0,
) -> list[Told]:
    """How well each class that is large enough is told by each cue.

    Args:
        traits: of each cue, a row a clip.
        labels: of the clips.
        groups: clips with the same number are never on both sides of a fold.
        shuffles: how often labels are shuffled.
        seed: of folds and shuffles.
    """
    kept = drawn_evenly(labels, MOST, seed)
    own, folds = labels[kept], folds_of(labels[kept], groups[kept], seed)
    judged = [label for label in np.unique(own).tolist() if (own == label).sum() >= LEAST]
    numbers = np.random.default_rng(seed)
    orders = [numbers.permutation(len(own)) for _ in range(shuffles)]
    found: list[dict[str, Any]] = []
    for cue, vectors in traits.items() if len(judged) > 1 else ():
        found += _of_cue(cue, vectors[kept], own, folds, (judged, orders, seed))
    rates = false_discovery_rates(np.array([each["area"].p for each in found]))
    return [
        Told(**{**each, "telling": tuple(kept[list(each["telling"])].tolist())}, rate=float(rate))
        for each, rate in zip(found, rates, strict=True)
    ]


def drawn_evenly(labels: Labels, most: int, seed: int) -> Int[np.ndarray, " kept"]:
    """Places of clips with a label, at most so many, in order; small classes are kept whole."""
    numbers = np.random.default_rng(seed)
    places = numbers.permutation(np.flatnonzero(labels >= 0))
    turn = np.zeros(len(places), dtype=int)
    for label in np.unique(labels[places]):
        own = np.flatnonzero(labels[places] == label)
        turn[own] = np.arange(len(own))
    return np.sort(places[np.argsort(turn, kind="stable")[:most]])


def folds_of(labels: Labels, groups: Labels, seed: int, folds: int = FOLDS) -> Labels:
    """In which part each clip is left out: a group in one, the clips of a label in all of them."""
    numbers = np.random.default_rng(seed)
    _, first, which = np.unique(groups, return_index=True, return_inverse=True)
    order = np.lexsort((numbers.random(len(first)), labels[first]))
    dealt = np.empty(len(first), dtype=int)
    dealt[order] = np.arange(len(first)) % folds
    return dealt[which]


def left_out_probabilities(
    classifier: Any, vectors: Vectors, labels: Labels, folds: Labels
) -> Probabilities:
    """Of each label, by a classifier that has not seen the clip; labels by place."""
    found = np.zeros((len(labels), int(labels.max()) + 1))
    for fold in np.unique(folds):
        out = folds == fold
        if len(np.unique(labels[~out])) < 2 or not vectors.shape[1]:
            continue
        with np.errstate(invalid="ignore"):  # where all but what is left out are the same
            classifier.fit(vectors[~out], labels[~out])
        found[np.ix_(out, classifier.classes_)] = classifier.predict_proba(vectors[out])
    return found


def _classifier(cue: str, vectors: Vectors, folds: Labels, seed: int) -> Any:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    if cue in _NAMED:
        return DecisionTreeClassifier(max_leaf_nodes=24, min_samples_leaf=5, random_state=seed)
    fitted = len(folds) - int(np.bincount(folds).max())
    components = min(_COMPONENTS, vectors.shape[1], fitted)
    return make_pipeline(
        StandardScaler(),
        PCA(components, random_state=seed, svd_solver="randomized"),
        LogisticRegression(C=0.1, tol=1e-3, max_iter=1000),
    )


def _of_cue(
    cue: str, vectors: Vectors, labels: Labels, folds: Labels, how: tuple[Sequence[int], Any, int]
) -> list[dict[str, Any]]:
    judged, orders, seed = how
    vectors = vectors[:, np.ptp(vectors, axis=0) > 0]
    classifier = _classifier(cue, vectors, folds, seed)
    found = left_out_probabilities(classifier, vectors, labels, folds)
    shuffled = [_shuffled(classifier, vectors, labels[order], folds, judged) for order in orders]
    answers = []
    for place, label in enumerate(judged):
        own = labels == label
        areas = [each[place] for each in shuffled] or [0.5]
        telling = np.flatnonzero(own)[np.argsort(-found[own, label], kind="stable")]
        answers.append(
            {
                "cue": cue,
                "label": int(label),
                "clips": int(own.sum()),
                "area": area_of(found[own, label], found[~own, label]),
                "shuffled": (min(areas), max(areas)),
                "telling": telling[:_TELLING_CLIPS].tolist(),
            }
        )
    return answers


def _shuffled(
    classifier: Any, vectors: Vectors, labels: Labels, folds: Labels, judged: Sequence[int]
) -> list[float]:
    found = left_out_probabilities(classifier, vectors, labels, folds)
    return [
        area_of(found[labels == label, label], found[labels != label, label]).value
        for label in judged
    ]
