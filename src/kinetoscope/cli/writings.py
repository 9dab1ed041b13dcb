"""Which numbers are moved, and what stands in streams that are not made, by options of a verb?

What the options contradict is refused before anything heavy is imported.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

if TYPE_CHECKING:
    from torch import Tensor

    from kinetoscope.clips.clip import Clip
    from kinetoscope.clips.spec import Stream
    from kinetoscope.evidence.beside.nature import Nature
    from kinetoscope.evidence.stimuli.settings import Hold
    from kinetoscope.evidence.stimuli.writings.writing import Writing
    from kinetoscope.networks.network import Network

WRITINGS = ("pixels", "fourier", "phases", "texture", "generated")
_OF_CHANGE = ("pixels", "fourier")


def writing_name(writing: str | None, *, start: Path | None, prior: Path | None) -> str:
    """The way of writing that options ask for; a video is changed in waves, if nothing is said.

    Args:
        writing: its name, if it is said.
        start: the video that is changed, if one is.
        prior: the folder of a generator.

    Raises:
        BadParameter: one of the options belongs to another way of writing.
    """
    writing = writing or ("pixels" if start is None else "fourier")
    if start is not None and writing not in _OF_CHANGE:
        raise click.BadParameter(
            f"a video is changed by --writing {' or '.join(_OF_CHANGE)}, not by {writing}",
            param_hint="--from",
        )
    if (prior is None) == (writing == "generated"):
        raise click.BadParameter(
            "the folder that kinetoscope train-prior wrote goes with --writing generated, and no "
            "other",
            param_hint="--prior",
        )
    return writing


def chosen_writing(
    writing: str,
    network: "Network",
    *,
    start: Path | None,
    prior: Path | None,
    nature: "Nature | None",
) -> "Writing":
    """The way of writing that options ask for.

    Args:
        writing: its name.
        network: whose units are asked.
        start: the video that is changed, if one is.
        prior: the folder of a generator.
        nature: whose colours and spectra are taken.

    Raises:
        VideoError, ClipError: the video can't be read.
        EvidenceError: the folder holds no generator.
    """
    from dataclasses import replace

    from kinetoscope.evidence.stimuli.writings.accentuation import Accentuation
    from kinetoscope.evidence.stimuli.writings.fourier import Fourier
    from kinetoscope.evidence.stimuli.writings.generator import Generated
    from kinetoscope.evidence.stimuli.writings.generator_fit import read_generator
    from kinetoscope.evidence.stimuli.writings.moved_texture import MovedTexture
    from kinetoscope.evidence.stimuli.writings.phases import Phases
    from kinetoscope.evidence.stimuli.writings.pixels import Pixels

    colour = None if nature is None else nature.colour_root
    if writing == "generated" and prior is not None:
        return Generated(generator=read_generator(prior))
    if writing == "texture":
        return MovedTexture()
    if writing == "phases":
        return Phases(sizes=_sizes(network, nature), colour=colour)
    written = Fourier(colour=colour) if writing == "fourier" else Pixels()
    if start is None:
        return written
    return replace(Accentuation.of(_clip(start, network), network), change=written)


def hold_values(options: Sequence[str]) -> dict[str, str]:
    """What stands in each stream, by its name: `blank`, `own`, or the path of a video."""
    found: dict[str, str] = {}
    for option in options:
        stream, _, what = option.partition("=")
        if stream not in ("frames", "flow") or stream in found or not what:
            raise click.BadParameter(
                f"{option!r} holds no stream once, as frames=blank, flow=own, or frames=VIDEO do",
                param_hint="--hold",
            )
        if what not in ("blank", "own") and not Path(what).is_file():
            raise click.BadParameter(f"{what} is no file", param_hint="--hold")
        found[stream] = what
    return found


def held(options: Mapping[str, str], network: "Network") -> "Hold":
    """The same with every video opened.

    Raises:
        VideoError, ClipError: a video can't be read.
    """
    found: dict[Stream, Clip | Literal["blank", "own"]] = {}
    for stream, what in options.items():
        name: Stream = "frames" if stream == "frames" else "flow"
        if what == "blank" or what == "own":
            found[name] = what
        else:
            found[name] = _clip(Path(what), network)
    return found


def _sizes(network: "Network", nature: "Nature | None") -> "dict[str, Tensor] | None":
    if nature is None:
        return None
    spec = network.expects
    height, width = spec.size
    extent = (spec.frames, height, width + width % 2)  # as fixed magnitudes are kept
    return {stream: nature.sizes(stream, extent) for stream in spec.streams}


def _clip(path: Path, network: "Network") -> "Clip":
    from kinetoscope.clips.open import open_clip
    from kinetoscope.video.flow import default_flow_cache

    return open_clip(path, network.expects, flow_cache=default_flow_cache())
