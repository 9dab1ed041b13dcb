"""How far do a changed clip's answers lie from those to the clip itself?

Every layer is told in two ways. Its units: how much of what they answer to their own best clips,
above what they answer to a grey clip in which nothing moves, is left. And the layer as a whole, its
answers at all places as one vector: how far the changed clip lies from the clip itself, where 1 is
the usual distance from one clip to another; and how the two correlate, after the answer to grey was
taken from both. Grey is taken off because weights that were drawn at random mostly answer their
biases, whatever is shown, and would pass for invariant.

Each changed clip runs once through a network, for all layers. Clips are first shown as they are, to
know which of them excite a unit most; then each with all of its changes, so that no answers but
those to one clip are kept at a time.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
section 4.2: Euclidean distance between the features of a picture and of the changed one. Differs:
divided by the distance between clips; beside it single units.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import torch
from torch import Tensor

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.engines.here import map_here
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Activation
from kinetoscope.units.axes import layout_for
from kinetoscope.units.reading import watch

LEAST = 1e-6
"""A unit that no clip brings so far above its answer to grey is excited by none."""

Views = Callable[[int], Iterable[tuple[Clip, int]]]
"""From the number of a clip to its views, each with the number of the view that it is held against.

The first is the clip as it is. A view that is held against itself comes before those held against
it.
"""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Unchanged:
    """What the units of a layer answer to clips as they are.

    Args:
        grey: to a grey clip without motion, at all places in a row.
        grey_largest: the largest of it, `channel`.
        largest: to each clip, `clip channel`.
        place: where, counted through all places, `clip channel`.
        shape: time, height and width of the layer; none where it has no places.
        usual: the median distance of two clips' answers.
        top: which clips count for which unit: the few that excite it most, `clip channel`.
    """

    grey: Tensor
    grey_largest: Tensor
    largest: Tensor
    place: Tensor
    shape: tuple[int, ...]
    usual: float
    top: Tensor

    @property
    def excited(self) -> Tensor:
        """Which units some clip excites, `channel`."""
        return self.top.any(dim=0)

    def among(self, clips: Sequence[int], count: int) -> "Unchanged":
        """The same, where only some clips count, and so many of them for each unit."""
        top = torch.zeros_like(self.top)
        top[list(clips)] = _top(self.largest[list(clips)] - self.grey_largest, count)
        return replace(self, top=top)


@dataclass(frozen=True, kw_only=True)
class Known:
    """A network, and what its layers answer to clips as they are."""

    network: Network
    layers: dict[str, Unchanged]

    def among(self, clips: Sequence[int], count: int) -> "Known":
        """The same, where only some clips count, and so many of them for each unit."""
        layers = {name: layer.among(clips, count) for name, layer in self.layers.items()}
        return replace(self, layers=layers)


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is left of a layer's answers when clips are changed.

    Args:
        kept: what units answer above grey to their own best clips, wherever in them, as a share of
            what they answer to these unchanged, `view channel`; not a number for a unit that
            nothing excites.
        there: the same of the place at which each answered most to the clip unchanged: of the
            neuron, which sees its own part of the clip alone.
        distance: of each changed clip, in usual distances between clips, `clip view`.
        correlation: with the clip unchanged, `clip view`.
    """

    kept: Tensor
    there: Tensor
    distance: Tensor
    correlation: Tensor


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is left of the answers of a network; and the label that it gives, `clip view`."""

    layers: dict[str, Left]
    predicted: Tensor


def grey_clip(spec: ClipSpec) -> Clip:
    """The mean colour throughout, and no motion."""
    extent = (spec.frames, *spec.size)
    colour = torch.tensor(spec.mean).reshape(3, 1, 1, 1)
    flow = torch.zeros(2, *extent) if "flow" in spec.streams else None
    return Clip(frames=colour.expand(3, *extent).contiguous(), flow=flow, source="grey")


def know(
    network: Network,
    clips: Sequence[Clip],
    layers: Sequence[str],
    *,
    top: int = 5,
    batch: int = 8,
    seed: int = 0,
) -> Known:
    """Show a network clips as they are.

    Args:
        network: comes back as it went.
        clips: as it expects them.
        layers: by name.
        top: how many of the clips count for each unit, if they excite it.
        batch: how many are shown at once.
        seed: of the order in which two clips are held against each other.
    """
    order = torch.randperm(len(clips), generator=torch.Generator().manual_seed(seed)).tolist()
    seen = {layer: _Seen() for layer in layers}

    def look(name: str, answer: Activation) -> None:
        seen[name].add(answer)

    with evaluating(network), torch.inference_mode():
        for part in _parts([grey_clip(network.expects), *(clips[clip] for clip in order)], batch):
            watch(network, _shown(part, network), layers, look)
    return Known(
        network=network, layers={name: each.told(order, top) for name, each in seen.items()}
    )


def compare(
    known: Sequence[Known],
    views: Views,
    clips: Sequence[int],
    *,
    batch: int = 8,
    workers: int | None = None,
    progress: Progress = lambda done, total: None,
) -> list[Compared]:
    """Show networks changed clips, and tell what is left of their answers to the unchanged.

    Args:
        known: the networks, which are shown the same views.
        views: as many of each clip.
        clips: the numbers of those that are changed.
        batch: how many views are shown at once.
        workers: threads; one a core if not given.
        progress: is told how many clips are done, and of how many.
    """
    held = [_Held(each) for each in known]
    work = partial(_of_clip, known, views, batch)
    with ExitStack() as modes:
        for each in known:
            modes.enter_context(evaluating(each.network))
        for number, done in enumerate(map_here(work, clips, workers=workers), start=1):
            if done.answer is None:
                raise done.error or RuntimeError("no answer")
            for each, found in zip(held, done.answer, strict=True):
                each.add(found)
            progress(number, len(clips))
    return [each.told() for each in held]


@torch.inference_mode()
def _of_clip(known: Sequence[Known], views: Views, batch: int, number: int) -> list["_OneClip"]:
    """All views of one clip, shown to all networks."""
    found = [_OneClip(each, number) for each in known]
    for part in _parts(views(number), batch):
        shown, references = zip(*part, strict=True)
        for one in found:
            one.show(shown, references)
    for one in found:
        one.finish()
    return found


class _Seen:
    """A layer's answers to a grey clip and to clips, one after the other."""

    def __init__(self):
        self.grey: Tensor | None = None
        self.before: Tensor | None = None
        self.shape: tuple[int, ...] = ()
        self.largest: list[Tensor] = []
        self.place: list[Tensor] = []
        self.apart: list[float] = []

    def add(self, answer: Activation) -> None:
        self.shape = tuple(answer.shape[2:])
        largest, place = answer.flatten(2).max(2) if answer.ndim > 2 else (answer, answer * 0)
        self.largest.append(largest.cpu())
        self.place.append(place.long().cpu())
        for one in answer.flatten(1):
            if self.grey is None:
                self.grey = one.clone()
                continue
            if self.before is not None:
                self.apart.append((one - self.before).norm().item())
            self.before = one.clone()

    def told(self, order: Sequence[int], top: int) -> Unchanged:
        assert self.grey is not None
        rows, places = torch.cat(self.largest), torch.cat(self.place)
        back = torch.tensor(order).argsort() + 1  # after grey
        apart = torch.tensor(self.apart)
        return Unchanged(
            grey=self.grey,
            grey_largest=rows[0],
            largest=rows[back],
            place=places[back],
            shape=self.shape,
            usual=apart.median().item() if len(apart) else float("nan"),
            top=_top(rows[back] - rows[0], top),
        )


@dataclass
class _OneClip:
    """What is left of answers to one clip, view by view; on the network's device until it ends."""

    known: Known
    number: int
    kept: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    largest: dict[str, list[Tensor]] = field(default_factory=dict)
    there: dict[str, list[Tensor]] = field(default_factory=dict)
    distance: dict[str, list[Tensor]] = field(default_factory=dict)
    correlation: dict[str, list[Tensor]] = field(default_factory=dict)
    predicted: list[Tensor] = field(default_factory=list)
    references: list[int] = field(default_factory=list)

    def show(self, clips: Sequence[Clip], references: Sequence[int]) -> None:
        first = len(self.references)
        self.references += references
        network = self.known.network
        look = partial(self._look, first)
        scores = watch(network, _shown(clips, network), list(self.known.layers), look)
        self.predicted.append(scores.argmax(dim=1))

    def _look(self, first: int, name: str, answer: Activation) -> None:
        layer = self.known.layers[name]
        rows = answer.flatten(2) if answer.ndim > 2 else answer[:, :, None]
        place = layer.place[self.number].to(rows.device).expand(len(rows), -1)[:, :, None]
        self.largest.setdefault(name, []).append(rows.amax(2))
        self.there.setdefault(name, []).append(rows.gather(2, place)[:, :, 0])
        kept = self.kept.setdefault(name, {})
        for view, one in enumerate(answer.flatten(1), start=first):
            reference = self.references[view]
            if reference == view:
                kept[view] = one.clone()
            alike = _correlation(one - layer.grey, kept[reference] - layer.grey)
            self.distance.setdefault(name, []).append((one - kept[reference]).norm())
            self.correlation.setdefault(name, []).append(alike)

    def finish(self) -> None:
        """Bring what is kept of the clip to the CPU, once, and let go of the rest."""
        self.kept.clear()
        for found in (self.largest, self.there):
            for name, parts in found.items():
                layer = self.known.layers[name]
                above = torch.cat(parts).cpu() - layer.grey_largest
                found[name] = [torch.where(layer.top[self.number], above, 0.0)]
        for found in (self.distance, self.correlation):
            for name, values in found.items():
                found[name] = [torch.stack(values).cpu()]
        self.predicted = [torch.cat(self.predicted).cpu()]


class _Held:
    """Sums over clips."""

    def __init__(self, known: Known):
        self.known = known
        self.above: dict[str, Tensor] = {}
        self.there: dict[str, Tensor] = {}
        self.clips: list[_OneClip] = []

    def add(self, one: _OneClip) -> None:
        for sums, found in ((self.above, one.largest), (self.there, one.there)):
            for name, (above,) in found.items():
                sums[name] = sums.get(name, 0) + above.double()
            found.clear()
        self.clips.append(one)

    def told(self) -> Compared:
        references = torch.tensor(self.clips[0].references)
        return Compared(
            layers={name: self._left(name, references) for name in self.known.layers},
            predicted=torch.stack([one.predicted[0] for one in self.clips]),
        )

    def _left(self, name: str, references: Tensor) -> Left:
        usual = self.known.layers[name].usual
        return Left(
            kept=_share(self.above[name], references),
            there=_share(self.there[name], references),
            distance=torch.stack([one.distance[name][0] for one in self.clips])
            / (usual or torch.nan),
            correlation=torch.stack([one.correlation[name][0] for one in self.clips]),
        )


def _share(above: Tensor, references: Tensor) -> Tensor:
    whole = above[references]
    return torch.where(whole > LEAST, above / whole, torch.nan).float()


def _top(above: Tensor, count: int) -> Tensor:
    """The clips that excite each unit most, as far as they excite it; the earlier of equals."""
    order = above.argsort(dim=0, descending=True, stable=True)
    rank = order.argsort(dim=0)
    return (rank < count) & (above > LEAST)


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    """Pearson's; not a number where one of them is the same throughout."""
    one, other = one - one.mean(), other - other.mean()
    return one @ other / (one.norm() * other.norm())


def _parts(items: Iterable, count: int) -> Iterator[list]:
    rest = iter(items)
    while part := list(islice(rest, count)):
        yield part


def _shown(clips: Sequence[Clip], network: Network) -> ClipBatch:
    layout = layout_for(network)
    return ClipBatch.of(clips, network.expects, layout=layout).to(network.device)
