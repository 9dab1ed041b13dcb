import pytest

from kinetoscope.evidence.evidence import Evidence, Provenance
from kinetoscope.report.evaluations import (
    evaluation_part,
    label_accuracies,
    protocol_in_words,
    variants_part,
)


def evaluation(tmp_path, top1, **views):
    answer = {
        "top1": top1,
        "labelled_count": 4,
        "views": {"clips": 1, "crops": 1, "without": None, "order": "forward", **views},
        "per_label": [{"label": "jump", "videos": 4, "accuracy": top1}],
    }
    provenance = Provenance(network="n", weights_hash="h")
    return Evidence(kind="evaluation", provenance=provenance, answer=answer, folder=tmp_path)


def test_accuracy_is_that_of_the_whole_clip_and_the_rest_is_set_beside_it(tmp_path):
    found = [
        evaluation(tmp_path, 0.5, without="flow"),
        evaluation(tmp_path, 0.9),
        evaluation(tmp_path, 0.6, order="reversed"),
    ]
    assert evaluation_part(found)["top1"] == 0.9
    assert label_accuracies(found) == {"jump": (4, 0.9)}
    assert variants_part(found) == [
        {"name": "played backward", "top1": 0.6},
        {"name": "without motion", "top1": 0.5},
    ]


def test_where_nothing_was_evaluated_nothing_is_said():
    assert evaluation_part([]) is None
    assert variants_part([]) == []
    assert label_accuracies([]) == {}


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ({"clips": 1, "crops": 1}, "Of each of 4 videos it saw one clip, at the centre."),
        (
            {"clips": 1, "crops": 3},
            "Of each of 4 videos it saw 1 clip of 3 crops; their probabilities are averaged.",
        ),
    ],
)
def test_the_protocol_is_said_in_words(views, words):
    assert protocol_in_words({"labelled_count": 4, "views": views}) == words
