"""How is a clip that was decoded once not decoded again?

Decoded, resized and cropped clips are kept on disk, under a key of the file's content, of what the
network expects, and of which views were asked for. Frames are kept as bytes and flow in half
precision, which is all that there is of both; so a clip is the same whether it was kept or not.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import av
import cv2
import torch
from torch import Tensor

from kinetoscope.clips.catalog import Entry
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.open import open_entry_views
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.files import content_key, settings_key, write_text
from kinetoscope.video.array_cache import ArrayCache, cache_folder
from kinetoscope.video.flow import FlowCache

# What two networks may expect differently of one and the same clip.
_OF_THE_NETWORK = ("mean", "std", "flow_scale")
_MADE_BY = ("time height width channel", av.__version__, cv2.__version__)


class ClipCache:
    """A folder of clips that were opened before, bounded in size; as `ArrayCache`.

    Args:
        folder: made when it is first needed.
        limit_bytes: how large it may grow.
        flow: where flow is kept that was computed before, also of other clips of a video.
    """

    def __init__(
        self, folder: Path, *, limit_bytes: int = 32 * 2**30, flow: FlowCache | None = None
    ):
        self.flow = flow
        self._arrays = ArrayCache(folder, limit_bytes)

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._arrays.folder

    def views(self, entry: Entry, spec: ClipSpec, *, clips: int = 1, crops: int = 1) -> list[Clip]:
        """What a catalog's entry is evaluated on; as `open_entry_views`.

        Raises:
            VideoError, ClipError: as for `open_views`; the message names the entry's line.
        """
        key = self._key(entry, spec, clips, crops)
        found = None if key is None else self._arrays.read(key)
        if found is not None:
            return _clips(found, str(entry.path))
        opened = open_entry_views(entry, spec, clips=clips, crops=crops, flow_cache=self.flow)
        if key is not None:
            self._arrays.keep(key, _arrays(opened))
        return opened

    def _key(self, entry: Entry, spec: ClipSpec, clips: int, crops: int) -> str | None:
        """None for a file that can't be read, which opening it will say better."""
        try:
            stat = entry.path.stat()
            content = _content(self.folder, entry.path, stat.st_size, stat.st_mtime_ns)
        except OSError:
            return None
        return f"{content}-{settings_key(_told(spec), entry.span, clips, crops, *_MADE_BY)}"


def views_of(
    entry: Entry,
    spec: ClipSpec,
    *,
    clips: int = 1,
    crops: int = 1,
    cache: ClipCache | None = None,
) -> list[Clip]:
    """What a catalog's entry is evaluated on: from a cache, or else opened.

    Args:
        entry: which span of which video.
        spec: what each clip must be.
        clips: how many, spread evenly; one lies at the centre.
        crops: of each clip, 1 or 3.
        cache: None opens the video.

    Raises:
        VideoError, ClipError: as for `open_views`; the message names the entry's line.
    """
    if cache is None:
        return open_entry_views(entry, spec, clips=clips, crops=crops)
    return cache.views(entry, spec, clips=clips, crops=crops)


def default_clip_cache() -> ClipCache:
    """The user's own."""
    return ClipCache(cache_folder("clips"), flow=FlowCache(cache_folder("flow")))


@lru_cache(maxsize=64)
def _told(spec: ClipSpec) -> list[tuple[str, object]]:
    told = {name: value for name, value in spec.to_json().items() if name not in _OF_THE_NETWORK}
    return sorted(told.items())


@lru_cache(maxsize=2**20)
def _content(folder: Path, path: Path, size: int, changed: int) -> str:
    """The key of a file's content, which is read once until it is written to.

    It stands beside the clips, or else each later process would read whole videos for it.
    """
    name = settings_key(str(path.absolute()), size, changed)
    note = folder / name[:2] / f"{name}.content"
    try:
        return note.read_text(encoding="ascii")
    except OSError:
        content = content_key(path)
    with suppress(OSError):  # such as a disk that is full
        write_text(note, content)
    return content


def _arrays(clips: Sequence[Clip]) -> dict[str, Tensor]:
    kept: dict[str, Tensor] = {}
    for number, clip in enumerate(clips):
        frames = (clip.frames * 255).round().to(torch.uint8)
        kept[f"{number:04}.frames"] = frames.movedim(0, -1)
        kept[f"{number:04}.seconds"] = torch.tensor(clip.seconds, dtype=torch.float64)
        if clip.flow is not None:
            kept[f"{number:04}.flow"] = clip.flow.half().movedim(0, -1)
    return kept


def _clips(kept: dict[str, Tensor], source: str) -> list[Clip]:
    numbers = sorted({name.split(".")[0] for name in kept})
    flows = [kept.get(f"{number}.flow") for number in numbers]
    return [
        Clip(
            frames=kept[f"{number}.frames"].movedim(-1, 0).float().div_(255),
            flow=None if flow is None else flow.movedim(-1, 0).float(),
            seconds=tuple(kept[f"{number}.seconds"].tolist()),
            source=source,
        )
        for number, flow in zip(numbers, flows, strict=True)
    ]
