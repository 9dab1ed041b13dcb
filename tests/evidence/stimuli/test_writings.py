"""What every way of writing that works on waves promises, and pixels beside them."""

import json
from dataclasses import replace

import pytest
import torch

from kinetoscope.evidence.stimuli.writings.accentuation import Accentuation
from kinetoscope.evidence.stimuli.writings.fourier import NATURAL_COLOUR, Fourier
from kinetoscope.evidence.stimuli.writings.phases import Phases
from kinetoscope.evidence.stimuli.writings.pixels import Pixels
from tests.evidence.stimuli.sheets import descend, sheet_of

CLIP = {"frames": torch.full((3, 4, 6, 8), 0.1), "flow": torch.full((2, 4, 6, 8), 0.2)}
WRITINGS = [
    Pixels(),
    Fourier(),
    Fourier(colour=NATURAL_COLOUR),
    Phases(),
    Phases(colour=None, sizes={"flow": torch.ones(2, 8, 8, 5)}),
    Accentuation(clip=CLIP),
    Accentuation(clip=CLIP, change=Pixels()),
]
each_writing = pytest.mark.parametrize(
    "writing",
    WRITINGS,
    ids=["pixels", "fourier", "in colour", "phases", "measured", "accentuation", "in pixels"],
)


def target_of(stream):
    chance = torch.Generator().manual_seed(7)
    return torch.randn(CLIP[stream].shape, generator=chance)


def towards(stream, x):
    return x - target_of(stream)


def far(stream, x):
    return 10 * (x - 5 * target_of(stream))


def same(ours, theirs, **tolerances):
    assert set(ours) == set(theirs)
    for stream in ours:
        torch.testing.assert_close(ours[stream], theirs[stream], **tolerances)


@each_writing
def test_clips_stay_within_their_bounds_at_every_step(writing):
    for drawn in descend(writing.begin(sheet_of()), far, steps=40):
        for x in drawn.values():
            assert x.dtype == torch.float32
            assert x.norm(dim=1).max() <= 1 + 1e-5
            assert bool(x.isfinite().all())
        assert drawn["frames"].min() >= -0.7 - 1e-6
        assert drawn["frames"].max() <= 0.8 + 1e-6


@each_writing
def test_a_quadratic_falls(writing):
    draws = descend(writing.begin(sheet_of()), towards, steps=40)
    for stream in CLIP:
        missed = [(draw[stream] - target_of(stream)).square().sum((1, 2, 3, 4)) for draw in draws]
        assert bool((missed[-1] < missed[10]).all())
        assert bool((missed[10] < missed[0]).all())


@each_writing
def test_the_same_key_begins_the_same_and_another_does_not(writing):
    sheet = sheet_of(chi=(1.0, 1.0, 1.0), keys=("a", "b", "a"))
    for x in writing.begin(sheet).draw().values():
        torch.testing.assert_close(x[0], x[2])
        assert not torch.allclose(x[0], x[1])


@each_writing
def test_a_clip_alone_becomes_what_it_becomes_in_a_batch(writing):
    """With neighbours that press against their bounds while it does not."""
    sheet = sheet_of(chi=(0.0, 5.0, 1.0))
    weight = torch.tensor([1.0, 0.01, 1.0]).reshape(3, 1, 1, 1, 1)
    together = descend(writing.begin(sheet), lambda s, x: weight[: len(x)] * far(s, x), steps=20)
    one = replace(sheet, keys=sheet.keys[1:2], chi=sheet.chi[1:2])
    alone = descend(writing.begin(one), lambda s, x: 0.01 * far(s, x), steps=20)
    theirs = {stream: x[1:2] for stream, x in together[-1].items()}
    same(alone[-1], theirs, rtol=1e-3, atol=1e-4)


@each_writing
def test_those_that_are_kept_go_on_as_if_all_had_stayed(writing):
    sheet = sheet_of(chi=(0.0, 5.0, 1.0))
    stayed, kept = writing.begin(sheet), writing.begin(sheet)
    for draft in (stayed, kept):
        descend(draft, towards, steps=5)
    places = torch.tensor([2, 0])
    kept.keep(places)
    same(kept.draw(), {stream: x[places] for stream, x in stayed.draw().items()})
    ours, theirs = (descend(draft, towards, steps=5)[-1] for draft in (kept, stayed))
    same(ours, {stream: x[places] for stream, x in theirs.items()}, rtol=1e-4, atol=1e-5)


@each_writing
def test_none_may_be_kept(writing):
    draft = writing.begin(sheet_of())
    draft.draw()
    draft.keep(torch.tensor([], dtype=torch.long))
    assert all(len(x) == 0 for x in draft.draw().values())


@each_writing
def test_a_stream_that_is_not_pulled_stays_where_it_is(writing):
    draft = writing.begin(sheet_of())
    before = {stream: x.clone() for stream, x in draft.draw().items()}
    draft.pull({"frames": far("frames", before["frames"])})
    draft.step(0.1)
    after = draft.draw()
    torch.testing.assert_close(after["flow"], before["flow"])
    assert not torch.allclose(after["frames"], before["frames"])


@each_writing
def test_without_a_pull_a_step_leads_nowhere(writing):
    draft = writing.begin(sheet_of())
    descend(draft, towards, steps=3)
    before = {stream: x.clone() for stream, x in draft.draw().items()}
    draft.step(0.1)
    same(draft.draw(), before)


@each_writing
def test_settings_are_plain_values(writing):
    written = writing.to_json()
    assert written["name"] == writing.name
    assert json.loads(json.dumps(written))


@each_writing
@pytest.mark.gpu
def test_on_another_device_the_same_clip_takes_shape(writing):
    device = torch.device("cuda")
    here = sheet_of()
    there = replace(
        here,
        darkest=here.darkest.to(device),
        brightest=here.brightest.to(device),
        chi=here.chi.to(device),
        device=device,
    )
    ours = descend(writing.begin(here), towards, steps=10)[-1]
    theirs = descend(writing.begin(there), lambda s, x: towards(s, x.cpu()).to(device), steps=10)
    same({stream: x.cpu() for stream, x in theirs[-1].items()}, ours, rtol=1e-2, atol=1e-3)
