"""How well does a network recognize the videos of a catalog, and by which protocol?

A video is shown as a number of views: clips spread over its length, each cropped at a number of
places. The probabilities of a video are the mean of its views'. The protocol stands in the result,
because a number without it can't be compared. The same network can be shown clips without one of
its streams, or played backward, shuffled or frozen: how much of the accuracy needed that?

Source: views and their averaging as in Feichtenhofer et al., "SlowFast", ICCV 2019, section 4
(ten clips of three crops); one blanked stream and reordered frames are our own controls.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from kinetoscope.clips import transforms
from kinetoscope.clips.cache import ClipCache, views_of
from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import Stream
from kinetoscope.errors import CatalogError, ClipError, KinetoscopeError
from kinetoscope.memory import keep_memory
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.networks.tasks import among, log_probabilities, task_of
from kinetoscope.tensors import Scores
from kinetoscope.training.evaluation import CROPS, TOP, Evaluation, Order, Protocol, most_probable
from kinetoscope.training.progress import tracked

_OPENERS = 2  # threads that open videos while the network is busy with the ones before
_AHEAD = 8  # videos that may be open and not yet answered, so that memory stays flat


def evaluate(  # noqa: PLR0913 - the protocol is spelt out, a word each
    network: Network,
    catalog: Catalog,
    *,
    clips: int = 1,
    crops: int = 1,
    without: Stream | None = None,
    order: Order = "forward",
    seed: int = 0,
    batch: int = 16,
    clip_cache: ClipCache | None = None,
    progress: bool = False,
) -> Evaluation:
    """Show a network every video of a catalog.

    Labels are matched by name; where a network has several tasks, a video is told apart from those
    of its own task. The same videos give the same result whatever the batch.

    Args:
        network: left in the mode it is in.
        catalog: what to show; videos without a label are predicted and not counted.
        clips: how many of each video, spread evenly over it.
        crops: how many of each clip, along the longer side.
        without: a stream to blank, `frames` or `flow`.
        order: `forward`, `reversed`, `shuffled` or `still`.
        seed: of the shuffling.
        batch: how many clips go through the network at once; less needs less memory.
        clip_cache: where clips are kept that were opened before.
        progress: whether to show it, where there is a terminal.

    Raises:
        CatalogError: a label that the network does not have, or no labelled video could be opened.
        ClipError: a stream is to be blanked that the network is not shown alone.
    """
    protocol = Protocol(
        clips=clips,
        crops=crops,
        without=without,
        order=order,
        seed=seed,
        own_task=bool(network.tasks),
    )
    _check_without(network, without)
    keep_memory()
    places = label_places(network.labels, catalog)
    rows, errors, answers, truth = [], [], [], []
    opened = _opened(network, catalog, protocol, clip_cache)
    with tracked("evaluating", len(catalog), shown=progress) as advance, evaluating(network):
        for entry, views, answer in _answered(network, opened, protocol, batch):
            advance()
            path = catalog.relative_path(entry)
            if isinstance(answer, KinetoscopeError):
                errors.append({"path": path, "where": entry.where, "error": str(answer)})
                continue
            answer = _of_own_task(network, answer, entry.label)
            answers.append(answer.mean(dim=0))
            truth.append(places.get(entry.label, -1))
            told = _told(network.labels, answer.mean(dim=0), entry.label)
            shown = _views(network.labels, views, answer, CROPS[crops])
            rows.append({"path": path, "label": entry.label, **told, "views": shown})
    if not any(place >= 0 for place in truth):
        raise _nothing_to_count(catalog, errors)
    return Evaluation(
        network=network.name,
        weights_hash=network.weights_hash,
        catalog=catalog.name,
        catalog_key=catalog.key,
        labels=network.labels,
        protocol=protocol,
        probabilities=torch.stack(answers),
        truth=torch.tensor(truth),
        videos=tuple(rows),
        errors=tuple(errors),
    )


def label_places(labels: Sequence[str], catalog: Catalog) -> dict[str | None, int]:
    """Where each label of a catalog's videos stands among a network's.

    Raises:
        CatalogError: a label that the network does not have.
    """
    places: dict[str | None, int] = {label: place for place, label in enumerate(labels)}
    wanted = {entry.label for entry in catalog if entry.label is not None}
    if strange := sorted(label for label in wanted if label not in places):
        raise CatalogError(
            f"the catalog {catalog.name} has labels that the network does not have",
            got=", ".join(strange[:8]) + (", ..." if len(strange) > 8 else ""),
            expected=f"some of {', '.join(list(labels)[:12])}",
            hint="labels are matched by name",
        )
    return places


def controls(network: Network) -> dict[str, dict[str, Any]]:
    """What can be taken away from clips to see what a network needs, as arguments of `evaluate`."""
    changes: dict[str, dict[str, Any]] = {
        order: {"order": order} for order in get_args(Order) if order != "forward"
    }
    if len(network.expects.streams) > 1:
        changes |= {f"without {stream}": {"without": stream} for stream in network.expects.streams}
    return changes


def spread(catalog: Catalog, count: int) -> Catalog:
    """At most so many of a catalog's videos, taken evenly from its list."""
    total = len(catalog)
    if count >= total:
        return catalog
    kept = (catalog.entries[place * total // count] for place in range(count))
    return replace(catalog, entries=tuple(kept))


def probabilities_of(
    network: Network, batch: ClipBatch, *, without: Stream | None = None
) -> Scores:
    """What a network answers, with one stream blanked: the mean colour, or no motion."""
    normalized = network.normalize(batch.to(network.device))
    if without is not None:
        blank = torch.zeros_like(normalized.stream(without))
        normalized = replace(normalized, **{without: blank})
    return log_probabilities(network.answer(normalized), network.tasks).exp()


def reordered(clip: Clip, order: Order, generator: torch.Generator) -> Clip:
    """A clip played in another order, its motion along with it."""
    if order == "reversed":
        return transforms.reverse(clip)
    if order == "shuffled":
        return transforms.shuffle(clip, generator)
    return transforms.freeze(clip) if order == "still" else clip


Opened = tuple[Entry, "list[Clip] | KinetoscopeError"]
Answered = tuple[Entry, "list[Clip]", "Scores | KinetoscopeError"]


def _opened(
    network: Network, catalog: Catalog, protocol: Protocol, cache: ClipCache | None
) -> Iterator[Opened]:
    """Every video's views, in order; a few videos are opened ahead."""

    def views(place: int, entry: Entry) -> list[Clip]:
        found = views_of(
            entry,
            network.expects,
            clips=protocol.clips,
            crops=protocol.crops,
            cache=cache,
        )
        seed = np.random.SeedSequence([protocol.seed, place]).generate_state(1).item()
        generator = torch.Generator().manual_seed(seed)
        return [reordered(clip, protocol.order, generator) for clip in found]

    waiting: deque[tuple[Entry, Future[list[Clip]]]] = deque()
    with ThreadPoolExecutor(_OPENERS) as pool:
        try:
            for place, entry in enumerate(catalog):
                waiting.append((entry, pool.submit(views, place, entry)))
                if len(waiting) > _AHEAD:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()


def _result(entry: Entry, future: "Future[list[Clip]]") -> Opened:
    try:
        return entry, future.result()
    except KinetoscopeError as error:
        return entry, error


def _answered(
    network: Network, opened: Iterator[Opened], protocol: Protocol, batch: int
) -> Iterator[Answered]:
    """Every video with the probabilities of its views; views of several videos share a batch."""
    waiting: list[tuple[Entry, list[Clip]]] = []
    for entry, views in opened:
        if isinstance(views, KinetoscopeError):
            yield entry, [], views
            continue
        waiting.append((entry, views))
        if sum(len(each) for _, each in waiting) >= batch:
            yield from _flush(network, waiting, protocol, batch)
            waiting = []
    yield from _flush(network, waiting, protocol, batch)


@torch.inference_mode()
def _flush(
    network: Network, waiting: list[tuple[Entry, list[Clip]]], protocol: Protocol, batch: int
) -> list[Answered]:
    clips = [clip for _, views in waiting for clip in views]
    answers = [
        probabilities_of(
            network,
            ClipBatch.of(clips[start : start + batch], network.expects),
            without=protocol.without,
        ).cpu()
        for start in range(0, len(clips), batch)
    ]
    if not answers:
        return []
    each = torch.cat(answers).split([len(views) for _, views in waiting])
    return [(entry, views, answer) for (entry, views), answer in zip(waiting, each, strict=True)]


def _of_own_task(network: Network, answer: Scores, label: str | None) -> Scores:
    """Where there are several tasks, nothing of those that a video is not of."""
    if not network.tasks or label is None:
        return answer
    return answer * among(network.tasks, task_of(label))


def _told(labels: tuple[str, ...], mean: Tensor, label: str | None) -> dict[str, Any]:
    """What a network says of a video."""
    best = mean.argsort(descending=True, stable=True)[:TOP].tolist()
    return {
        "predicted": labels[best[0]],
        "right": None if label is None else labels[best[0]] == label,
        "top": [{"label": labels[place], "probability": mean[place].item()} for place in best],
    }


def _views(
    labels: tuple[str, ...], views: list[Clip], answer: Scores, crops: tuple[str, ...]
) -> list[dict[str, Any]]:
    """What it says of each view; all crops of one clip come before the next clip."""
    said = most_probable(answer).tolist()
    return [
        {
            "start_seconds": min(clip.seconds),
            "end_seconds": max(clip.seconds),
            "crop": crops[place % len(crops)],
            "predicted": labels[said[place]],
            "probability": answer[place, said[place]].item(),
        }
        for place, clip in enumerate(views)
    ]


def _check_without(network: Network, without: Stream | None) -> None:
    streams = network.expects.streams
    if without is not None and (without not in streams or len(streams) < 2):
        raise ClipError(
            f"{network.name} can't be evaluated without {without}",
            got=f"a network that is shown {' and '.join(streams)}",
            expected=f"a network that is shown {without} and another stream",
        )


def _nothing_to_count(catalog: Catalog, errors: list[dict[str, Any]]) -> CatalogError:
    first = f"; the first: {errors[0]['error'].splitlines()[0]}" if errors else ""
    return CatalogError(
        f"no labelled video of {catalog.name} could be evaluated",
        got=f"{len(catalog)} videos, {len(errors)} of them unreadable{first}",
        expected="one labelled video or more",
        hint="kinetoscope check lists what is wrong",
    )
