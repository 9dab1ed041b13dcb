"""What do natural clips look like: which colours go together, how fine, and how fast?

From a sample of a catalog, as a network is shown it: how colours vary together, how strong each
wave in space and time is, how fast things move. Stimuli can be written down with these, and are
held against them. A folder holds

    evidence.json        size of the clips, how many videos and clips were read, failures (path,
                         where, error), colour, reach, and the speeds of each stream beside
                         `octaves`
    nature.safetensors   colour         covariance of the colours of pixels, 3 x 3
                         spectrum.*     of each stream, channel x time x height x half width
                         speeds.*       of each stream, the share of motion in each bin

Source: Dong and Atick, "Statistics of natural time-varying images", Network 6, 1995, for spectra
over space and time; Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017, for
colours without correlation.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor

from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec, Stream
from kinetoscope.engines.here import Done, map_here
from kinetoscope.errors import EvidenceError, KinetoscopeError
from kinetoscope.evidence.beside.appearance import Appearance, as_shown, speeds_of
from kinetoscope.evidence.evidence import (
    Provenance,
    has_evidence,
    read_evidence,
    writing_evidence,
)
from kinetoscope.evidence.motion.spectrum import (
    Spectrum,
    spectrum_distance,
    spectrum_of,
    without_mean,
)
from kinetoscope.evidence.motion.speeds import Speeds, octaves, speeds_distance
from kinetoscope.evidence.scan import Progress, catalog_name
from kinetoscope.networks.network import Network
from kinetoscope.tensors import Size

KIND, ARRAYS = "nature", "nature.safetensors"

Covariance = Float[Tensor, "3 3"]


@dataclass(frozen=True, kw_only=True)
class Nature:
    """What natural clips look like, in units of the network's input.

    Args:
        colour: covariance of the colours of pixels; None where the network sees no frames.
        spectra: of each stream that the network sees.
        speeds: of each of these streams, in units of pixels per frame of the clip.
        reach: of each of them, how far its farthest pixel is from the mean colour, or how fast the
            fastest moves.
        expects: what the clips were.
        clips: how many.
        failures: path, where (the catalog's line) and error of each video that can't be read.
    """

    colour: Tensor | None
    spectra: Mapping[Stream, Spectrum]
    speeds: Mapping[Stream, Speeds]
    reach: Mapping[Stream, float]
    expects: ClipSpec
    clips: int
    failures: tuple[Mapping[str, str], ...] = ()

    @property
    def colour_root(self) -> Covariance | None:
        """What makes natural colours of three values that do not go together; symmetric.

        Colours that never occur are kept at a hundredth of the most common, so that the way back,
        its inverse, exists.
        """
        if self.colour is None:
            return None
        strength, colours = torch.linalg.eigh(self.colour.double())
        strength = strength.clamp(min=max(1e-4 * float(strength[-1]), 1e-6))
        return colours @ torch.diag(strength.sqrt()) @ colours.T

    def sizes(self, stream: Stream, size: Size) -> Tensor:
        """How strong each wave is in clips of a size, `channel time height half_width`.

        At frequency 0, where the mean would stand, is what its neighbours have.
        """
        return without_mean(self.spectra[stream].resampled(size).magnitude)

    def distances(
        self, frames: Tensor | None, flow: Tensor | None
    ) -> tuple[float | None, float | None]:
        """How far a stimulus is from nature, by its spectrum [dB] and by its speeds [octaves].

        Streams that the network is not shown do not count. Spectra differ by their shape, root mean
        square over streams; speeds are those of flow, or of frames where there is none.

        Args:
            frames: of the stimulus, in display space, `3 time height width`, of any size.
            flow: [pixels per frame], `2 time height width`.
        """
        shown: dict[Stream, Tensor] = {}
        if frames is not None and "frames" in self.spectra:
            shown["frames"] = frames
        if flow is not None and "flow" in self.spectra:
            shown["flow"] = flow
        if not shown:
            return None, None
        gaps = []
        for stream, x in shown.items():
            own = spectrum_of(as_shown(stream, x, self.expects)[None])
            gaps.append(spectrum_distance(own, self.spectra[stream]))
        moving: Stream = "flow" if "flow" in shown else "frames"
        apart = speeds_distance(speeds_of(moving, shown[moving]), self.speeds[moving])
        return math.sqrt(sum(gap * gap for gap in gaps) / len(gaps)), apart


def measure_nature(  # noqa: PLR0913 - what a long job can be told
    network: Network,
    catalog: Catalog,
    folder: Path,
    *,
    clips: int = 256,
    seed: int = 0,
    workers: int | None = None,
    clip_cache: ClipCache | None = None,
    progress: Progress | None = None,
) -> Nature:
    """Look at a sample of a catalog's videos, as a network is shown them.

    What is there already is read.

    Args:
        network: says what it is shown, and how that is normalized; it is not run.
        catalog: which videos.
        folder: of the evidence; complete or absent.
        clips: how many videos, one clip of each, if there are as many.
        seed: of the sample.
        workers: threads; one a core if not given.
        clip_cache: where clips are kept that were opened before.
        progress: is told how many videos are done, and of how many.

    Raises:
        EvidenceError: not one of the videos can be read.
    """
    provenance = Provenance.of(
        network,
        catalog=catalog_name(catalog),
        objective="colours, spectra, speeds and reach of natural clips",
        settings={"clips": clips, "expects": network.expects.to_json()},
        seed=seed,
    )
    if not has_evidence(folder, provenance):
        sample = _sample(catalog, clips, seed)
        looked = map_here(_Look(network.expects, clip_cache).at, sample, workers=workers)
        told = (lambda done: progress(done, len(sample))) if progress else None
        found, failures = _summed(looked, catalog, told)
        nature = _nature(found, network.expects, failures)
        with writing_evidence(folder, KIND, provenance) as (aside, answer):
            save_file(_arrays(nature), aside / ARRAYS)
            answer.update(_answer(nature, len(sample)))
    return read_nature(folder)


def read_nature(folder: Path) -> Nature:
    """Read what was measured.

    Raises:
        EvidenceError: the folder holds none of it.
    """
    found = read_evidence(folder, KIND)
    arrays = load_file(folder / ARRAYS)
    spec = ClipSpec.from_json(found.provenance.settings["expects"])
    size = (spec.frames, *spec.size)
    return Nature(
        colour=arrays.get("colour"),
        spectra={each: Spectrum(arrays[f"spectrum.{each}"], size) for each in spec.streams},
        speeds={each: arrays[f"speeds.{each}"] for each in spec.streams},
        reach=found.answer["reach"],
        expects=spec,
        clips=found.answer["clips"],
        failures=tuple(found.answer["failures"]),
    )


def nature_of(clips: Iterable[Clip], spec: ClipSpec) -> Nature:
    """What some clips look like that are open already.

    Raises:
        EvidenceError: there is none.
    """
    found = Appearance()
    for clip in clips:
        found.add(Appearance.of(clip, spec))
    return _nature(found, spec)


def _sample(catalog: Catalog, count: int, seed: int) -> Sequence[Entry]:
    """Videos at random, each once, in the catalog's order."""
    order = torch.randperm(len(catalog), generator=torch.Generator().manual_seed(seed))
    return [catalog.entries[place] for place in sorted(order[:count].tolist())]


@dataclass(frozen=True)
class _Look:
    """Opens videos, and sees what is in them."""

    spec: ClipSpec
    clip_cache: ClipCache | None

    def at(self, entry: Entry) -> Appearance:
        (clip,) = views_of(entry, self.spec, cache=self.clip_cache)
        return Appearance.of(clip, self.spec)


def _summed(
    looked: Iterable[Done[Entry, Appearance]],
    catalog: Catalog,
    told: Callable[[int], None] | None,
) -> tuple[Appearance, list[dict[str, str]]]:
    """All that could be seen; of the videos that can't be read, why not."""
    found, failures = Appearance(), []
    for number, done in enumerate(looked, start=1):
        if isinstance(done.error, KinetoscopeError | OSError):
            path = catalog.relative_path(done.item)
            failures.append({"path": path, "where": done.item.where, "error": str(done.error)})
        elif done.answer is None:
            raise done.error or AssertionError("work without an answer or an error")
        else:
            found.add(done.answer)
        if told is not None:
            told(number)
    return found, failures


def _nature(
    found: Appearance, spec: ClipSpec, failures: Sequence[Mapping[str, str]] = ()
) -> Nature:
    """All of it together."""
    if found.clips == 0:
        raise EvidenceError(
            "nature can't be measured",
            got=f"no clip that can be read, {len(failures)} that can't",
            expected="one clip or more",
            hint=failures[0]["error"].splitlines()[0] if failures else None,
        )
    means, size = found.means(), (spec.frames, *spec.size)
    colour = None
    if "colour" in means:
        colour = means["colours"] - torch.outer(means["colour"], means["colour"])
    return Nature(
        colour=colour,
        spectra={each: Spectrum(means[f"spectrum.{each}"], size) for each in spec.streams},
        speeds={each: means[f"speeds.{each}"] for each in spec.streams},
        reach=found.reach,
        expects=spec,
        clips=found.clips,
        failures=tuple(failures),
    )


def _arrays(nature: Nature) -> dict[str, Tensor]:
    arrays = {} if nature.colour is None else {"colour": nature.colour}
    for stream, spectrum in nature.spectra.items():
        arrays[f"spectrum.{stream}"] = spectrum.magnitude.float()
        arrays[f"speeds.{stream}"] = nature.speeds[stream]
    return {name: array.contiguous() for name, array in arrays.items()}


def _answer(nature: Nature, videos: int) -> dict[str, Any]:
    return {
        "videos": videos,
        "clips": nature.clips,
        "failures": list(nature.failures),
        "size": [nature.expects.frames, *nature.expects.size],
        "colour": None if nature.colour is None else nature.colour.tolist(),
        "reach": dict(nature.reach),
        "octaves": octaves().tolist(),
        "speeds": {stream: speeds.tolist() for stream, speeds in nature.speeds.items()},
    }
