import pytest
import torch
from torch import nn

from kinetoscope.clips.open import open_clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError, VideoError
from kinetoscope.networks.network import Network
from kinetoscope.training.timeline import classify_video
from kinetoscope.video.encode import write_mp4

SPEC = ClipSpec(frames=4, short_side=32, size=(32, 32), mean=(0.0,) * 3, std=(1.0,) * 3)


class Brightness(nn.Module):
    """Scores two labels: how bright, and how dark the clip is."""

    def forward(self, frames):
        bright = frames.mean(dim=(1, 2, 3, 4))
        return torch.stack([bright, 1 - bright], dim=1) * 20


@pytest.fixture
def network():
    return Network(Brightness(), labels=["day", "night"], expects=SPEC, name="brightness")


@pytest.fixture
def sunset(tmp_path):
    """Three seconds: bright for two, then dark."""
    frames = torch.full((24, 32, 48, 3), 230, dtype=torch.uint8)
    frames[16:] = 20
    write_mp4(tmp_path / "sunset.mp4", frames, 8.0)
    return tmp_path / "sunset.mp4"


def test_each_second_is_told_by_what_is_seen_then(network, sunset):
    moments = list(classify_video(network, sunset, every_seconds=1.0))
    assert [moment.classification.top(1)[0][0] for moment in moments] == ["day", "day", "night"]
    assert [moment.start_seconds for moment in moments] == pytest.approx([0, 1, 2])
    assert moments[2].end_seconds == pytest.approx(3)
    assert moments[2].seen[0] >= 2


def test_the_whole_video_is_told_as_one(network, sunset):
    (moment,) = classify_video(network, sunset)
    expected = network.classify(open_clip(sunset, SPEC))
    assert moment.classification.probabilities == pytest.approx(expected.probabilities)


def test_the_same_whatever_the_batch(network, sunset):
    alone = list(classify_video(network, sunset, every_seconds=0.5, batch=1))
    assert list(classify_video(network, sunset, every_seconds=0.5, batch=4)) == alone


def test_the_network_stays_in_its_mode(network, sunset):
    network.train()
    list(classify_video(network, sunset))
    assert network.training


def test_a_short_video_says_what_was_filled(network, sunset):
    spec = ClipSpec(frames=32, short_side=32, size=(32, 32))
    longer = Network(Brightness(), labels=["day", "night"], expects=spec, name="brightness")
    (moment,) = classify_video(longer, sunset)
    assert moment.repeated == 8


def test_refuses_what_can_not_be_seen(network, sunset, tmp_path):
    with pytest.raises(ClipError, match="has a length"):
        list(classify_video(network, sunset, every_seconds=0.0))
    with pytest.raises(VideoError):
        list(classify_video(network, tmp_path / "absent.mp4"))
