"""What is specialization good for: DSTS, with and without upstream-downstream learning?

The same backbone is trained with four heads, on a world whose labels differ only in what a small
part does, and on people in front of a depth camera, over several seeds:

    plain       layers that choose nothing, of the same cost
    dsts_mean   specialized neurons, pulses as means, all weights trained alike
    dsts        the same, pulses standardized neuron by neuron
    dsts_meta   the same as dsts, pulses and gates trained by what the others learn of them

Written down are the accuracy on the test split and how much the active neuron tells of the label.
Runs that are done are not done again, and the document is written anew after each, so that the
script can be stopped and started at any time:

    python scripts/experiments/dsts.py --out runs/dsts --depth-actions data/depth_actions
"""

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.store import ClipStore
from kinetoscope.clips.worlds.parts import make_parts
from kinetoscope.clips.worlds.world import ClipsPerLabel
from kinetoscope.networks.cost import multiply_adds
from kinetoscope.networks.network import Network
from kinetoscope.networks.weights import load_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.training.loop import train
from kinetoscope.training.metrics import confusion_matrix, mutual_information
from kinetoscope.training.recipe import Augmentation, Optimizer, Recipe
from kinetoscope.units.reading import read

DOCUMENT = Path(__file__).parents[2] / "docs" / "experiments" / "dsts.md"
SHUFFLES = 200  # of labels, to see what chance tells

NEURONS, LAYERS = 5, 2
BACKBONE = {"channels": [8, 16, 32, 64], "dropout": 0.2}
HEADS: dict[str, dict[str, Any]] = {
    "plain": {"plain": True},
    "dsts": {},
    "dsts_meta": {},
    "dsts_mean": {"pulse": "mean"},
}

WORLDS: dict[str, dict[str, Any]] = {
    "parts": {
        "epochs": 20,
        "learning_rate": 6e-3,
        "weight_decay": 0.02,
        "label_smoothing": 0.05,
        "clip": {"frames": 10, "stride": 2, "short_side": 48, "size": [48, 48]},
        "augmentation": Augmentation(shift_pixels=3.0, jitter_frames=0),
    },
    "depth_actions": {
        "epochs": 24,
        "learning_rate": 4e-3,
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "clip": {"frames": 16, "stride": 2, "short_side": 48, "size": [48, 48]},
        "augmentation": Augmentation(
            shift_pixels=4.0,
            scale=(0.8, 1.25),
            rotate_degrees=15.0,
            brightness=0.1,
            contrast=0.1,
            speed=(0.8, 1.25),
            jitter_frames=3,
        ),
    },
}
PARTS = ClipsPerLabel(train=80, validation=0, test=30)

STUDENT = {
    1: 12.706,
    2: 4.303,
    3: 3.182,
    4: 2.776,
    5: 2.571,
    6: 2.447,
    7: 2.365,
    8: 2.306,
    9: 2.262,
}
"""97.5 % quantiles of Student's t, by degrees of freedom."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """How clips of the test split were routed in one layer.

    Args:
        information: how much the active neuron tells of the label [bits].
        by_chance: the mean of the same with labels shuffled [bits].
        active: how many neurons are active for some clip.
        entropy: of pulses at the last temperature, the mean over clips [nats].
        in_time: how many channels the gates of active neurons send to temporal operators, of 1.
    """

    information: float
    by_chance: float
    active: int
    entropy: float
    in_time: float


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of one training."""

    world: str
    head: str
    seed: int
    accuracy: float
    train_accuracy: float
    seconds: float
    layers: tuple[Layer, ...]

    @property
    def information(self) -> float:
        """What routing tells of the label beyond chance, the mean over layers [bits]."""
        return statistics.fmean(each.information - each.by_chance for each in self.layers)


def main() -> None:
    """Train whatever is not trained yet, and write down what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="for the world and the trainings")
    parser.add_argument("--depth-actions", type=Path, help="the catalog; without it, parts alone")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    catalogs = {"parts": make_parts(given.out / "parts_videos", clips_per_label=PARTS, size=48)}
    if given.depth_actions:
        catalogs["depth_actions"] = given.depth_actions
    wanted = [
        (world, seed, head)
        for seed in range(given.seeds)
        for world in catalogs
        for head in HEADS
        if world in given.worlds
    ]
    done = []
    for world, seed, head in wanted:
        folder = given.out / world / f"{head}_{seed}"
        done.append(run(world, head, seed, catalogs[world], folder))
        given.document.parent.mkdir(parents=True, exist_ok=True)
        given.document.write_text(text(done, len(wanted)), encoding="utf-8")


def run(world: str, head: str, seed: int, catalog: Path, folder: Path) -> Run:
    """Train one head, unless it is trained, and see how it routes the clips of the test split."""
    trained = train(recipe(world, head, seed, catalog), folder, progress=False)
    assert trained.test_accuracy is not None
    routing = folder / "routing.json"
    if not routing.exists():
        network = load_network(str(trained.weights)).eval()
        layers = [] if head == "plain" else routed(network, catalog)
        routing.write_text(json.dumps([asdict(each) for each in layers], indent=1))
    return Run(
        world=world,
        head=head,
        seed=seed,
        accuracy=trained.test_accuracy,
        train_accuracy=trained.train_accuracy,
        seconds=trained.seconds,
        layers=tuple(Layer(**each) for each in json.loads(routing.read_text())),
    )


def recipe(world: str, head: str, seed: int, catalog: Path) -> Recipe:
    """The recipe of a run; heads differ in nothing else."""
    return Recipe(
        network="dsts_two_stream_small",
        catalog=str(catalog),
        test_split="test",
        validation_fraction=0.0,
        warm_up_epochs=2.0,
        seed=seed,
        optimizer=Optimizer(upstream="meta" if head == "dsts_meta" else "none"),
        options={
            "backbone_options": BACKBONE,
            "neurons": NEURONS,
            "layers": LAYERS,
            **HEADS[head],
        },
        **WORLDS[world],
    )


@torch.inference_mode()
def routed(network: Network, catalog: Path) -> list[Layer]:
    """How a network routes the centre clips of the test split."""
    store = ClipStore(read_catalog(str(catalog), split="test"), network.expects)
    truth = torch.tensor([store.label_index(place) for place in range(len(store))])
    stem = "average.dsts.layer"
    names = [f"{stem}{n}.{part}" for n in range(1, LAYERS + 1) for part in PARTS_READ]
    answers: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    for places in torch.arange(len(store)).split(32):
        clips = ClipBatch.of([store.centre(int(place)) for place in places], network.expects)
        for name, answer in read(network, clips, names).items():
            answers[name].append(answer.flatten(1))
    whole = {name: torch.cat(each) for name, each in answers.items()}
    return [
        _layer(*(whole[f"{stem}{n}.{part}"] for part in PARTS_READ), truth)
        for n in range(1, LAYERS + 1)
    ]


PARTS_READ = ("neuron", "entropy", "gates")


def _layer(
    choice: torch.Tensor, entropy: torch.Tensor, gates: torch.Tensor, truth: torch.Tensor
) -> Layer:
    active, labels = choice.argmax(dim=1), int(truth.max()) + 1
    size = max(labels, choice.shape[1])

    def told(true: torch.Tensor) -> float:
        return mutual_information(confusion_matrix(active, true, size))

    chance = torch.Generator().manual_seed(0)
    shuffled = [truth[torch.randperm(len(truth), generator=chance)] for _ in range(SHUFFLES)]
    return Layer(
        information=told(truth),
        by_chance=statistics.fmean(told(each) for each in shuffled),
        active=len(active.unique()),
        entropy=entropy.mean().item(),
        in_time=gates.mean().item(),
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and how far the 95 % interval of Student's t reaches to either side."""
    if len(values) < 2:
        return statistics.fmean(values), math.nan
    reach = STUDENT[len(values) - 1] * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), reach


def text(runs: Sequence[Run], wanted: int) -> str:
    """The document."""
    worlds = list(dict.fromkeys(run.world for run in runs))
    return "\n".join(
        [
            HEADING,
            f"{len(runs)} of {wanted} trainings are done.\n" if len(runs) < wanted else "",
            _setting(worlds),
            *(_of_world(world, [run for run in runs if run.world == world]) for world in worlds),
            READING,
        ]
    )


HEADING = """# What is specialization good for?

<!-- Written by scripts/experiments/dsts.py; change that, not this. -->

The same backbone is trained with four heads. `plain`: layers that choose nothing, and cost a clip
the same. `dsts_mean`: specialized neurons, of which one is active for a clip, all weights trained
alike. `dsts`: the same with pulses standardized neuron by neuron (`pulse = "standard"`), without
which a neuron may be the strongest for all clips. `dsts_meta`: as `dsts`, with pulses and gates
trained by what the other weights learn of them (`optimizer.upstream = "meta"`).

`parts` is a made world (`kinetoscope make parts`): its labels differ only in what a small part does
on a large body that moves. `depth_actions` are the depth sequences of UTD-MHAD: sixteen actions,
tested on persons that were not trained on. The recipes are shorter than those that the networks
deserve, for all heads alike.
"""

READING = """## How to read this

Intervals are 95 % of Student's t over seeds; a seed has the same first weights of the backbone's
convolutions, the same clips in the same order, for all heads, so differences are taken seed by seed
before they are averaged. Seeds differ in weights and order, not in videos. Information is what the
active neuron tells of the label on the test split, the mean over layers, less what it tells with
labels shuffled; at most the logarithm of the number of neurons. Where the interval of a difference
contains zero, nothing was shown.
"""


def _setting(worlds: Sequence[str]) -> str:
    rows = ["## What was trained", "", "| head | weights | multiply-adds of the head a clip |"]
    rows += ["|---|---|---|"]
    with torch.device("meta"):
        bare = build_network("two_stream_small", labels=8, **BACKBONE)
        heads = {
            head: build_network(
                "dsts_two_stream_small", labels=8, backbone_options=BACKBONE, neurons=NEURONS,
                layers=LAYERS, **more,
            )
            for head, more in HEADS.items()
        }  # fmt: skip
    for head, network in heads.items():
        cost = multiply_adds(network) - multiply_adds(bare)
        said = "" if head == "plain" else f" with every channel in both operators, {_chosen(cost)}"
        rows.append(f"| {head} | {network.weights_count:,} | {cost:,}{said} |")
    rows += ["", f"{NEURONS} neurons in each of {LAYERS} layers. The recipes:", ""]
    for world in worlds:
        told = recipe(world, "dsts_meta", 0, Path(world)).to_toml()
        rows += [
            f"<details><summary>{world}</summary>",
            "",
            f"```toml\n{told}```",
            "</details>",
            "",
        ]
    return "\n".join(rows)


def _chosen(cost: int) -> str:
    """Of 13 taps a channel and place, an even choice computes 7."""
    return f"{cost * 7 / 13:,.0f} where gates send half of them either way"


def _of_world(world: str, runs: Sequence[Run]) -> str:
    return "\n".join([f"## {world}", "", *_means(runs), "", *_differences(runs), ""])


def _means(runs: Sequence[Run]) -> list[str]:
    rows = [
        "| head | seeds | test accuracy [%] | on clips trained on [%] | information [bits] |"
        " active neurons | channels in time | entropy [nats] | seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for head in HEADS:
        mine = [run for run in runs if run.head == head]
        if not mine:
            continue
        layers = [layer for run in mine for layer in run.layers]
        cells = [
            f"{_shown([100 * run.accuracy for run in mine], 1)} ({_each(mine)})",
            _shown([100 * run.train_accuracy for run in mine], 1),
            _shown([run.information for run in mine], 2) if layers else "",
            f"{statistics.fmean(each.active for each in layers):.1f}" if layers else "",
            f"{statistics.fmean(each.in_time for each in layers):.0%}" if layers else "",
            f"{statistics.fmean(each.entropy for each in layers):.2f}" if layers else "",
            f"{statistics.fmean(run.seconds for run in mine):.0f}",
        ]
        rows.append(f"| {head} | {len(mine)} | " + " | ".join(cells) + " |")
    return rows


def _each(runs: Sequence[Run]) -> str:
    return ", ".join(f"{100 * run.accuracy:.1f}" for run in runs)


def _differences(runs: Sequence[Run]) -> list[str]:
    rows = ["| difference, seed by seed | mean and interval | said |", "|---|---|---|"]
    for what, one, other in (
        ("accuracy", "dsts_mean", "plain"),
        ("accuracy", "dsts", "plain"),
        ("accuracy", "dsts_meta", "plain"),
        ("accuracy", "dsts_meta", "dsts"),
        ("information", "dsts", "dsts_mean"),
        ("information", "dsts_meta", "dsts"),
    ):
        values = _paired(runs, what, one, other)
        if not values:
            continue
        unit, places = ("points", 1) if what == "accuracy" else ("bits", 2)
        mean, reach = interval(values)
        rows.append(
            f"| {what} of {one} less that of {other} | {_shown(values, places)} {unit} | "
            f"{_verdict(mean, reach)} |"
        )
    return rows


def _paired(runs: Sequence[Run], what: str, one: str, other: str) -> list[float]:
    scale = 100 if what == "accuracy" else 1
    found = {(run.head, run.seed): scale * getattr(run, what) for run in runs if _has(run, what)}
    seeds = sorted({seed for _, seed in found})
    return [
        found[one, seed] - found[other, seed]
        for seed in seeds
        if (one, seed) in found and (other, seed) in found
    ]


def _has(run: Run, what: str) -> bool:
    return what == "accuracy" or bool(run.layers)


def _verdict(mean: float, reach: float) -> str:
    if math.isnan(reach):
        return "one seed alone"
    if abs(mean) <= reach:
        return "no difference shown"
    return "more" if mean > 0 else "less"


def _shown(values: Sequence[float], places: int) -> str:
    mean, reach = interval(values)
    return f"{mean:.{places}f}" + ("" if math.isnan(reach) else f" ± {reach:.{places}f}")


if __name__ == "__main__":
    main()
