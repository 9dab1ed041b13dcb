"""What is asked by `kinetoscope attribute`, and what of it can be refused before computing?

Names first, for which nothing is opened; then what does not fit the network; then the videos.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import open_network
from kinetoscope.cli.methods import named_methods

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.clips.clip import Clip
    from kinetoscope.evidence.attribution.attribution import Method
    from kinetoscope.networks.network import Network
    from kinetoscope.units.objective import Objective

_LISTS = (".csv", ".txt", ".json")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked, checked: everything that can be refused before computing was not."""

    network: "Network"
    video: Path
    catalog: "Catalog"
    objectives: "list[Objective]"
    methods: "list[Method]"
    filling: str
    other: "Clip | None"

    @property
    def is_one(self) -> bool:
        """Whether it is one video, and no catalog."""
        return _is_video(self.video)


def asked_of(network: str, video: Path, weights: Path | None, how: Mapping[str, Any]) -> Asked:
    """What is asked, once it is known that it can be answered.

    Args:
        network: as it is given: a name, a folder or a file.
        video: or a catalog.
        weights: a file of them, where the network is a name.
        how: the other options of `kinetoscope attribute`.

    Raises:
        KinetoscopeError: it can't; says why.
    """
    from kinetoscope.cli.methods import usual_methods
    from kinetoscope.clips.open import open_clip
    from kinetoscope.evidence.attribution.attribute import check_method
    from kinetoscope.units.layers import check_channels
    from kinetoscope.units.objective import label

    if how["windows"] and not _is_video(video):
        raise click.BadParameter("--windows is for one video", param_hint="--windows")
    settings = [*how["settings"], *_named(how, "layer")]
    if how["methods"]:  # spelling first: nothing is opened for it
        named_methods(how["methods"], settings, filling=how["filling"])
    opened = open_network(network, weights)
    objectives = [each.bound(opened) for each in _objectives(how)]
    if how["methods"]:
        names = how["methods"]
    else:
        names = ["occlusion"] if how["plan"] else usual_methods(opened, objectives)
    methods = named_methods(names, settings, filling=how["filling"])
    for method in methods:
        for objective in objectives or [label(opened.labels[0])]:
            check_method(method, opened, objective)
    check_channels(opened, objectives)
    _check_swap(methods, how)
    other = None if how["swap_with"] is None else open_clip(how["swap_with"], opened.expects)
    return Asked(
        network=opened,
        video=video,
        catalog=_videos(opened, video, how),
        objectives=objectives,
        methods=methods,
        filling=how["filling"] or "grey",
        other=other,
    )


def _check_swap(methods: "Sequence[Method]", how: Mapping[str, Any]) -> None:
    fillings = {how["filling"], *(getattr(method, "filling", None) for method in methods)}
    if "swap" in fillings and how["swap_with"] is None:
        raise click.UsageError("a video to swap with is needed: --swap-with VIDEO")


def _named(how: Mapping[str, Any], setting: str) -> list[str]:
    return [] if how[setting] is None else [f"{setting}={how[setting]}"]


def _objectives(how: Mapping[str, Any]) -> "list[Objective]":
    from kinetoscope.units.objective import Objective, activation, label
    from kinetoscope.units.unit import Unit

    return [
        *map(label, how["classes"]),
        *(activation(Unit.parse(each)) for each in how["units"]),
        *map(Objective.parse, how["written"]),
    ]


def _is_video(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() not in _LISTS


def _videos(network: "Network", video: Path, how: Mapping[str, Any]) -> "Catalog":
    from kinetoscope.clips.catalog import Catalog, Entry, read_catalog

    if not _is_video(video):
        _check_there(video)
        return read_catalog(str(video), root=how["root"], split=how["split"], strict=False)
    if not (how["windows"] or how["fill"]):
        _check_length(network, video)
    entry = Entry(path=video, where=str(video))
    return Catalog(name=video.name, root=video.parent, labels=network.labels, entries=(entry,))


def _check_there(video: Path) -> None:
    from kinetoscope.errors import VideoError

    if video.suffix and video.suffix.lower() not in _LISTS and not video.exists():
        raise VideoError(
            f"there is no {video}", got="no such file", expected="a video, or a catalog of videos"
        )


def _check_length(network: "Network", video: Path) -> None:
    from kinetoscope.clips.open import open_clip
    from kinetoscope.errors import ClipError

    unfilled = replace(network.expects, when_short="error")
    try:
        open_clip(video, unfilled)
    except ClipError as error:
        open_clip(video, network.expects)  # says so itself if anything else is wrong
        filled = "its last frame" if network.expects.when_short == "repeat-last" else "its start"
        raise ClipError(
            f"{video} is shorter than a clip of {network.name}",
            got=error.got,
            expected=error.expected,
            hint=f"--fill shows {filled} again at the end; heat there is of what was filled in",
        ) from error
