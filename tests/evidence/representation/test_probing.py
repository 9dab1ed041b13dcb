import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from kinetoscope.evidence.representation import probing
from kinetoscope.evidence.representation.probing import COSTS, cross_validate, fit_and_tell


def planted(clips=48, labels=3, features=6, strength=3.0, seed=0):
    """Labels in turn; each moves one feature."""
    numbers = np.random.default_rng(seed)
    of_clip = np.arange(clips) % labels
    made = numbers.normal(size=(clips, features))
    made[np.arange(clips), of_clip] += strength
    return made, of_clip, np.arange(clips)


# Known answers


@pytest.mark.parametrize("machine", ["logistic", "svm"])
def test_what_is_planted_is_read_and_what_is_not_is_not(machine):
    features, labels, groups = planted(strength=8)
    told = cross_validate(features, labels, groups, machine, folds=3)
    assert told.right(labels).mean() > 0.95
    noise = np.random.default_rng(1).normal(size=features.shape)
    missed = cross_validate(noise, labels, groups, machine, folds=3)
    assert missed.right(labels).mean() < 0.6


def test_who_is_in_a_clip_is_not_taken_for_what_it_shows():
    """Features name the person and nothing else. Were persons on both sides, all would be right."""
    numbers = np.random.default_rng(0)
    persons = np.repeat(np.arange(16), 4)
    labels = (persons % 2).astype(int)
    features = numbers.normal(size=(16, 12))[persons] + 0.01 * numbers.normal(size=(64, 12))
    apart = cross_validate(features, labels, persons, "svm", folds=4)
    mixed = cross_validate(features, labels, np.arange(64), "svm", folds=4)
    assert mixed.right(labels).mean() == 1
    assert apart.right(labels).mean() < 0.75


def test_a_label_of_two_clips_is_told_from_the_other_one():
    features, labels, groups = planted(clips=24, labels=2, strength=9)
    features = np.concatenate([features, 20 + np.zeros((2, 6))])
    labels, groups = np.append(labels, [2, 2]), np.append(groups, [24, 25])
    told = cross_validate(features, labels, groups, "logistic")
    assert (told.predicted >= 0).all()
    assert told.right(labels)[:24].mean() > 0.9


# Slow twin: as scikit-learn does the whole of it


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["logistic", "svm"])
def test_agrees_with_a_grid_search_within_each_fold(machine):
    features, labels, groups = planted(clips=36, strength=1.0)
    groups = groups // 2
    fitted = {
        "logistic": LogisticRegression(tol=1e-3, max_iter=1000),
        "svm": LinearSVC(tol=1e-2, max_iter=5000, random_state=0),
    }[machine]
    halved = FunctionTransformer(lambda x: x / np.sqrt(6))
    line = make_pipeline(StandardScaler(), halved, fitted)
    costs = {f"{type(fitted).__name__.lower()}__C": COSTS[machine]}
    expected, chosen = np.empty(36, dtype=int), []
    with warnings.catch_warnings(action="ignore"):
        outer = StratifiedGroupKFold(4, shuffle=True, random_state=0)
        for train, test in outer.split(features, labels, groups):
            inner = StratifiedGroupKFold(3, shuffle=True, random_state=0)
            folds = list(inner.split(features[train], labels[train], groups[train]))
            # each clip counts the same, however large its fold
            search = GridSearchCV(
                line, costs, cv=folds, scoring=lambda m, x, y: (m.predict(x) == y).sum()
            )
            search.fit(features[train], labels[train])
            expected[test] = search.predict(features[test])
            chosen += [next(iter(search.best_params_.values()))]
    told = cross_validate(features, labels, groups, machine, folds=4)
    assert told.predicted.tolist() == expected.tolist()
    assert list(told.costs) == chosen


def test_turning_more_features_than_clips_changes_no_answer(monkeypatch):
    features, labels, groups = planted(clips=24, features=60, strength=2.0)
    train, test = np.arange(16), np.arange(16, 24)
    turned = fit_and_tell(features[train], labels[train], groups[train], features[test], "logistic")
    monkeypatch.setattr(PCA, "fit", lambda self, x: FunctionTransformer())
    plain = fit_and_tell(features[train], labels[train], groups[train], features[test], "logistic")
    assert turned.predicted.tolist() == plain.predicted.tolist()
    assert turned.costs == plain.costs


# Promises


def test_units_in_which_features_are_measured_do_not_matter():
    features, labels, groups = planted(clips=24, strength=1.0)
    scale = 10.0 ** np.arange(6)
    one, other = (
        cross_validate(each, labels, groups, "svm", folds=3)
        for each in (features, features * scale + 7)
    )
    assert one.predicted.tolist() == other.predicted.tolist()


def test_the_same_seed_tells_the_same():
    features, labels, groups = planted(clips=24, strength=0.5)
    one, same = (cross_validate(features, labels, groups, "svm", folds=3, seed=3) for _ in range(2))
    assert one.predicted.tolist() == same.predicted.tolist()
    assert one.costs == same.costs


def test_fits_that_did_not_come_to_rest_are_counted(monkeypatch):
    features, labels, groups = planted(clips=24, strength=0.2)
    monkeypatch.setattr(
        probing, "_maker", lambda machine, seed: lambda cost: LogisticRegression(C=cost, max_iter=1)
    )
    assert cross_validate(features, labels, groups, "logistic", folds=3).unfinished > 0
