"""How well can labels be told from a layer by a straight cut?

A linear machine is fitted to what a layer says of some clips and tested on others of which no group
was among the first. Features are standardized by the clips that are fitted to, and how much its
weights cost is chosen among these alone, by the same rule once more. What it gets right is what is
there in the layer in plain sight; what the network could still make of the rest, it does not tell.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 5.3 (a linear support vector machine on each layer); Alain and Bengio, "Understanding
Intermediate Layers Using Linear Classifier Probes", ICLR workshop 2017 (logistic regression).
Differs: features are pooled over places; the machines are scikit-learn's. Where there are more
features than clips, clips are turned to the directions in which they differ, which changes no
answer of a machine whose weights cost their square.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from kinetoscope.evidence.representation.clips import Places, Table

Machine = Literal["logistic", "svm"]

COSTS: dict[Machine, tuple[float, ...]] = {
    "logistic": (0.1, 1.0, 10.0, 100.0, 1000.0),
    "svm": (0.01, 0.1, 1.0, 10.0, 100.0),
}
"""What a clip on the wrong side may cost (scikit-learn's C), where clips have the mean square 1; of
equally good ones the first is taken."""

_FOLDS_WITHIN = 3


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a machine told of clips that it was not fitted to.

    Args:
        predicted: the place of a label, for each clip.
        costs: that were chosen, one a fit.
        unfinished: how many of the fits stopped before they came to rest.
    """

    predicted: Places
    costs: tuple[float, ...]
    unfinished: int

    def right(self, labels: Places) -> Bool[np.ndarray, " clip"]:
        """Which clips it is right about."""
        return self.predicted == labels


def cross_validate(
    features: Table,
    labels: Places,
    groups: Places,
    machine: Machine,
    *,
    folds: int = 5,
    seed: int = 0,
) -> Told:
    """Tell the label of each clip by a machine that saw none of its group.

    Args:
        features: a row a clip.
        labels: of each clip; two or more, each in two groups or more.
        groups: of each clip; all of a group are fitted to or tested on.
        machine: which one.
        folds: into how many parts; fewer where no label has so many clips.
        seed: of the parts and the fits.
    """
    predicted = np.full(len(labels), -1)
    costs, unfinished = [], 0
    for fitted, tested in folds_of(labels, groups, folds, seed):
        told = fit_and_tell(
            features[fitted], labels[fitted], groups[fitted], features[tested], machine, seed=seed
        )
        predicted[tested] = told.predicted
        costs += told.costs
        unfinished += told.unfinished
    return Told(predicted=predicted, costs=tuple(costs), unfinished=unfinished)


def fit_and_tell(
    features: Table,
    labels: Places,
    groups: Places,
    others: Float[np.ndarray, "other feature"],
    machine: Machine,
    *,
    seed: int = 0,
) -> Told:
    """Fit a machine to some clips and tell the labels of others.

    Args:
        features: of the clips that are fitted to, a row a clip.
        labels: theirs.
        groups: theirs.
        others: the clips that are told, a row a clip.
        machine: which one.
        seed: of the parts and the fits.
    """
    make = _maker(machine, seed)
    cost, unfinished = _choose_cost(features, labels, groups, machine, seed)
    shown, asked = _prepared(features, others)
    fitted, stopped = _fit(make(cost), shown, labels)
    return Told(
        predicted=np.asarray(fitted.predict(asked)), costs=(cost,), unfinished=unfinished + stopped
    )


def folds_of(labels: Places, groups: Places, folds: int, seed: int) -> Iterator[tuple[Any, Any]]:
    """Rows that are fitted to, and rows that are tested; as many of each label in each part."""
    from sklearn.model_selection import StratifiedGroupKFold

    most = int(np.bincount(labels).max())
    parts = min(folds, most, len(set(groups.tolist())))
    splitter = StratifiedGroupKFold(n_splits=parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        pairs = list(splitter.split(np.zeros((len(labels), 1)), labels, groups))
    for fitted, tested in pairs:
        if len(tested) and len(set(labels[fitted].tolist())) > 1:
            yield fitted, tested


def _choose_cost(
    features: Table, labels: Places, groups: Places, machine: Machine, seed: int
) -> tuple[float, int]:
    """The cost by which most are told right within the fitted clips; fits that did not end."""
    make, costs = _maker(machine, seed), COSTS[machine]
    right, unfinished = np.zeros(len(costs)), 0
    for fitted, tested in folds_of(labels, groups, _FOLDS_WITHIN, seed):
        shown, asked = _prepared(features[fitted], features[tested])
        for number, cost in enumerate(costs):
            made, stopped = _fit(make(cost), shown, labels[fitted])
            right[number] += (made.predict(asked) == labels[tested]).sum()
            unfinished += stopped
    return costs[int(right.argmax())], unfinished


def _prepared(
    features: Table, others: Float[np.ndarray, "other feature"]
) -> tuple[Float[np.ndarray, "clip kept"], Float[np.ndarray, "other kept"]]:
    """Standardized by the first, with clips of mean square 1, and no more features than clips.

    So a cost means the same for layers of few units and of many.
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    size = features.shape[1] ** 0.5
    shown, asked = scaler.transform(features) / size, scaler.transform(others) / size
    if shown.shape[1] > len(shown):
        turned = PCA(svd_solver="full").fit(shown)
        shown, asked = turned.transform(shown), turned.transform(asked)
    return np.asarray(shown), np.asarray(asked)


def _maker(machine: Machine, seed: int) -> Callable[[float], Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    if machine == "logistic":
        return lambda cost: LogisticRegression(C=cost, tol=1e-3, max_iter=1000)
    return lambda cost: LinearSVC(C=cost, tol=1e-2, max_iter=5000, random_state=seed)


def _fit(machine: Any, features: np.ndarray, labels: Places) -> tuple[Any, bool]:
    """The machine, and whether it stopped before it came to rest."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        machine.fit(features, labels)
    for each in said:
        if not issubclass(each.category, ConvergenceWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return machine, any(issubclass(each.category, ConvergenceWarning) for each in said)
