"""That a method which was asked of easy clips only is not put before one that was asked of all."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.attribution.belief.checking import Checking
from kinetoscope.evidence.attribution.belief.found import Asked
from kinetoscope.evidence.sample import Sample
from tests.evidence.attribution.belief.known import Slope, linear

EASY, CLIPS = (0, 3, 6, 9, 12), 13
"""The clips that the slow method is asked of, of how many."""


@dataclass(frozen=True, kw_only=True)
class Half(Slope):
    """Right, but for the lower half of the picture."""

    name = "half"

    def answer(self, question):
        found = super().answer(question)
        heat = found.heat["both"].clone()
        heat[:, 4:] = 0
        return replace(found, heat={"both": heat})


def light(easy, seed):
    """Light of one colour: in a few places of an easy clip, nearly everywhere in another."""
    chance = torch.Generator().manual_seed(seed)
    drawn = torch.rand(4, 8, 8, generator=chance)
    shown = (drawn > 0.85).float() if easy else 0.45 + 0.1 * drawn
    return Clip(frames=shown.clamp(min=0.02).expand(3, 4, 8, 8).clone())


@pytest.fixture
def checked():
    """What is told of methods, each by whether it is asked of all clips at once."""
    weights = torch.ones(4, 8, 8)
    network = linear(weights, -weights).network
    clips = tuple(light(place in EASY, place) for place in range(CLIPS))
    entries = tuple(Entry(path=Path(f"{place}.mp4"), label="label 0") for place in range(CLIPS))
    sample = Sample(clips=clips, videos=tuple(range(CLIPS)), entries=entries)

    def check(*methods):
        asked = {
            method.name: Asked(method=method, clips=at, steady=EASY, noisy=())
            for method, at in methods
        }
        checking = Checking(
            network=network, sample=sample, methods=asked, fillings=["grey"], seed=0, memory=None
        )
        checking.measure(lambda: None)
        return checking.told({})["methods"]

    return check


def test_an_easier_subset_puts_no_method_first(checked):
    first, last = checked((Slope(), range(CLIPS)), (Half(), EASY))
    assert (first["name"], last["name"]) == ("slope", "half")
    assert last["gain"]["value"] > first["gain"]["value"]  # on clips that are easy
    assert first["to_first"]["value"] == 0 > last["to_first"]["high"]  # on the same clips
    assert (first["clips"], last["clips"]) == (CLIPS, len(EASY))


def test_a_method_that_could_be_the_first_is_asked_of_all_clips(checked):
    first, last = checked((Half(), range(CLIPS)), (Slope(), EASY))
    assert (first["name"], last["name"]) == ("slope", "half")
    assert first["clips"] == last["clips"] == CLIPS
    alone = checked((Slope(), EASY))
    assert alone[0]["clips"] == CLIPS
    for name in ("gain", "deletion", "insertion", "fillings"):
        assert alone[0][name] == first[name]  # as if it had been asked of all clips at once
