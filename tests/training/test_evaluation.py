import json

import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.training.evaluation import Evaluation, Protocol

LABELS = ("walk", "run", "<script>")


def evaluation(probabilities, truth, **rest):
    return Evaluation(
        network="toy",
        weights_hash="0",
        catalog="films",
        catalog_key="1",
        labels=LABELS,
        protocol=Protocol(clips=10, crops=3),
        probabilities=torch.tensor(probabilities),
        truth=torch.tensor(truth),
        videos=tuple({"path": f"{place}.mp4"} for place in range(len(truth))),
        **rest,
    )


FOUR = evaluation(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]], [0, 1, 1, -1]
)


def test_figures_are_those_of_the_labelled_videos():
    assert FOUR.top1 == pytest.approx(2 / 3)
    assert FOUR.top5 == 1
    assert FOUR.mean_class_accuracy == pytest.approx((1 + 0.5) / 2)
    assert FOUR.confusion.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert FOUR.calibration_error == pytest.approx((0.2 + 0.6 + 0.3) / 3)


def test_a_label_without_videos_has_no_accuracy():
    assert FOUR.per_label[2] == {"label": "<script>", "videos": 0, "accuracy": None}


def test_the_protocol_stands_beside_the_figures():
    found = FOUR.to_json()
    assert found["protocol"] == "10 clips x 3 crops a video, probabilities averaged"
    assert found["views"]["clips_placed"].startswith("evenly")
    assert found["views"]["crops_placed"] == "left, centre, right"
    assert (found["video_count"], found["labelled_count"]) == (4, 3)


def test_is_written_as_one_record_and_one_line_a_video(tmp_path):
    found = evaluation([[0.8, 0.1, 0.1]], [0], errors=({"path": "bad.mp4", "error": "no video"},))
    found.write(tmp_path / "new")
    whole = json.loads((tmp_path / "new" / "evaluation.json").read_text(encoding="utf-8"))
    assert whole == json.loads(json.dumps(found.to_json()))
    lines = (tmp_path / "new" / "videos.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["0.mp4", "bad.mp4"]


@pytest.mark.parametrize("settings", [{"crops": 2}, {"clips": 0}], ids=["two crops", "no clips"])
def test_refuses_views_that_can_not_be(settings):
    with pytest.raises(ClipError):
        Protocol(**settings)
