from kinetoscope.evidence.attribution.belief.ranking import ranked, recommended


def told(name, value, low, *, changes=True, clips=20):
    return {
        "name": name,
        "changes": changes,
        "clips": clips,
        "gain": {"value": value, "low": low},
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
