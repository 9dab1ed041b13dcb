"""In which order are the changes of a clip shown, and what is each held against?

First the clip as it is; then, where it is put together anew from the video around it, the same clip
put together so that nothing changes, which is what other speeds and later beginnings are held
against; then every value of every change.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from kinetoscope.clips.cache import ClipCache
from kinetoscope.clips.clip import Clip
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import KinetoscopeError
from kinetoscope.evidence.invariance.changes import Change, Subject
from kinetoscope.evidence.invariance.stretch import Stretch, open_stretch
from kinetoscope.evidence.sample import Sample
from kinetoscope.files import settings_key


@dataclass(frozen=True, kw_only=True)
class Step:
    """One view of a clip: a change at a value, or neither; and the view that it is held against."""

    change: Change | None = None
    value: float = 0.0
    reference: int = 0


def steps_of(changes: Sequence[Change]) -> list[Step]:
    """All views of a clip in order."""
    steps = [Step()]
    again = next((change for change in changes if change.in_time), None)
    if again is not None:
        steps.append(Step(change=again, value=again.unchanged, reference=1))
    return steps + [
        Step(change=change, value=value, reference=int(change.in_time))
        for change in changes
        for value in change.values
        if value != change.unchanged
    ]


@dataclass(kw_only=True)
class Viewing:
    """Makes the views of clips; may be called from several threads.

    Args:
        sample: the clips.
        spec: that they were opened with.
        changes: what is done to them.
        seed: of what is random in it.
        clip_cache: where clips are kept that were opened before.
        filled: of each clip that was viewed, the share of each view that had to be filled up.
        failures: path, where and error of each video around whose clip nothing can be read; its
            clip is held at its own borders.
    """

    sample: Sample
    spec: ClipSpec
    changes: tuple[Change, ...]
    seed: int = 0
    clip_cache: ClipCache | None = None
    filled: dict[int, list[float]] = field(default_factory=dict)
    failures: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, number: int) -> Iterator[tuple[Clip, int]]:
        """The views of a clip, as `comparing.Views`."""
        clip = self.sample.clips[number]
        stretch = self._stretch(number)
        self.filled[number] = []
        for step in steps_of(self.changes):
            shown, share = clip, 0.0
            if step.change is not None:
                chance = self._chance(number, step)
                subject = Subject(clip=clip, stretch=stretch, mean=self.spec.mean, chance=chance)
                shown, share = step.change.make(subject, step.value)
            self.filled[number].append(share)
            yield shown, step.reference

    def _chance(self, number: int, step: Step) -> torch.Generator:
        """Of one view, which depends on nothing else that is shown."""
        name = step.change.name if step.change else ""
        key = int(settings_key(name, step.value, self.sample.videos[number], self.seed), 16)
        return torch.Generator().manual_seed(key % 2**63)

    def _stretch(self, number: int) -> Stretch:
        clip, entry = self.sample.clips[number], self.sample.entries[number]
        alone = Stretch(clip=clip, first=0, stride=1, frames=clip.time, known=clip.time)
        by_name = {change.name: change.values[-1] for change in self.changes if change.in_time}
        if not by_name:
            return alone
        fastest, latest = by_name.get("speed", 1.0), int(by_name.get("time shift", 0))
        try:
            return open_stretch(
                entry,
                clip,
                self.spec,
                fastest=fastest,
                latest=latest,
                clip_cache=self.clip_cache,
            )
        except (KinetoscopeError, OSError) as error:
            told = {"path": str(entry.path), "where": entry.where}
            self.failures.append({**told, "error": str(error)})
            return alone
