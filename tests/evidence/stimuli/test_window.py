import pytest
import torch
from torch import nn

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS
from kinetoscope.evidence.stimuli.maximize import maximize
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.evidence.stimuli.window import Window, window_of
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.objective import Neuron, neuron
from kinetoscope.units.reading import read_normalized
from kinetoscope.units.receptive import survey
from kinetoscope.units.unit import Unit
from tests.evidence.planted import planted


class Deep(nn.Module):
    """Strides, a dilated convolution and a pool, so that corners have to be found."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(3, 4, (3, 5, 5), stride=(1, 2, 2), padding=(1, 2, 2))
        self.pool = nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.wide = nn.Conv3d(4, 6, 3, padding=(1, 2, 2), dilation=(1, 2, 2))
        self.last = nn.Conv3d(6, 5, 3, stride=2, padding=1)

    def forward(self, frames):
        return self.last(self.wide(self.pool(self.stem(frames))).relu())


def deep(frames=16, side=96):
    torch.manual_seed(0)
    return planted(Deep(), 5, frames=frames, short_side=side, size=(side, side))


def window(network, layer, place=None, **how):
    return window_of(network, Neuron(layer, 1, place), survey(network)[layer], **how)


@pytest.mark.parametrize("place", [None, (0, 0, 0), (3, 2, 9), (7, 11, 11)], ids=str)
@pytest.mark.parametrize("layer", ["layer.stem", "layer.wide", "layer"])
def test_a_neuron_answers_to_its_part_as_to_the_whole(layer, place):
    network = deep()
    found = window(network, layer, place)
    clip = torch.randn(1, 3, 16, 96, 96)
    part = found.part(clip)
    assert found.cut
    assert part.numel() < clip.numel()
    whole = read_normalized(network, ClipBatch(frames=clip), [layer])[layer]
    cut = read_normalized(network, ClipBatch(frames=part.contiguous()), [layer])[layer]
    at = place or tuple(side // 2 for side in whole.shape[2:])
    torch.testing.assert_close(cut[(0, slice(None), *found.place)], whole[(0, slice(None), *at)])


@pytest.mark.parametrize("name", ["slowfast_toy", "i3d_nl_toy", "two_stream_small_toy", "c3d_toy"])
def test_windows_of_networks_of_the_zoo_are_exact_or_whole(name):
    network = build_network(name).eval()
    seen = survey(network)
    noise = torch.Generator().manual_seed(1)
    clips = {
        stream: torch.randn(
            1, CHANNELS[stream], network.expects.frames, *network.expects.size, generator=noise
        )
        for stream in network.expects.streams
    }
    cut = 0
    for layer in network.layers:
        if len(seen[layer].shape) < 4:
            continue
        found = window_of(network, Neuron(layer, 0), seen[layer])
        parts = {stream: found.part(x) for stream, x in clips.items()}
        shown = ClipBatch(**found.shown(parts))
        own = read_normalized(network, shown, [layer])[layer]
        whole = read_normalized(network, ClipBatch(**clips), [layer])[layer]
        at = tuple(side // 2 for side in whole.shape[2:])
        mine = own[(0, slice(None), *(found.place or at))]
        torch.testing.assert_close(mine, whole[(0, slice(None), *at)], atol=1e-4, rtol=1e-3)
        cut += found.cut
    assert cut or name == "two_stream_small_toy"


def test_a_network_that_takes_one_size_alone_is_shown_the_part_in_a_blank_clip():
    class Particular(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv3d(3, 5, 3, padding=1)

        def forward(self, frames):
            assert frames.shape[2:] == (8, 16, 16)
            return self.conv(frames)

    network = planted(Particular(), 5)
    found = window(network, "layer.conv")
    assert found == Window.whole((8, 16, 16))


def test_a_part_in_a_blank_clip_is_seen_where_it_was():
    network = deep()
    found = window(network, "layer.wide", cut=False)
    part = torch.randn(2, 3, *found.extent)
    whole = found.shown({"frames": part})["frames"]
    assert whole.shape == (2, 3, 16, 96, 96)
    torch.testing.assert_close(found.part(whole), part)
    torch.testing.assert_close(whole.abs().sum(), part.abs().sum())


@pytest.mark.slow
def test_the_stimulus_of_a_neuron_is_the_same_whether_the_clip_is_cut_or_not():
    network = deep(frames=8, side=64)
    unit = [neuron(Unit("layer.wide", 3))]
    made = {
        crop: maximize(
            network, unit, slowness=[0.0, 5.0], settings=Maximizing(steps=30, crop=crop)
        ).stimuli
        for crop in (True, False)
    }
    for mine, theirs in zip(*made.values(), strict=True):
        assert mine.box == theirs.box is not None
        torch.testing.assert_close(mine.frames, theirs.frames, atol=1e-3, rtol=1e-3)
        assert mine.activation == pytest.approx(theirs.activation, rel=1e-3)


@pytest.mark.slow
def test_a_neuron_near_a_corner_is_the_one_that_is_maximized():
    network = deep(frames=8, side=64)
    unit = neuron(Unit("layer.wide", 3), (1, 14, 3))
    (found,) = maximize(
        network, [unit], slowness=[0.0], best_real={unit: 2.0}, settings=Maximizing(steps=20)
    ).stimuli
    whole = torch.zeros(1, 3, 8, 64, 64)
    (early, late), (top, bottom), (left, right) = found.box
    whole[0, :, early:late, top:bottom, left:right] = (found.frames - 0.5) / 0.25
    answer = read_normalized(network, ClipBatch(frames=whole), ["layer.wide"])["layer.wide"]
    assert answer[0, 3, 1, 14, 3].item() == pytest.approx(found.activation, rel=1e-3)
    assert found.ratio == found.activation / 2.0
