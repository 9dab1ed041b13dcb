"""Which attribution methods find what was planted, and which of them notice random weights?

Every method answers every planted network (tests/evidence/attribution/planted.py), of which it is
known where, when and in which stream the evidence lies. Then a small network learns to tell moving
dots and stripes, is shown clips with one of each, and is asked for one of the two; and its weights
are drawn anew from the output down, which heat should not survive.

    python scripts/experiments/planted_attributions.py

A network that was trained on videos is checked as well where one is given, with its catalog:

    python scripts/experiments/planted_attributions.py --network WEIGHTS --catalog VIDEOS
"""

import argparse
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the planted networks stand among the tests

from kinetoscope.clips.catalog import read_catalog  # noqa: E402
from kinetoscope.clips.clip import Clip, ClipBatch  # noqa: E402
from kinetoscope.clips.spec import ClipSpec  # noqa: E402
from kinetoscope.errors import ClipError  # noqa: E402
from kinetoscope.evidence.attribution.attribute import METHODS, method_of  # noqa: E402
from kinetoscope.evidence.attribution.attribution import Attribution, Method  # noqa: E402
from kinetoscope.evidence.attribution.belief.cascade import cascade  # noqa: E402
from kinetoscope.evidence.attribution.belief.check import write_attribution_check  # noqa: E402
from kinetoscope.evidence.attribution.belief.pointing import (  # noqa: E402
    energy,
    pointing,
    temporal_pointing,
)
from kinetoscope.evidence.attribution.belief.sanity import (  # noqa: E402
    Randomization,
    alike_after,
    chance_of,
    class_likeness,
)
from kinetoscope.evidence.attribution.belief.segments import Segments  # noqa: E402
from kinetoscope.evidence.attribution.question import Question  # noqa: E402
from kinetoscope.evidence.attribution.shares import motion_heat, shares_of  # noqa: E402
from kinetoscope.evidence.intervals import Interval  # noqa: E402
from kinetoscope.networks.network import Network  # noqa: E402
from kinetoscope.networks.weights import load_network  # noqa: E402
from kinetoscope.units.objective import label  # noqa: E402
from tests.evidence.attribution.planted import (  # noqa: E402
    CASES,
    SHOWN,
    SIDE,
    TIME,
    Case,
    Drawing,
    grown,
    put_dot,
    put_stripes,
)
from tests.evidence.planted import GREY  # noqa: E402

DOCUMENT = ROOT / "docs" / "experiments" / "planted-attributions.md"

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "occlusion": {"box": (1, 8, 8), "stride": (1, 4, 4)},
}
"""Where the usual ones are too coarse for dots of five pixels."""

DRAWS, SCENES = 5, 12
TOLD = ("right", "left", "upright", "level")
STEPS, CLIPS_PER_STEP = 300, 16
STAGES = 3


@dataclass(kw_only=True)
class Score:
    """What a method found of a case, a number a draw.

    Args:
        pointing: whether the hottest pixel is in the truth.
        energy: the share of positive heat that is there.
        in_time: whether the hottest frame is one of the truth's.
        frames: the share of frames in all heat; empty where the method does not tell streams apart.
        motion: the share of heat that a frozen clip has not; empty where that was not asked.
        seconds: that an answer took.
    """

    pointing: list[float] = field(default_factory=list)
    energy: list[float] = field(default_factory=list)
    in_time: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    motion: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, method: Method, case: Case) -> None:
        """Ask once more.

        Raises:
            ClipError: the method does not fit the network.
        """
        method.check(case.network, case.objective)
        question = Question.about(case.network, case.clip, case.objective)
        begun = perf_counter()
        found = method.answer(question)
        self.seconds.append(perf_counter() - begun)
        self.pointing.append(pointing(found.whole, case.truth))
        self.energy.append(energy(found.whole, case.truth))
        self.in_time.append(temporal_pointing(found.whole, case.truth))
        if "flow" in found.heat:
            self.frames.append(_amount(found, "frames") / (_amount(found) or 1.0))
        if case.motion is not None:
            moving = motion_heat(question, method, stills=2)
            self.motion.append(_amount(moving) / (_amount(found) or 1.0))


def _amount(found: Attribution, *parts: str) -> float:
    """All heat, without its sign."""
    return sum(float(found.heat[part].abs().sum()) for part in parts or found.heat)  # pyright: ignore


@dataclass(frozen=True, kw_only=True)
class Sanity:
    """What becomes of a method's heat.

    Args:
        stages: how alike it is to itself after each stage of random weights, the median over clips.
        more: how much more alike than the heats of different clips, with all weights random.
        changes: whether it is not surely more alike.
        other_label: how alike it is to the heat for the label of the other thing in the clip.
    """

    stages: Sequence[float]
    more: Interval
    changes: bool
    other_label: float


def main() -> None:
    """Ask all methods, and write down what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    parser.add_argument("--network", help="Weights of a trained network to check as well.")
    parser.add_argument("--catalog", help="Of its videos; the test split is used.")
    parser.add_argument("--clips", type=int, default=20, help="Of the catalog.")
    given = parser.parse_args()
    methods = {name: method_of(name, **SETTINGS.get(name, {})) for name in METHODS}
    planted = {
        (name, case): scored(method, (make(seed) for seed in range(DRAWS)))
        for name, method in methods.items()
        for case, make in CASES.items()
    }
    network = learnt()
    scenes = [scene_of_two(network, seed) for seed in range(SCENES)]
    learned = {name: scored(method, scenes) for name, method in methods.items()}
    fit = {name: methods[name] for name, score in learned.items() if score}
    lines = [
        *planted_tables(planted),
        *learned_tables(network, learned, sanity_of(fit, network, scenes)),
    ]
    if given.network:
        lines += checked(load_network(given.network), given.catalog, given.clips)
    given.document.write_text(document(lines), encoding="utf-8")


def scored(method: Method, cases: Iterable[Case]) -> Score | None:
    """A method's score; None where it does not fit."""
    score = Score()
    try:
        for case in cases:
            score.add(method, case)
    except ClipError:
        return None
    return score


# A network that has learnt


def learnt(seed: int = 0) -> Network:
    """A small network that tells which way a dot goes, or which way stripes lie."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(_model(), labels=TOLD, expects=_expected(), name="learnt")
    chance = torch.Generator().manual_seed(seed + 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=STEPS)
    network.train()
    for _ in range(STEPS):
        batch, places = _batch(network, chance)
        loss = nn.functional.cross_entropy(network.scores(batch), places)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


def _expected() -> ClipSpec:
    return ClipSpec(frames=TIME, short_side=SIDE, size=(SIDE, SIDE), **GREY)


def _model() -> nn.Module:
    """Three convolutions, the mean, and a linear head."""
    return nn.Sequential(
        *(nn.Conv3d(3, 8, 3, padding=1, bias=False), nn.BatchNorm3d(8), nn.ReLU()),
        nn.MaxPool3d((1, 2, 2)),
        *(nn.Conv3d(8, 16, 3, padding=1, bias=False), nn.BatchNorm3d(16), nn.ReLU()),
        nn.MaxPool3d(2),
        *(nn.Conv3d(16, 16, 3, padding=1, bias=False), nn.BatchNorm3d(16), nn.ReLU()),
        *(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(16, len(TOLD))),
    )


def _batch(network: Network, chance: Drawing) -> tuple[ClipBatch, Tensor]:
    """Clips with one thing each."""
    places = torch.randint(len(TOLD), (CLIPS_PER_STEP,), generator=chance)
    clips = []
    for place in places.tolist():
        frames = _background(chance)
        put(frames, TOLD[place], chance, upper=bool(torch.rand((), generator=chance) < 0.5))
        clips.append(Clip(frames=frames))
    return ClipBatch.of(clips, network.expects), places


def _background(chance: Drawing) -> Tensor:
    return 0.45 + 0.1 * torch.rand(3, TIME, SIDE, SIDE, generator=chance)


def put(frames: Tensor, what: str, chance: Drawing, *, upper: bool) -> Tensor:
    """Show a thing in one half of the picture; where it is."""
    if what in ("right", "left"):
        return put_dot(frames, what, chance, upper=upper)
    begin = int(torch.randint(TIME - SHOWN + 1, (), generator=chance))
    return put_stripes(frames, what, chance, upper=upper, begin=begin)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene(Case):
    """A dot and stripes in one clip.

    Args:
        other: the label of what is not asked for.
    """

    other: str


def scene_of_two(network: Network, seed: int) -> Scene:
    """A dot and stripes in one clip; asked is one of them by turns."""
    chance = torch.Generator().manual_seed(10_000 + seed)
    frames = _background(chance)
    pair = [TOLD[seed // 2 % 2], TOLD[2 + seed // 4 % 2]]
    places = [
        put(frames, what, chance, upper=(seed + number) % 2 == 0)
        for number, what in enumerate(pair)
    ]
    return Scene(
        name="learnt",
        network=network,
        clip=Clip(frames=frames),
        objective=label(pair[seed % 2]),
        other=pair[1 - seed % 2],
        truth=grown(places[seed % 2], 2, in_time=1),
    )


@torch.inference_mode()
def accuracy(network: Network, clips: int = 200) -> float:
    """On fresh clips with one thing."""
    chance = torch.Generator().manual_seed(99)
    right = 0
    for _ in range(0, clips, CLIPS_PER_STEP):
        batch, places = _batch(network, chance)
        right += int((network.scores(batch).argmax(1) == places).sum())
    return right / (-(-clips // CLIPS_PER_STEP) * CLIPS_PER_STEP)


def sanity_of(
    methods: Mapping[str, Method], network: Network, scenes: Sequence[Scene]
) -> dict[str, Sanity]:
    """Draw the weights anew, from the output down, and ask for the other thing."""
    segments = Segments.of((TIME, SIDE, SIDE))
    questions = {
        number: Question.about(network, case.clip, case.objective)
        for number, case in enumerate(scenes)
    }
    heats = {
        name: {
            number: segments.sums(method.answer(question).whole).numpy()
            for number, question in questions.items()
        }
        for name, method in methods.items()
    }
    random = {name: Randomization(chance=chance_of(heats[name], [*questions])) for name in methods}
    batches = [ClipBatch.of([case.clip for case in scenes], network.expects)]
    for stage in cascade(network, batches, stages=STAGES):
        for name, method in methods.items():
            alike = alike_after(stage, method, questions, heats[name], segments)
            random[name].stages.append((stage.layers, alike))
    return {
        name: Sanity(
            stages=[_median(alike.values()) for _, alike in random[name].stages],
            more=random[name].more_than_chance(),
            changes=random[name].changes(),
            other_label=_median(
                class_likeness(
                    method, question, heats[name][number], label(scenes[number].other), segments
                )
                for number, question in questions.items()
            ),
        )
        for name, method in methods.items()
    }


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if value == value]
    return statistics.median(known) if known else float("nan")


# A network that is given


def checked(network: Network, videos: str, clips: int) -> list[str]:
    """Methods ranked for a network that was trained on a catalog."""
    catalog = read_catalog(videos, split="test")
    with tempfile.TemporaryDirectory() as aside:
        answer = write_attribution_check(
            network, catalog, Path(aside) / "check", clips=clips
        ).answer
    rows = [
        (
            each["name"],
            each["clips"],
            *(_within(each[measure]) for measure in ("deletion", "insertion", "over_centre")),
            "yes" if each["random"]["changes"] else "**no**",
            f"{each['seconds']['value']:.2f}",
        )
        for each in answer["methods"]
    ]
    about = CHECKED.format(
        network=network.name,
        clips=answer["clips"],
        right=answer["right"],
        recommended=answer["recommended"] or "none",
    )
    return [about, *_table(CHECKED_COLUMNS, rows), ""]


CHECKED_COLUMNS = (
    *("method", "clips", "deletion above chance", "insertion above chance"),
    *("both above the centre", "changes with random weights", "seconds"),
)


def _within(told: Mapping[str, float]) -> str:
    return f"{told['value']:.2f} ({told['low']:.2f} to {told['high']:.2f})"


# What is written down

Scores = Mapping[tuple[str, str], Score | None]


def planted_tables(planted: Scores) -> list[str]:
    """Where, when, and in which stream."""
    in_time = [name for name, make in CASES.items() if not make(0).moments.all()]
    return [
        WHERE,
        *_by_case(planted, [*CASES], _where, _chance),
        "",
        WHEN,
        *_by_case(planted, in_time, _when, _chance_in_time),
        "",
        STREAMS,
        *_shares(planted),
        "",
    ]


def _by_case(
    planted: Scores,
    cases: Sequence[str],
    cell: Callable[[Score], str],
    chance: Callable[[Case], float],
) -> list[str]:
    rows = [
        (name, *(_cell(planted[name, case], cell) for case in cases))
        for name in dict.fromkeys(method for method, _ in planted)
    ]
    by_chance = [
        f"{statistics.mean(chance(CASES[case](seed)) for seed in range(DRAWS)):.2f}"
        for case in cases
    ]
    return _table(("method", *cases), [*rows, ("*by chance*", *by_chance)])


def _cell(score: Score | None, told: Callable[[Score], str]) -> str:
    return "" if score is None else told(score)


def _where(score: Score) -> str:
    hits, energy_within = sum(score.pointing), _median(score.energy)
    bold = "**" if hits == len(score.pointing) else ""
    return f"{bold}{hits:.3g}/{len(score.pointing)}{bold} {energy_within:.2f}"


def _when(score: Score) -> str:
    hits = sum(score.in_time)
    bold = "**" if hits == len(score.in_time) else ""
    return f"{bold}{hits:.3g}/{len(score.in_time)}{bold}"


def _chance(case: Case) -> float:
    return float(case.truth.float().mean())


def _chance_in_time(case: Case) -> float:
    return float(case.moments.float().mean())


def _shares(planted: Scores) -> list[str]:
    """Of frames in the heat, and of motion; the last row of values instead of heat."""
    asked = (
        ("zeroed stream", "frames", lambda found: found.streams.shares["frames"]),
        ("conjunction", "frames", lambda found: found.streams.shares["frames"]),
        ("static shortcut", "motion", lambda found: found.motion.shares["motion"]),
    )
    rows = []
    for name in dict.fromkeys(method for method, _ in planted):
        scores = [(planted[name, case], measure) for case, measure, _ in asked]
        rows.append((name, *(_share(score, measure) for score, measure in scores)))
    of_values = []
    for case, _, share in asked:
        made = [CASES[case](seed) for seed in range(DRAWS)]
        questions = [Question.about(one.network, one.clip, one.objective) for one in made]
        of_values.append(_told([share(shares_of(question)) for question in questions]))
    head = [f"{case}: {measure}" for case, measure, _ in asked]
    return _table(("method", *head), [*rows, ("*by the values*", *of_values)])


def _share(score: Score | None, measure: str) -> str:
    return "" if score is None else _told(getattr(score, measure))


def _told(shares: Sequence[float]) -> str:
    """The largest, so that nothing but zero is told as zero."""
    if not shares:
        return ""
    largest = max(shares)
    return "0" if largest == 0 else f"{largest:.2f}" if largest >= 0.005 else f"{largest:.0e}"


def learned_tables(
    network: Network, scores: Mapping[str, Score | None], sanity: Mapping[str, Sanity]
) -> list[str]:
    """The network that has learnt."""
    rows = []
    for name, score in scores.items():
        if score is None:
            rows.append((name, *[""] * 7))
            continue
        own = sanity[name]
        rows.append(
            (
                *(name, _where(score), _when(score)),
                *(f"{own.other_label:.2f}", " ".join(f"{each:.2f}" for each in own.stages)),
                f"{own.more.value:.2f} ({own.more.low:.2f} to {own.more.high:.2f})",
                "yes" if own.changes else "**no**",
                f"{_median(score.seconds):.3f}",
            )
        )
    return [LEARNED.format(accuracy=accuracy(network)), *_table(LEARNED_COLUMNS, rows), ""]


LEARNED_COLUMNS = (
    *("method", "pointing, energy", "in time", "alike for the other label"),
    *("alike with random weights", "more than other clips", "changes", "seconds"),
)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(str, line))} |" for line in lines]


def document(lines: Sequence[str]) -> str:
    """What came out, as Markdown."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("kinetoscope", "torch"))
    end = (
        f"Seeds 0 to {DRAWS - 1} for places, {SCENES} scenes; Python {platform.python_version()}, "
        f"{versions}; {process_time() / 60:.1f} minutes of processor time."
    )
    return "\n".join([HEADING, *lines, READING, end, ""])


HEADING = f"""# Do attributions find what was planted?

<!-- Written by scripts/experiments/planted_attributions.py; change that, not this. -->

    python scripts/experiments/planted_attributions.py

Every attribution method answers networks that are built by hand, so that it is known what their
answer depends on. Clips have {TIME} frames of {SIDE} x {SIDE} pixels; where things lie in them is
drawn from {DRAWS} seeds.

| network | its answer depends on | beside it, to no effect |
|---|---|---|
| peephole | brightness within one box of space | the same brightness everywhere else |
| flash | the brightest moment | other bright moments |
| moving dot | a dot that goes one way, along its path | a dot that goes the other way |
| static shortcut | a green patch of the background | a red dot that moves |
| stripes | stripes of one direction, for three frames | stripes of the other, at another time |
| zeroed stream | a patch that moves | a bright patch; frames are multiplied by zero |
| conjunction | a patch that is bright and moves | one only bright, one only moving |
| attended | the token that a class token attends to | a green token |

`tests/evidence/attribution/planted.py` has them all. Stripes has two convolutions with batch
normalization, pools, the mean and a linear head; attended is a transformer of one block; the others
have one convolution for each stream. A method has its usual settings, but occlusion has boxes of
one frame and four pixels, as the usual ones are no smaller than a dot. An empty cell: the method
does not fit, and says so.
"""

WHERE = f"""## Where?

In how many of {DRAWS} draws the hottest pixel is one that the answer depends on (several that are
equally hot count in part); and how much of the heat above zero is on such pixels, the median.
"""

WHEN = """## When?

In how many draws the hottest frame is one that the answer depends on.
"""

STREAMS = """## In which stream, and is it motion?

The largest share over draws: that of frames in all heat, and of what changes when the clip stands
still. The last row is told by the network's values with and without (`shares_of`); what the two
streams of the conjunction do only together is halved between them.
"""

LEARNED = """## With weights that were learnt

A network of three convolutions with batch normalization, the mean and a linear head learns to tell
clips with one thing in them: a dot that goes right or left, upright or level stripes. It tells
{accuracy:.1%} of fresh ones right. Then it is shown clips with a dot and stripes, and asked for one
of them. The truth is where that one is shown, two pixels and a frame around it; nobody knows
whether that is what the network learnt to look at.

*Alike* is the rank correlation of blocks of heat with those of the same method: for the label of
the other thing, where little is right; and with weights drawn anew from the output down, in three
stages, the last with all. A method *changes* if, with all weights random, its heat is not surely
more like its own of the same clip than heats of two clips are like one another; in brackets the
interval of the median at 95 %.
"""

CHECKED = """## A network trained on videos

`kinetoscope check-attribution` on {clips} clips for `{network}`, which tells {right} of them right.
Deletion and insertion are the areas by which the curve is better than that of random orders, as a
share of what there is to lose; in brackets intervals at 95 %. Recommended is {recommended}.
"""

READING = """## How to read this
"""


if __name__ == "__main__":
    main()
