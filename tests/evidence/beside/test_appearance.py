import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.beside.appearance import Appearance, as_shown

SPEC = ClipSpec(streams=("frames", "flow"), frames=4, short_side=8, size=(8, 8))


def clip(seed):
    numbers = torch.Generator().manual_seed(seed)
    frames, flow = (torch.rand(channels, 4, 8, 8, generator=numbers) for channels in (3, 2))
    return Clip(frames=frames, flow=flow)


def test_a_stream_is_seen_as_the_network_is_shown_it():
    one = clip(0)
    shown = as_shown("frames", one.frames, SPEC)
    torch.testing.assert_close(shown[1], (one.frames[1].double() - SPEC.mean[1]) / SPEC.std[1])
    torch.testing.assert_close(as_shown("flow", one.flow, SPEC) * 20, one.flow.double())


def test_the_mean_over_clips_is_that_of_each_and_in_any_order():
    parts = [Appearance.of(clip(seed), SPEC) for seed in range(3)]
    there, back = Appearance(), Appearance()
    for part in parts:
        there.add(part)
    for part in reversed(parts):
        back.add(part)
    assert there.clips == 3
    for name, mean in there.means().items():
        torch.testing.assert_close(mean, torch.stack([p.sums[name] for p in parts]).mean(dim=0))
        torch.testing.assert_close(mean, back.means()[name])


def test_only_the_streams_of_the_spec_are_looked_at():
    spec = ClipSpec(streams=("flow",), frames=4, short_side=8, size=(8, 8))
    assert set(Appearance.of(clip(0), spec).sums) == {"spectrum.flow", "speeds.flow"}
