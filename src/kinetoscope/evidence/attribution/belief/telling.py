"""How is what was measured of methods told, as plain values and as tables?"""

from collections.abc import Mapping, Sequence
from typing import Any

from kinetoscope.evidence.attribution.belief.found import CONTROLS, Asked, Measured
from kinetoscope.evidence.attribution.belief.sanity import Randomization
from kinetoscope.evidence.intervals import interval

_OVERALL = ("seconds", "gain", "over centre", "deletion", "insertion")
_BY_FILLING = ("deletion", "insertion", "sensitivity-n", "infidelity", "completeness gap")
_STEADY = ("max-sensitivity", "another label")

Told = dict[str, Any]


def told_of(
    asked: Asked,
    found: Measured,
    random: Randomization,
    fillings: Sequence[str],
    seed: int,
) -> Told:
    """All that was measured of a method."""
    name = asked.method.name
    steady = {each: found.interval(name, each, seed=seed).to_json() for each in _STEADY}
    alone = {
        measure.name.removesuffix(" alone"): found.interval(name, measure.name, seed=seed).to_json()
        for measure in found.values
        if measure.method == name and measure.name.endswith(" alone")
    }
    return {
        "name": name,
        "source": asked.method.source,
        "clips": len(found.heats[name]),
        "steady": len(asked.steady),
        "noisy": len(asked.noisy),
        **{_key(each): found.interval(name, each, seed=seed).to_json() for each in _OVERALL},
        **{_key(each): value for each, value in steady.items()},
        "fillings": {each: _filling(name, each, found, seed) for each in fillings},
        "streams": alone,
        "random": _random(random, seed),
        "changes": random.changes(seed),
    }


def controls_of(found: Measured, fillings: Sequence[str], seed: int) -> Told:
    """The orders that need no method."""
    return {
        name: {
            "gain": found.interval(name, "gain", seed=seed).to_json(),
            "fillings": {each: _filling(name, each, found, seed) for each in fillings},
        }
        for name in CONTROLS
    }


def method_table(told: Sequence[Told]) -> dict[str, list[Any]]:
    """Every number with its interval, a row each."""
    rows = [(each["name"], *row) for each in told for row in _rows(each)]
    columns = ("method", "measure", "filling", "value", "low", "high")
    return {name: [row[place] for row in rows] for place, name in enumerate(columns)}


def clip_table(found: Measured, sources: Sequence[str]) -> dict[str, list[Any]]:
    """Every number of every clip."""
    rows = [
        (clip, sources[clip], measure.method, measure.name, measure.filling or None, value)
        for measure, values in found.values.items()
        for clip, value in values.items()
    ]
    columns = ("clip", "path", "method", "measure", "filling", "value")
    return {name: [row[place] for row in rows] for place, name in enumerate(columns)}


def _filling(name: str, filling: str, found: Measured, seed: int) -> Told:
    values = {
        _key(each): found.interval(name, each, filling, seed).to_json() for each in _BY_FILLING
    }
    ways = {way: found.curve(name, way, filling) for way in ("deletion", "insertion")}
    return {**values, "curves": ways}


def _random(random: Randomization, seed: int) -> Told:
    return {
        "chance": interval([*random.chance.values()], seed=seed).to_json(),
        "stages": [
            {
                "layers": list(layers),
                "alike": interval([*alike.values()], seed=seed).to_json(),
            }
            for layers, alike in random.stages
        ],
        "more": random.more_than_chance(seed).to_json(),
    }


def _rows(told: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    overall = ["to_first", *(_key(each) for each in (*_OVERALL, *_STEADY))]
    rows: list[tuple[str, str | None, Told]] = [(key, None, told[key]) for key in overall]
    rows += [
        (_key(each), filling, values[_key(each)])
        for filling, values in told["fillings"].items()
        for each in _BY_FILLING
    ]
    rows += [(f"{stream}_alone", None, value) for stream, value in told["streams"].items()]
    rows += [("alike_by_chance", None, told["random"]["chance"])]
    rows += [
        (f"alike_without {' '.join(stage['layers'])}", None, stage["alike"])
        for stage in told["random"]["stages"]
    ]
    return [
        (measure, filling, found["value"], found["low"], found["high"])
        for measure, filling, found in rows
    ]


def _key(measure: str) -> str:
    return measure.replace("-", "_").replace(" ", "_")
