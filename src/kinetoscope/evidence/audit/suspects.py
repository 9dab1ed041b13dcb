"""Which clips may bear a wrong label?

A linear discriminant on the network's features gives each clip, which it has not seen, a
probability for every label. A label counts as likely for a clip where its probability is at least
the mean probability of that label among the clips that bear it. A clip whose likeliest such label
is not the one that it bears is a suspect; the confident joint counts them.

Linear discriminants are too sure of themselves. So what is told of a suspect, and the order, are of
probabilities that were softened by one temperature, fitted to all clips: the first suspect is the
one whose own label falls furthest behind another.

Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
JAIR 2021, section 3 (the confident joint, equations 1 and 2; ranking by normalized margin); Guo,
Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2 (the
temperature).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from kinetoscope.evidence.audit.telling import left_out_probabilities

Labels = Int[np.ndarray, " clip"]
Probabilities = Float[np.ndarray, "clip label"]

_COMPONENTS = 64
_TINY = 1e-300
_TEMPERATURES = (0.2, 100.0)


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """Clips that may bear a wrong label.

    Args:
        places: of the suspects among the clips, the most suspicious first.
        rather: the label that each would have.
        margin: softened probability of the label it bears less that of the likeliest other.
        own: softened probability of the label it bears.
        joint: how many clips bear a label (row) and are confidently of one (column).
        accuracy: how often the likeliest label is the one that a clip bears.
        thresholds: mean probability of each label among its own clips.
    """

    places: Int[np.ndarray, " suspect"]
    rather: Int[np.ndarray, " suspect"]
    margin: Float[np.ndarray, " suspect"]
    own: Float[np.ndarray, " suspect"]
    joint: Int[np.ndarray, "label label"]
    accuracy: float
    thresholds: Float[np.ndarray, " label"]


def find_suspects(
    features: Float[np.ndarray, "clip channel"], labels: Labels, folds: Labels, *, seed: int = 0
) -> Suspects:
    """Suspects by the network's features.

    Args:
        features: of each clip.
        labels: the place of each clip's label, which are all known.
        folds: in which part each clip is left out.
        seed: of the principal components.
    """
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = features[:, np.ptp(features, axis=0) > 0]
    fitted = len(folds) - int(np.bincount(folds).max())
    components = min(_COMPONENTS, features.shape[1], fitted)
    classifier = make_pipeline(
        StandardScaler(),
        PCA(components, random_state=seed, svd_solver="randomized"),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    return judge(left_out_probabilities(classifier, features, labels, folds), labels)


def judge(probabilities: Probabilities, labels: Labels) -> Suspects:
    """Suspects by probabilities that do not know the clip."""
    count = probabilities.shape[1]
    thresholds = np.array(
        [
            probabilities[labels == label, label].mean() if (labels == label).any() else np.inf
            for label in range(count)
        ]
    )
    likely = probabilities >= thresholds
    confident = np.where(likely, probabilities, -1.0).argmax(axis=1)
    counted = likely.any(axis=1)
    joint = np.zeros((count, count), dtype=int)
    np.add.at(joint, (labels[counted], confident[counted]), 1)
    soft = softened(probabilities, labels)
    margin = margins(soft, labels)
    places = np.flatnonzero(counted & (confident != labels))
    places = places[np.argsort(margin[places], kind="stable")]
    return Suspects(
        places=places,
        rather=confident[places],
        margin=margin[places],
        own=soft[places, labels[places]],
        joint=joint,
        accuracy=float((probabilities.argmax(axis=1) == labels).mean()),
        thresholds=thresholds,
    )


def margins(probabilities: Probabilities, labels: Labels) -> Float[np.ndarray, " clip"]:
    """Of each clip, the probability of its label less that of the likeliest other."""
    others = np.where(_own(probabilities, labels), -np.inf, probabilities)
    return probabilities[np.arange(len(labels)), labels] - others.max(axis=1)


def softened(probabilities: Probabilities, labels: Labels) -> Probabilities:
    """As sure as they are right: their logarithms divided by the temperature that fits best."""
    logs = np.log(np.maximum(probabilities, _TINY))
    rows = np.arange(len(labels))

    def surprise(temperature: float) -> float:
        return -float(log_softmax(logs / temperature, axis=1)[rows, labels].mean())

    found: Any = minimize_scalar(surprise, bounds=_TEMPERATURES, method="bounded")
    return softmax(logs / found.x, axis=1)


def _own(probabilities: Probabilities, labels: Labels) -> Bool[np.ndarray, "clip label"]:
    return np.arange(probabilities.shape[1]) == labels[:, None]
