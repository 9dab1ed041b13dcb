import pytest
import torch
from torch import nn

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.open import open_entry_views
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import CatalogError, ClipError
from kinetoscope.networks.network import Network
from kinetoscope.training.evaluate import evaluate, probabilities_of, reordered, spread
from tests.squares import COLOURS, videos_of_squares

SPEC = {"frames": 4, "short_side": 32, "size": (32, 32)}


class Brightest(nn.Module):
    """Scores each label by its colour channel."""

    def forward(self, frames, flow=None):
        return 8 * frames.mean(dim=(2, 3, 4))


class Motion(nn.Module):
    """Scores the frames' change from first to last, and the motion to the right."""

    def forward(self, frames, flow):
        change = (frames[:, :, -1] - frames[:, :, 0]).mean(dim=(1, 2, 3))
        return torch.stack([change, flow[:, 0].mean(dim=(1, 2, 3))], dim=1)


def network(model=None, labels=tuple(COLOURS), **expects):
    spec = ClipSpec(**{**SPEC, **expects})
    return Network(model or Brightest(), labels=labels, expects=spec, name="toy")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = videos_of_squares(tmp_path_factory.mktemp("planted"), train=2, test=2, broken=1)
    return read_catalog(folder)


def test_a_network_that_knows_is_right_about_every_video(videos):
    found = evaluate(network(), videos.split("test"))
    assert (found.top1, found.mean_class_accuracy, found.errors) == (1.0, 1.0, ())
    assert found.confusion.diagonal().tolist() == [2, 2, 2]
    assert all(row["right"] and row["predicted"] == row["label"] for row in found.videos)


def test_labels_are_matched_by_name_and_not_by_place(videos):
    class Turned(nn.Module):
        def forward(self, frames):
            return 8 * frames.mean(dim=(2, 3, 4)).flip(1)

    turned = network(Turned(), labels=("blue", "green", "red"))
    assert evaluate(turned, videos.split("test")).top1 == 1


def test_a_bad_video_is_listed_and_the_others_count(videos):
    found = evaluate(network(), videos)
    assert [row["path"] for row in found.errors] == ["broken-0.mp4"]
    assert len(found.videos) == len(videos) - 1
    assert found.top1 == 1


def test_agrees_with_the_definition_written_out(videos):
    model = network(short_side=40)
    found = evaluate(model, videos.split("test"), clips=3, crops=3, batch=4)
    for row, answer, entry in zip(
        found.videos, found.probabilities, videos.split("test"), strict=True
    ):
        views = open_entry_views(entry, model.expects, clips=3, crops=3)
        expected = torch.stack([model(ClipBatch.of([view]))[0] for view in views]).mean(dim=0)
        torch.testing.assert_close(answer, expected)
        assert [view["crop"] for view in row["views"]] == ["left", "centre", "right"] * 3
        starts = [view["start_seconds"] for view in row["views"]]
        assert starts == [view.seconds[0] for view in views]
        assert row["top"][0]["probability"] == pytest.approx(expected.max().item())


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_the_batch_does_not_matter(videos, batch):
    found = evaluate(network(), videos.split("test"), clips=2, batch=batch)
    expected = evaluate(network(), videos.split("test"), clips=2)
    torch.testing.assert_close(found.probabilities, expected.probabilities)
    assert [row["path"] for row in found.videos] == [row["path"] for row in expected.videos]


def test_a_network_without_what_it_looks_at_knows_nothing(videos):
    both = network(streams=("frames", "flow"))
    test = videos.split("test")
    assert evaluate(both, test, without="flow").top1 == 1
    blind = evaluate(both, test, without="frames")
    torch.testing.assert_close(blind.probabilities, torch.full((6, 3), 1 / 3))
    assert blind.top1 == pytest.approx(1 / 3)
    assert "without frames" in blind.to_json()["protocol"]


def test_what_is_blanked_is_the_mean_colour():
    both = network(Motion(), labels=("a", "b"), streams=("frames", "flow"))
    batch = ClipBatch(frames=torch.rand(2, 3, 4, 32, 32), flow=torch.randn(2, 2, 4, 32, 32))
    found = probabilities_of(both, batch, without="frames")
    mean = torch.tensor(both.expects.mean).reshape(1, 3, 1, 1, 1).expand_as(batch.frames)
    torch.testing.assert_close(found, both(ClipBatch(frames=mean, flow=batch.flow)))


def brightening():
    """A clip that grows brighter, and moves to the right ever faster."""
    ramp = torch.linspace(0, 1, 5).reshape(1, 5, 1, 1)
    flow = torch.zeros(2, 5, 4, 4)
    flow[0] = ramp[0] + 1
    flow[:, -1] = flow[:, -2]
    return Clip(frames=ramp.expand(3, 5, 4, 4), flow=flow)


def test_other_orders_play_frames_and_motion_otherwise():
    clip, generator = brightening(), torch.Generator().manual_seed(0)
    backward = reordered(clip, "reversed", generator)
    assert backward.frames[0, :, 0, 0].tolist() == [1, 0.75, 0.5, 0.25, 0]
    assert backward.flow[0, :, 0, 0].tolist() == [-1.75, -1.5, -1.25, -1, -1]
    still = reordered(clip, "still", generator)
    assert still.frames.unique().tolist() == [0.5]
    assert still.flow.abs().max() == 0
    shuffled = reordered(clip, "shuffled", generator)
    assert sorted(shuffled.frames[0, :, 0, 0].tolist()) == [0, 0.25, 0.5, 0.75, 1]
    assert reordered(clip, "forward", generator) is clip


def test_the_seed_of_the_shuffling_gives_the_same_result(videos):
    moving = network(Motion(), labels=("red", "green"), streams=("frames", "flow"))
    few = spread(videos.split("test"), 1)
    first, again, other = (
        evaluate(moving, few, order="shuffled", seed=seed).probabilities for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_network_comes_back_as_it_went(videos):
    model = network().train()
    evaluate(model, spread(videos.split("test"), 2))
    assert model.training


@pytest.mark.parametrize("count", [1, 4, 5, 6, 100])
def test_a_part_of_a_catalog_is_spread_over_it(videos, count):
    test = videos.split("test")
    found = spread(test, count)
    assert len(found) == min(count, 6)
    assert found.entries[0] == test.entries[0]


def test_refuses_a_catalog_whose_labels_the_network_does_not_have(videos):
    with pytest.raises(CatalogError, match=r"(?s)got: +blue, red.*expected: some of cyan, green"):
        evaluate(network(labels=("cyan", "green", "black")), videos)


def test_refuses_to_blank_an_only_stream(videos):
    with pytest.raises(ClipError, match="a network that is shown frames"):
        evaluate(network(), videos, without="frames")


def test_refuses_a_catalog_of_which_nothing_opens(tmp_path):
    broken = read_catalog(videos_of_squares(tmp_path, train=0, test=0, broken=2))
    with pytest.raises(CatalogError, match=r"2 videos, 2 of them unreadable"):
        evaluate(network(labels=("red",)), broken)
