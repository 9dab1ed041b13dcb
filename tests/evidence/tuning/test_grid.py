import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.tuning.grid import QUICK, Condition, Grid

SMALL = Grid(directions=4, speeds=(1.0, 4.0), wavelengths=(16.0, 8.0), sizes=(0.5,), repetitions=2)


def test_every_condition_is_shown_as_often_as_asked_and_the_blank_once():
    moving = 4 * (2 + 1) + 4 * 2 + 4 * 2  # at 8 pixels a wave, 4 pixels per frame are too fast
    still = 2 * 2 + 1 + 1
    assert len(SMALL.conditions) == 1 + moving + still
    assert len(SMALL.shown) == 1 + 2 * (moving + still)
    assert SMALL.shown[0] == (Condition(kind="blank"), 0)
    assert len(set(SMALL.shown)) == len(SMALL.shown)


def test_no_grating_is_so_fast_that_it_is_seen_going_backward():
    for condition in Grid().conditions:
        if condition.kind == "gratings":
            assert condition.speed / condition.detail < 0.5


def test_a_quick_grid_has_a_few_hundred_clips():
    assert 200 <= len(QUICK.shown) <= 400
    assert len(Grid().shown) < 1000


def test_a_condition_is_told_with_its_temporal_frequency():
    told = Condition(kind="gratings", direction=90.0, speed=2.0, detail=8.0).to_json()
    assert (told["wavelength"], told["temporal_frequency"], told["size"]) == (8.0, 0.25, None)
    told = Condition(kind="discs", speed=2.0, detail=0.5).to_json()
    assert (told["wavelength"], told["temporal_frequency"], told["size"]) == (None, None, 0.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"directions": 6},
        {"directions": 0},
        {"speeds": ()},
        {"speeds": (2.0, 1.0)},
        {"speeds": (0.0, 1.0)},
        {"wavelengths": (8.0, 16.0)},
        {"wavelengths": (8.0, 0.0)},
        {"sizes": (0.5, 0.5)},
        {"repetitions": 0},
    ],
    ids=str,
)
def test_refuses_a_grid_without_order(settings):
    with pytest.raises(EvidenceError):
        Grid(**settings)
