from kinetoscope.evidence.attribution.attribute import METHODS
from kinetoscope.evidence.attribution.belief.amounts import _DOZENS, ENOUGH, HUNDREDS, amounts
from tests.evidence.attribution.belief.known import Slope


class Slow(Slope):
    name = "rise"


def test_methods_of_many_passes_are_asked_of_fewer_clips_but_of_enough():
    found = amounts([Slope(), Slow()], 40)
    fast, slow = found["slope"], found["rise"]
    assert len(fast.clips) == 40
    assert len(fast.steady) == len(fast.noisy) == 12
    assert len(slow.clips) == 10
    assert len(slow.steady) == ENOUGH
    assert not slow.noisy
    assert set(slow.steady) <= set(slow.clips)
    assert {slow.clips[0], slow.clips[-1]} == {0, 39}


def test_few_clips_are_all_asked():
    assert amounts([Slow()], 3)["rise"].clips == (0, 1, 2)


def test_what_takes_many_passes_is_there():
    assert {*_DOZENS, *HUNDREDS} <= set(METHODS)
