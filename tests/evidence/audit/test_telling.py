import numpy as np
import pytest

from kinetoscope.evidence.audit.telling import (
    FOLDS,
    LEAST,
    RATE,
    drawn_evenly,
    folds_of,
    left_out_probabilities,
    tell_classes,
)

OWN = np.repeat(np.arange(3), 30)


def traits(seed=0):
    """A picture that tells the first class, a table that tells the second, and noise."""
    numbers = np.random.default_rng(seed)
    picture = numbers.normal(size=(90, 40))
    picture[:30, :3] += 2.5
    table = numbers.integers(20, 25, (90, 2)).astype(float)
    table[30:60, 0] += 5
    return {"border": picture, "length": table, "caption": numbers.normal(size=(90, 6))}


def test_reports_each_class_by_the_cue_that_was_planted_and_no_other():
    told = tell_classes(traits(), OWN, np.arange(90), shuffles=4)
    assert {(each.cue, each.label) for each in told if each.reported} == {
        ("border", 0),
        ("length", 1),
    }
    assert len(told) == 9
    for each in told:
        assert each.area.low <= each.area.value <= each.area.high
        assert 0.2 < each.shuffled[0] <= each.shuffled[1] < 0.8
        assert all(OWN[clip] == each.label for clip in each.telling)


def test_shuffled_labels_are_told_by_nothing():
    false = []
    for seed in range(3):
        labels = np.random.default_rng(seed).permutation(OWN)
        told = tell_classes(traits(seed), labels, np.arange(90), shuffles=1, seed=seed)
        false += [each.rate <= RATE for each in told]
    assert np.mean(false) <= 0.1


def test_the_same_seed_tells_the_same():
    some = {cue: traits()[cue] for cue in ("border", "length")}
    once, again = (tell_classes(some, OWN, np.arange(90), shuffles=1) for _ in range(2))
    assert once == again


def test_a_copy_is_never_on_both_sides_of_a_fold():
    numbers = np.random.default_rng(0)
    groups = numbers.integers(0, 40, 90)
    folds = folds_of(OWN, groups, seed=0)
    for group in np.unique(groups):
        assert len(np.unique(folds[groups == group])) == 1


def test_every_class_is_in_every_fold():
    folds = folds_of(OWN, np.arange(90), seed=3)
    counts = [np.bincount(folds[label == OWN], minlength=FOLDS) for label in range(3)]
    np.testing.assert_array_equal(counts, np.full((3, FOLDS), 6))


def test_learning_copies_by_heart_tells_nothing():
    """Each clip stands twice, noise and label: only folds that split copies would be told."""
    numbers = np.random.default_rng(0)
    vectors = np.tile(numbers.normal(size=(45, 30)), (2, 1))
    labels = np.tile(numbers.permutation(np.repeat(np.arange(3), 15)), 2)
    told = tell_classes({"border": vectors}, labels, np.tile(np.arange(45), 2), shuffles=2)
    assert max(each.area.value for each in told) < 0.7
    leaking = tell_classes({"border": vectors}, labels, np.arange(90), shuffles=2)
    assert min(each.area.value for each in leaking) > 0.75


def test_a_class_that_is_too_small_is_not_judged_but_stands_among_the_others():
    labels = OWN.copy()
    labels[60 + LEAST - 1 :] = -1
    told = tell_classes(traits(), labels, np.arange(90), shuffles=1)
    assert {each.label for each in told} == {0, 1}


def test_one_class_alone_is_not_judged():
    assert tell_classes(traits(), np.zeros(90, dtype=int), np.arange(90)) == []


def test_a_cue_that_is_the_same_in_all_clips_tells_nothing():
    told = tell_classes({"caption": np.zeros((90, 5))}, OWN, np.arange(90), shuffles=1)
    assert [each.area.value for each in told] == [0.5] * 3
    assert not any(each.reported for each in told)


def test_of_many_clips_the_small_classes_are_kept_whole():
    labels = np.repeat([0, 1, -1], [100, 7, 20])
    kept = drawn_evenly(labels, 20, seed=0)
    assert np.bincount(labels[kept]).tolist() == [13, 7]
    assert (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(drawn_evenly(labels, 1000, seed=0), np.arange(107))


def test_probabilities_are_those_of_scikit_learn_left_out():
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import PredefinedSplit, cross_val_predict

    vectors, folds = traits()["border"], np.arange(90) % 5
    found = left_out_probabilities(LogisticRegression(), vectors, OWN, folds)
    expected = cross_val_predict(
        LogisticRegression(), vectors, OWN, cv=PredefinedSplit(folds), method="predict_proba"
    )
    np.testing.assert_allclose(found, expected)


def test_labels_that_a_fold_has_not_seen_have_no_probability():
    from sklearn.linear_model import LogisticRegression

    labels = np.array([0, 0, 1, 1, 2])
    found = left_out_probabilities(
        LogisticRegression(), np.eye(5), labels, np.array([0, 1, 0, 1, 0])
    )
    assert found.shape == (5, 3)
    assert found[4, 2] == 0
    assert found.sum(axis=1) == pytest.approx(1)
