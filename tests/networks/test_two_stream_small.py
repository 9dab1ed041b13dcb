import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import UnknownNameError
from kinetoscope.networks.fusion import published_start
from kinetoscope.networks.zoo import build_network

FUSIONS = ["conv", "sum", "max", "concatenation", "late"]


def clips(network, count=2):
    spec = network.expects
    generator = torch.Generator().manual_seed(0)
    return ClipBatch(
        frames=torch.rand(count, 3, spec.frames, *spec.size, generator=generator),
        flow=torch.randn(count, 2, spec.frames, *spec.size, generator=generator),
    )


def shapes(network, batch):
    found = {}
    handles = [
        network.layer(name).register_forward_hook(
            lambda _, __, output, name=name: found.update({name: tuple(output.shape[1:])})
        )
        for name in network.layers
    ]
    with torch.no_grad():
        network(batch)
    for handle in handles:
        handle.remove()
    return found


def _test_shapes():
    network = build_network("two_stream_small", labels=5).eval()
    tower = {
        "conv1": (16, 8, 32, 32),
        "pool1": (16, 8, 16, 16),
        "conv2": (32, 8, 16, 16),
        "pool2": (32, 4, 8, 8),
        "conv3": (48, 4, 8, 8),
    }
    assert shapes(network, clips(network, 1)) == {
        **{f"appearance.{layer}": shape for layer, shape in tower.items()},
        **{f"motion.{layer}": shape for layer, shape in tower.items()},
        "fusion": (48, 4, 8, 8),
        "pool3": (48, 2, 4, 4),
        "conv4": (96, 2, 4, 4),
        "label": (5, 1, 1, 1),
    }


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_answers_probabilities_and_has_its_layers(fusion):
    network = build_network("two_stream_small_toy", fusion=fusion).eval()
    batch = clips(network)
    assert list(shapes(network, batch))
    assert set(shapes(network, batch)) == set(network.layers)
    torch.testing.assert_close(network(batch).sum(dim=1), torch.ones(2))


@pytest.mark.parametrize("fusion", ["conv", "late"])
def test_probability_is_the_mean_of_both_predictions(fusion):
    network = build_network("two_stream_small_toy", fusion=fusion).eval()
    batch = clips(network)
    fused, motion = (branch.softmax(dim=1) for branch in network.branches(batch))
    torch.testing.assert_close(network(batch), (fused + motion) / 2)


def test_one_prediction_keeps_its_raw_scores():
    network = build_network("two_stream_small_toy", keep_motion=False).eval()
    batch = clips(network)
    (only,) = network.branches(batch)
    assert torch.equal(network.scores(batch), only)


def test_fusion_starts_as_a_quarter_of_appearance_and_three_of_motion():
    fusion = build_network("two_stream_small").eval().model.fusion
    appearance, motion = torch.rand(2, 1, 48, 1, 1, 1)
    answer = fusion(appearance.expand(-1, -1, 5, 5, 5), motion.expand(-1, -1, 5, 5, 5))
    expected = 0.25 * appearance + 0.75 * motion
    torch.testing.assert_close(answer[:, :, 2:3, 2:3, 2:3], expected, rtol=1e-4, atol=1e-4)


def test_published_start_is_what_the_paper_writes_out():
    start = published_start(3)
    gauss = torch.tensor(
        [
            [
                [2.718281828 ** (-(x * x + y * y + z * z) / 2) for x in (-1, 0, 1)]
                for y in (-1, 0, 1)
            ]
            for z in (-1, 0, 1)
        ]
    )
    gauss /= gauss.sum()
    expected = torch.zeros(3, 6, 3, 3, 3)
    for channel in range(3):
        expected[channel, channel] = 0.25 * gauss
        expected[channel, 3 + channel] = 0.75 * gauss
    torch.testing.assert_close(start, expected)


def test_nothing_is_changed_in_place():
    network = build_network("two_stream_small_toy").train()
    assert not any(getattr(module, "inplace", False) for module in network.modules())


def test_refuses_a_fusion_that_there_is_not():
    with pytest.raises(UnknownNameError, match="near: conv"):
        build_network("two_stream_small", fusion="konv")
