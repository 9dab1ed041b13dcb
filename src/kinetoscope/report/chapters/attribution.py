"""What is told of attributions: clips with heat over them, strips of time, shares."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from kinetoscope.engines.here import map_here
from kinetoscope.evidence.attribution.answering import heat_name
from kinetoscope.evidence.attribution.heats import kept_heats
from kinetoscope.evidence.evidence import Evidence
from kinetoscope.report.answers import rounded
from kinetoscope.report.chapters.told import Told
from kinetoscope.report.heat import heat_picture, lasting, small_enough
from kinetoscope.report.shelf import Shelf, Track
from kinetoscope.report.watched import clip_tracks
from kinetoscope.tensors import Heat

_PLAIN = ("streams", "extent", "filling", "refused", "failures")
_OF_CLIP = ("path", "label", "predicted")
_OF_QUESTION = ("objective", "why", "scale", "unshared")


def tell(found: Evidence, shelf: Shelf) -> Told:
    """What the page of attributions shows."""
    answer = found.answer
    arrays = {place: found.folder / clip["clip"] for place, clip in enumerate(answer["clips"])}
    tracks, full_speed, _ = clip_tracks(arrays, shelf)
    clips = []
    for done in map_here(lambda place: _clip(found, place, shelf), range(len(answer["clips"]))):
        if done.error is not None or done.answer is None:
            raise done.error or AssertionError("a clip without an answer or an error")
        clips.append({**done.answer, "flow": None, **tracks[done.item]})
    data = {
        **{name: answer[name] for name in _PLAIN},
        "methods": [_method(each) for each in answer["methods"]],
        "full_speed": full_speed,
        "clips": clips,
    }
    return Told(summary=_summary(answer), data=data)


def _summary(answer: Mapping[str, Any]) -> dict[str, Any]:
    """How many clips and methods, and what is owed to motion in the middle one of the clips."""
    games = {"motion": "motion", "streams": "flow"}
    shares: dict[str, list[float]] = {game: [] for game in games}
    for clip in answer["clips"]:
        told = clip["questions"][0]["shares"] or {}
        for game, name in games.items():
            if found := (told.get(game) or {}).get("shares"):
                shares[game].append(found[name])
    return {
        "clips": len(answer["clips"]),
        "wrong": sum(_is_wrong(clip) for clip in answer["clips"]),
        "methods": [method["name"] for method in answer["methods"]],
        "shares": {
            game: {"value": rounded(median(each)), "clips": len(each)} if each else None
            for game, each in shares.items()
        },
    }


def _is_wrong(clip: Mapping[str, Any]) -> bool:
    return clip["label"] is not None and clip["label"] != clip["predicted"]


def _method(method: Mapping[str, Any]) -> dict[str, Any]:
    settings = {name: value for name, value in method["settings"].items() if name != "method"}
    scales = {scale: rounded(value) for scale, value in method["full_colour"].items()}
    plain = {name: method[name] for name in ("name", "source")}
    return {**plain, "settings": settings, "full_colour": scales}


def _clip(found: Evidence, place: int, shelf: Shelf) -> dict[str, Any]:
    clip = found.answer["clips"][place]
    painter = _Painter(found, place, shelf)
    return {
        **{name: clip[name] for name in _OF_CLIP},
        "probability": rounded(clip["probability"]),
        "seconds": [rounded(second) for second in clip["seconds"]],
        "questions": [
            {
                **{name: question[name] for name in _OF_QUESTION},
                "value": rounded(question["value"]),
                "shares": question["shares"],
                "answers": [
                    painter.answer((number, each["method"]), question["scale"], each)
                    for each in question["answers"]
                ],
            }
            for number, question in enumerate(clip["questions"])
        ],
    }


class _Painter:
    """Keeps the heat of one clip as strips that are laid over it."""

    def __init__(self, found: Evidence, place: int, shelf: Shelf):
        self._name = f"heat-{place}"
        self._shelf = shelf
        self._methods = found.answer["methods"]
        self._frames: int = found.answer["extent"][0]
        self._heats = kept_heats(found.folder / found.answer["clips"][place]["heats"])

    def answer(
        self, places: tuple[int, int], scale: str, answer: Mapping[str, Any]
    ) -> dict[str, Any]:
        if answer["error"] is not None:
            return {"method": places[1], "error": answer["error"]}
        full = self._methods[places[1]]["full_colour"][scale]
        return {
            "method": places[1],
            "error": None,
            "signed": answer["signed"],
            "facts": {name: rounded(value) for name, value in answer["facts"].items()},
            "took": rounded(answer["took_seconds"]),
            "strongest": answer["strongest"],
            "parts": {
                part: {
                    "over_time": [rounded(heat) for heat in each["over_time"]],
                    "native_extent": answer["native"].get(part),
                    **self._tracks(places, part, full),
                }
                for part, each in answer["parts"].items()
            },
        }

    def _tracks(self, places: tuple[int, int], part: str, full: float) -> dict[str, Track | None]:
        native = self._heats.get(heat_name(places, part, native=True))
        heat = small_enough(self._heats[heat_name(places, part)])
        return {
            "heat": self._track(places, part, heat, full),
            "native": None
            if native is None
            else self._track(places, f"{part}-native", lasting(native, self._frames), full),
        }

    def _track(self, places: tuple[int, int], part: str, heat: Heat, full: float) -> Track:
        name = f"{self._name}-{places[0]}-{places[1]}-{part}"
        return self._shelf.painted(name, heat_picture(heat, full))
