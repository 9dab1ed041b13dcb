import math

import pytest

from kinetoscope.evidence.attribution.belief.ranking import (
    contenders,
    first_of,
    ranked,
    recommended,
    to_first,
)


def told(name, value, low, *, changes=True, clips=20):
    return {
        "name": name,
        "changes": changes,
        "clips": clips,
        "gain": {"value": value, "low": low},
        "to_first": {"value": value, "low": low},
    }


def test_methods_whose_heat_stays_come_last_whatever_they_gain():
    found = ranked(
        [told("stays", 0.9, 0.8, changes=False), told("low", 0.1, 0.05), told("high", 0.4, 0.3)]
    )
    assert [(each["rank"], each["name"]) for each in found] == [
        (1, "high"),
        (2, "low"),
        (3, "stays"),
    ]
    assert recommended(found) == "high"


def test_what_is_not_sure_is_not_recommended():
    assert recommended(ranked([told("few", 0.5, 0.4, clips=2), told("more", 0.2, 0.1)])) == "more"
    assert recommended([told("chance", 0.2, -0.1)]) is None
    assert recommended([told("stays", 0.2, 0.1, changes=False)]) is None
    assert recommended([told("nothing", None, None)]) is None


def test_what_could_not_be_told_comes_after_what_could():
    found = ranked([told("nothing", float("nan"), None), told("bad", -0.4, -0.5)])
    assert [each["name"] for each in found] == ["bad", "nothing"]


EASY = range(0, 20, 4)
ALL = {clip: 0.5 if clip in EASY else 0.1 for clip in range(20)}
"""What a method gains that is asked of all clips."""


def behind(by):
    """What a method gains that is asked of the easy clips only."""
    return {clip: ALL[clip] - by for clip in EASY}


def test_methods_are_held_against_each_other_on_the_same_clips():
    found = to_first(behind(0.2), ALL)
    assert (found.value, found.low, found.high) == pytest.approx((-0.2, -0.2, -0.2))
    assert to_first(ALL, ALL).value == to_first(ALL, ALL).low == 0
    assert math.isnan(to_first({0: math.nan}, ALL).value)


def test_what_is_the_same_for_both_does_not_make_the_interval_wide():
    own = {clip: gain - 0.1 for clip, gain in ALL.items()}
    found = to_first(own, ALL)
    assert (found.low, found.high) == pytest.approx((-0.1, -0.1))


def test_the_first_is_one_of_those_that_were_asked_of_most_clips():
    worse = {clip: gain - 0.1 for clip, gain in ALL.items()}
    assert first_of({"worse": worse, "easy": behind(0.2), "all": ALL}) == "all"


def test_only_who_could_be_the_first_is_asked_of_more_clips():
    gains = {"all": ALL, "better": behind(-0.1), "worse": behind(0.1), "few": {0: 0.1}}
    assert contenders(gains, 20) == ["better", "few"]  # of one clip nothing is sure
    assert contenders({"easy": behind(0), "worse": behind(0.1)}, 20) == ["easy"]
    assert contenders({"all": ALL}, 20) == contenders({}, 20) == []
