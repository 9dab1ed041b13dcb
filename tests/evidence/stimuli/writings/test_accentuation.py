import pytest
import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import ClipError
from kinetoscope.evidence.stimuli.writings.accentuation import Accentuation
from kinetoscope.evidence.stimuli.writings.fourier import Fourier
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from tests.evidence.planted import Weigh, planted
from tests.evidence.stimuli.sheets import descend, sheet_of

CHANGES = [Pixels(), Fourier()]


def some_clip(extent=(4, 6, 8), seed=0):
    chance = torch.Generator().manual_seed(seed)
    return {
        "frames": 0.7 * torch.rand(3, *extent, generator=chance) - 0.3,
        "flow": 3 * torch.randn(2, *extent, generator=chance),
    }


def upwards(_, x):
    return -torch.ones_like(x)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.name)
def test_no_reach_leaves_the_clip(change):
    clip = some_clip()
    draft = Accentuation(clip=clip, reach=0.0, change=change).begin(sheet_of())
    for stream, x in descend(draft, upwards, steps=5)[-1].items():
        torch.testing.assert_close(x, clip[stream].expand_as(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("change", CHANGES, ids=lambda each: each.name)
def test_a_change_goes_as_far_as_its_reach_and_as_colours_go(change):
    """Also where the clip itself is longer than the bound, as flow is here."""
    clip, sheet = some_clip(), sheet_of()
    for drawn in descend(
        Accentuation(clip=clip, reach=0.25, change=change).begin(sheet), upwards, steps=40
    ):
        for stream, x in drawn.items():
            assert (x - clip[stream]).norm(dim=1).max() <= 0.25 * (1 + 1e-4)
        assert drawn["frames"].min() >= -0.7 - 1e-6
        assert drawn["frames"].max() <= 0.8 + 1e-6
    reached = (drawn["flow"] - clip["flow"]).norm(dim=1)
    torch.testing.assert_close(reached, torch.full_like(reached, 0.25), rtol=1e-3, atol=0)


def test_priors_act_on_what_was_changed():
    clip = some_clip()
    draft = Accentuation(clip=clip).begin(sheet_of())
    for stream, x in draft.draw().items():
        change = x - draft.around[stream]
        assert change.norm(dim=1).max() <= 0.5
        torch.testing.assert_close(draft.around[stream], clip[stream][None])
    draft.keep(torch.tensor([1]))
    kept = draft.draw()["flow"] - draft.around["flow"]
    torch.testing.assert_close(kept, change[1:])


def test_a_clip_smaller_than_the_sheet_lies_in_its_middle():
    """Its edges go on into the margins that are cut off again."""
    sheet = sheet_of(["flow"], extent=(6, 10, 12))
    around = Accentuation(clip=some_clip()).begin(sheet).around["flow"][0]
    torch.testing.assert_close(around[:, 1:-1, 2:-2, 2:-2], some_clip()["flow"])
    torch.testing.assert_close(around[:, 0, 0, 0], some_clip()["flow"][:, 0, 0, 0])


def test_a_stream_that_the_clip_lacks_is_all_change():
    draft = Accentuation(clip={"frames": some_clip()["frames"]}).begin(sheet_of())
    assert set(draft.around) == {"frames"}
    assert draft.draw()["flow"].norm(dim=1).max() <= 0.5


def test_a_clip_in_display_space_is_normalized_as_the_network_does_it():
    network = planted(Weigh(torch.ones(1, 3, 4, 6, 8)), 1, frames=4, short_side=6, size=(6, 8))
    clip = Clip(frames=torch.rand(3, 4, 6, 8), source="archery.mp4")
    writing = Accentuation.of(clip, network, reach=0.1)
    torch.testing.assert_close(writing.clip["frames"], (clip.frames - 0.5) / 0.25)
    assert (writing.source, writing.reach) == ("archery.mp4", 0.1)


def test_the_part_that_a_neuron_sees():
    part = Accentuation(clip=some_clip()).within(((1, 3), (0, 4), (2, 8)))
    torch.testing.assert_close(part.clip["flow"], some_clip()["flow"][:, 1:3, 0:4, 2:8])


def test_the_provenance_tells_clips_apart():
    written = [Accentuation(clip=some_clip(seed=seed)).to_json() for seed in (0, 0, 1)]
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"reach": 1.5},
        {"reach": -0.1},
        {"clip": {}},
        {"clip": {"flow": torch.zeros(2, 4, 6)}},
        {"clip": {"flow": torch.full((2, 4, 6, 8), torch.nan)}},
    ],
    ids=["far", "negative", "no clip", "axes", "nan"],
)
def test_refuses_what_is_no_clip(wrong):
    with pytest.raises(ClipError):
        Accentuation(**{"clip": some_clip(), **wrong})


@pytest.mark.parametrize("extent", [(4, 6, 6), (4, 6, 9)], ids=["smaller", "not in the middle"])
def test_refuses_a_sheet_that_the_clip_does_not_fit(extent):
    with pytest.raises(ClipError, match=r"within\(box\)"):
        Accentuation(clip=some_clip()).begin(sheet_of(extent=extent))
