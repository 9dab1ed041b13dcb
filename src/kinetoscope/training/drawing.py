"""What is trained on: which clips, held where, and how is a batch of them drawn?

The videos are decoded once and stay in memory (clips/store.py), so what can't be opened is found
before the first step. Of videos that do not fit in memory, only the clip at the centre is tried
then; one whose other clips fail later is left out of its batch, and listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kinetoscope.clips.catalog import Catalog, read_catalog
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.sampling import Sampling
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.clips.store import ClipStore
from kinetoscope.clips.transforms import Box, Place
from kinetoscope.errors import CatalogError, KinetoscopeError
from kinetoscope.files import settings_key
from kinetoscope.networks.tasks import tasks_of
from kinetoscope.networks.zoo import build_network
from kinetoscope.training.batches import hold_out
from kinetoscope.training.meta import check_upstream
from kinetoscope.training.progress import tracked
from kinetoscope.training.recipe import Augmentation, Recipe

CHANCES = 4
"""Numbers from 0 to 1 that say when in its video, how fast and where in its frames a clip lies."""

_LISTED = 10  # videos that an error names


class StoredVideos:
    """Videos in memory, from which batches of clips are drawn.

    Args:
        store: has them.
        settings: how far from the centre, and how fast, clips are drawn.

    Attributes:
        truth: the place of each video's label.
        failures: why a video could not be drawn from, by its place.
    """

    def __init__(self, store: ClipStore, settings: Augmentation):
        self.store, self.settings = store, settings
        self.failures: dict[int, str] = {}
        self.truth = np.array([store.label_index(place) for place in range(len(store))], dtype=int)

    def __len__(self) -> int:
        return len(self.store)

    def draw(self, places: np.ndarray, chances: np.ndarray) -> tuple[ClipBatch, np.ndarray]:
        """A clip of each video, from where its row of chances says.

        Returns:
            The clips, and which of the rows they are for: all, but for those in `failures`.

        Raises:
            CatalogError: none of the videos can be opened any more.
        """
        clips, rows = [], []
        for row, place in enumerate(places.tolist()):
            try:
                clip = self.store.cut(
                    place, when(self.settings, chances[row, :2]), where(chances[row, 2:])
                )
            except KinetoscopeError as error:
                self.failures[place] = str(error)
                continue
            clips.append(clip)
            rows.append(row)
        if not clips:
            raise CatalogError(
                "no video of a batch can be opened any more",
                got="; ".join(self.failures[place].splitlines()[0] for place in places.tolist()),
                expected="videos that stay where they are",
            )
        return ClipBatch.of(clips, self.store.spec), np.array(rows)

    def centre(self, places: np.ndarray) -> ClipBatch:
        """The clip at the centre of each video."""
        return ClipBatch.of([self.store.centre(int(place)) for place in places], self.store.spec)

    def errors(self) -> list[dict[str, str]]:
        """A row for each video that could not be opened, now or at the start."""
        found = [(self.store.entries[place], error) for place, error in self.failures.items()]
        return [
            {
                "path": self.store.catalog.relative_path(entry),
                "where": entry.where,
                "error": error,
            }
            for entry, error in [*self.store.failures, *found]
        ]


@dataclass(frozen=True, kw_only=True)
class Material:
    """Everything that a training looks at.

    Args:
        labels: in the order of the network's scores.
        spec: what a clip is.
        train: what the weights are fitted to.
        validation: what the best epoch is chosen by; None for none.
        test: what is looked at once, at the end; None for none.
        key: names the videos, so that a training is not taken up with others.
    """

    labels: tuple[str, ...]
    spec: ClipSpec
    train: StoredVideos
    validation: StoredVideos | None = None
    test: Catalog | None = None
    key: str = ""

    def errors(self) -> list[dict[str, str]]:
        """A row for each video that could not be opened."""
        parts = (self.train, self.validation)
        return [row for part in parts if part is not None for row in part.errors()]


def open_material(recipe: Recipe, *, progress: bool) -> Material:
    """Read a recipe's catalog and open its videos.

    Raises:
        CatalogError: the catalog can't be read, or more videos fail to open than are allowed.
        UnknownNameError: there is no such split, or no such network.
        RecipeError: the network has nothing upstream, which the recipe wants to train apart; or
            labels carry no task, where the recipe wants several.
    """
    catalog = read_catalog(recipe.catalog, root=recipe.root or None)
    if recipe.multi_task:
        tasks_of(catalog.labels)
    train, held, test = parted(catalog, recipe)
    with torch.device("meta"):  # to see what it expects; weights come later
        network = build_network(recipe.network, labels=2, **recipe.options)
    spec = recipe.spec(network.expects)
    if recipe.optimizer.upstream != "none":
        check_upstream(network.model, recipe.network)
    stores = [_opened(part, spec, progress) for part in (train, held) if part is not None]
    drawn = [StoredVideos(store, recipe.augmentation) for store in stores]
    errors = [row for each in drawn for row in each.errors()]
    check_errors(recipe, errors, sum(len(store) for store in stores) + len(errors))
    return Material(
        labels=catalog.labels,
        spec=spec,
        train=drawn[0],
        validation=drawn[1] if held is not None and len(drawn[1]) else None,
        test=test,
        key=settings_key(train.key, held and held.key, [row["path"] for row in errors]),
    )


def parted(catalog: Catalog, recipe: Recipe) -> tuple[Catalog, Catalog | None, Catalog | None]:
    """What to train on, what to validate on and what to test on.

    A catalog without splits is trained on whole, less what is held out.

    Raises:
        UnknownNameError: there is no such split.
    """
    train = catalog.split(recipe.train_split) if catalog.splits else catalog
    test = catalog.split(recipe.test_split) if recipe.test_split else None
    if recipe.validation_split:
        return train, catalog.split(recipe.validation_split), test
    if not recipe.validation_fraction:
        return train, None, test
    return *hold_out(train, recipe.validation_fraction, recipe.seed), test


def when(settings: Augmentation, chances: np.ndarray) -> Sampling:
    """When a clip lies in its video and how fast it is played, by two chances.

    A clip is not played so fast that it would reach past the end of its video.
    """

    def places(available: int, spec: ClipSpec) -> list[int]:
        length = (spec.frames - 1) * spec.stride
        slow, fast = settings.speed
        speed = slow * (fast / slow) ** float(chances[1])
        if speed > 1 and length:
            speed = max(1.0, min(speed, (available - 1) / length))
        steps = [int(frame * spec.stride * speed + 0.5) for frame in range(spec.frames)]
        room = max(0, available - 1 - steps[-1])
        if settings.jitter_frames < 0:
            start = int(float(chances[0]) * (room + 1))
        else:
            off = round((2 * float(chances[0]) - 1) * settings.jitter_frames)
            start = min(max(room // 2 + off, 0), room)
        return [start + step for step in steps]

    return places


def where(chances: np.ndarray) -> Place:
    """Where in the frame a crop lies, by two chances: everywhere equally often."""

    def place(within: tuple[int, int], size: tuple[int, int]) -> Box:
        top, left = (
            int(float(chance) * (max(0, has - wants) + 1))
            for chance, has, wants in zip(chances, within, size, strict=True)
        )
        return Box(top=top, left=left, height=size[0], width=size[1])

    return place


def _opened(catalog: Catalog, spec: ClipSpec, progress: bool) -> ClipStore:
    with tracked(f"opening {catalog.name}", len(catalog), shown=progress) as advance:
        return ClipStore(catalog, spec, on_progress=lambda done, total: advance())


def check_errors(recipe: Recipe, errors: Sequence[Mapping[str, str]], videos: int) -> None:
    """A few bad videos are listed in the result; many mean that something else is wrong.

    Raises:
        CatalogError: more of so many videos fail than the recipe allows; names some.
    """
    if len(errors) < videos and len(errors) <= recipe.bad_videos_allowed * videos:
        return
    told = [f"{row['path']}: {row['error'].splitlines()[0]}" for row in errors[:_LISTED]]
    more = [f"and {len(errors) - _LISTED} more"] if len(errors) > _LISTED else []
    raise CatalogError(
        f"too many videos of {recipe.catalog} can't be opened",
        got="\n            ".join([f"{len(errors)} of {videos}", *told, *more]),
        expected=f"at most {recipe.bad_videos_allowed:.0%} (bad_videos_allowed)",
        hint="kinetoscope check lists what is wrong",
    )
