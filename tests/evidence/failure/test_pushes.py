import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.evidence.failure.pushes import pushes
from kinetoscope.evidence.failure.shown import drawn, open_again
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read
from tests.evidence.specificity.test_ablation import clips_for

from .lamps import BLAMED, LEFT, SPEC


def test_above_a_linear_layer_a_push_is_what_is_gone_without_the_unit(
    lamps, lamp_videos, lamps_scanned
):
    """20 times the blamed unit's answer, and minus 10 times that of the label's own."""
    opened = open_again(lamp_videos, lamps_scanned, [0, 1], None)
    batch = ClipBatch.of([*opened.clips.values()], SPEC)
    found = pushes(lamps, [batch], ["units"], towards=[1, 1], away=[0, 0])["units"]
    answers = lamps_scanned.maxima("units")[:2]
    near = {"rtol": 1e-4, "atol": 1e-5}  # clips beside others may be rounded otherwise
    torch.testing.assert_close(found.push[:, BLAMED], 20 * answers[:, BLAMED], **near)
    torch.testing.assert_close(found.push[:, LEFT], -10 * answers[:, LEFT], **near)
    torch.testing.assert_close(found.mean, answers, **near)
    typical = torch.full((6,), 0.1)
    more = 20 * (answers[:, BLAMED] - 0.1)
    torch.testing.assert_close(found.excess(typical)[:, BLAMED], more, rtol=1e-4, atol=1e-4)


def test_all_layers_at_once_and_in_batches_are_each_layer_alone():
    torch.manual_seed(0)
    network = build_network("two_stream_small_toy", labels=["a", "b", "c"])
    clips = clips_for(network, 3)
    parts = [
        ClipBatch(frames=clips.frames[i : i + 1], flow=clips.flow[i : i + 1]) for i in range(3)
    ]
    towards, away, layers = [0, 1, 2], [1, 2, 0], list(network.layers)
    whole = pushes(network, [clips], layers, towards=towards, away=away)
    assert network.training
    for layer in ("appearance.conv1", "conv4"):
        alone = pushes(network, parts, [layer], towards=towards, away=away)[layer]
        torch.testing.assert_close(whole[layer].push, alone.push)
        torch.testing.assert_close(whole[layer].slope, alone.slope)


def test_a_push_is_the_gradient_times_the_answer():
    torch.manual_seed(0)
    network = build_network("c3d_toy", labels=["a", "b", "c"]).eval()
    clips = clips_for(network, 2)
    found = pushes(network, [clips], ["conv3a"], towards=[0, 1], away=[2, 2])["conv3a"]
    kept = []
    hook = network.layer("conv3a").register_forward_hook(
        lambda _, given, answer: (answer.retain_grad(), kept.append(answer))[1]
    )
    scores = network.scores(clips)
    hook.remove()
    (scores[0, 0] - scores[0, 2] + scores[1, 1] - scores[1, 2]).backward()
    expected = (kept[0] * kept[0].grad).flatten(2).sum(2)
    torch.testing.assert_close(found.push, expected.detach())
    with torch.no_grad():
        mean = read(network, clips, ["conv3a"])["conv3a"].flatten(2).mean(2)
    torch.testing.assert_close(found.mean, mean)


def test_scores_without_a_slope_give_zeros(lamps, lamp_videos, lamps_scanned):
    opened = open_again(lamp_videos, lamps_scanned, [0], None)
    hook = lamps.model.register_forward_hook(lambda _, given, answer: answer.detach())
    batch = ClipBatch.of([*opened.clips.values()], SPEC)
    found = pushes(lamps, [batch], ["units"], towards=[1], away=[0])["units"]
    hook.remove()
    assert (found.push == 0).all()


def test_a_clip_that_can_not_be_opened_again_is_named(lamps, lamp_videos, tmp_path):
    from dataclasses import replace

    from kinetoscope.evidence.scan import scan

    entries = lamp_videos.entries[:2]
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(entries[0].path.read_bytes())
    catalog = replace(lamp_videos, entries=(replace(entries[0], path=copy), entries[1]))
    found = scan(lamps, catalog, tmp_path / "scan")
    copy.unlink()
    opened = open_again(catalog, found, [0, 1], None)
    assert list(opened.clips) == [1]
    assert [each["where"] for each in opened.failures] == ["lamps.csv:2"]


@pytest.mark.parametrize(("count", "expected"), [(9, [4, 5, 6]), (2, None)])
def test_clips_are_drawn_in_their_order_and_the_same_for_a_seed(count, expected):
    found = drawn([4, 5, 6], count, seed=1)
    assert found == (expected or sorted(found))
    assert len(found) == min(count, 3)
    assert found == drawn([4, 5, 6], count, seed=1)
