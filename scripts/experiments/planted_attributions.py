"""Which attribution methods find what was planted, and which of them notice random weights?

Every method answers every planted network (tests/evidence/attribution/planted.py), of which it is
known where, when and in which stream the evidence lies. Then a small network learns to tell moving
dots and stripes, is shown clips with one of each, and is asked for one of the two; and its weights
are drawn anew from the output down, which heat should not survive.

    python scripts/experiments/planted_attributions.py

With the folder that `kinetoscope demo` has written, its two networks are checked as well, each on
20 clips of its test split:

    python scripts/experiments/planted_attributions.py --demo FOLDER
"""

import argparse
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))  # the planted networks stand among the tests

from kinetoscope.clips.catalog import read_catalog  # noqa: E402
from kinetoscope.clips.clip import ClipBatch  # noqa: E402
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
from tests.evidence.attribution.learnt import (  # noqa: E402
    Scene,
    accuracy,
    learnt,
    scene_of_two,
)
from tests.evidence.attribution.planted import CASES, SIDE, TIME, Case  # noqa: E402

DOCUMENT = ROOT / "docs" / "experiments" / "planted-attributions.md"

SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "occlusion": {"box": (1, 8, 8), "stride": (1, 4, 4)},
}
"""A box of two frames can't tell which of them counts."""

COSTLY = ("occlusion", "occlusion-in-space", "smooth-grad", "rise", "extremal")
"""Methods that are asked what becomes of their heat once all weights are random, not before."""

WORLDS = ("shapes", "figures")
CHECKED_CLIPS = 20

DRAWS, SCENES = 5, 12
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
        apart = streams_apart(method, question, found) if case.streams else found
        if "flow" in apart.heat:
            self.frames.append(_amount(apart, "frames") / (_amount(apart) or 1.0))
        if case.motion is not None:
            moving = motion_heat(question, method, stills=2)
            self.motion.append(_amount(moving) / (_amount(found) or 1.0))


def streams_apart(method: Method, question: Question, found: Attribution) -> Attribution:
    """The same, with streams hidden one at a time by methods that usually hide both at once."""
    if any(each.name == "together" for each in fields(method)):  # pyright: ignore - a dataclass
        return replace(method, together=False).answer(question)  # pyright: ignore
    return found


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
    parser.add_argument("--demo", type=Path, help="Where kinetoscope demo wrote.")
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
    sanity = sanity_of(fit, network, scenes)
    lines = [
        *overview(planted, sanity),
        *planted_tables(planted),
        *learned_tables(network, learned, sanity),
    ]
    for world in WORLDS if given.demo else ():
        lines += checked(world, given.demo / world)
    given.document.write_text(document(lines), encoding="utf-8")


def scored(method: Method, cases: Iterable[Case]) -> Score | None:
    """A method's score for the clips that it does not refuse; None where it refuses all."""
    score = Score()
    for case in cases:
        with suppress(ClipError):
            score.add(method, case)
    return score if score.seconds else None


# Random weights


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
            if stage.last or name not in COSTLY:
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


def checked(world: str, folder: Path) -> list[str]:
    """Methods ranked for a network of the demo."""
    network = load_network(str(folder / "trained" / "weights.safetensors"))
    catalog = read_catalog(folder / "videos", split="test")
    with tempfile.TemporaryDirectory() as aside:
        to = Path(aside) / "check"
        check = write_attribution_check(network, catalog, to, clips=CHECKED_CLIPS)
    rows = [
        (
            *(each["name"], each["clips"]),
            *(_within(each[measure]) for measure in ("gain", "to_first", "deletion", "insertion")),
            _yes_or_no(each["changes"]),
            f"{each['seconds']['value']:.2f}",
        )
        for each in check.answer["methods"]
    ]
    recommended = check.answer["recommended"]
    best = next(each for each in check.answer["methods"] if each["name"] == recommended)
    about = CHECKED.format(
        world=world,
        network=network.name,
        clips=check.answer["clips"],
        right=check.answer["right"],
        recommended=recommended,
        asked=best["clips"],
        gain=_within(best["gain"]),
        deletion=_within(best["deletion"]),
    )
    return [about, *_table(CHECKED_COLUMNS, rows), ""]


CHECKED_COLUMNS = (
    *("method", "clips", "gain", "to the first", "deletion", "insertion"),
    *("changes with random weights", "seconds"),
)


def _yes_or_no(answer: bool) -> str:
    return "yes" if answer else "**no**"


def _within(told: Mapping[str, float]) -> str:
    return f"{told['value']:.2f} ({told['low']:.2f} to {told['high']:.2f})"


# What is written down

Scores = Mapping[tuple[str, str], Score | None]


def overview(planted: Scores, sanity: Mapping[str, Sanity]) -> list[str]:
    """One row a method: all planted networks together, and whether random weights are noticed."""
    rows = []
    for name in dict.fromkeys(method for method, _ in planted):
        mine = {case: score for (own, case), score in planted.items() if own == name and score}
        timed = [each for case in _in_time() if case in mine for each in mine[case].in_time]
        rows.append(
            (
                *(name, f"{len(mine)}/{len(CASES)}"),
                _hits([each for score in mine.values() for each in score.pointing]),
                f"{min(_median(score.energy) for score in mine.values()):.2f}",
                _hits(timed) if timed else "",
                _share(mine.get("zeroed stream"), "frames"),
                _yes_or_no(sanity[name].changes) if name in sanity else "",
            )
        )
    return [OVERVIEW, *_table(OVERVIEW_COLUMNS, rows), ""]


OVERVIEW_COLUMNS = (
    *("method", "networks that it fits", "where", "least energy", "when"),
    *("heat in a stream times zero", "changes with random weights"),
)


def _in_time() -> list[str]:
    """The cases in which not every moment counts."""
    return [name for name, make in CASES.items() if not make(0).moments.all()]


def planted_tables(planted: Scores) -> list[str]:
    """Where, when, and in which stream."""
    return [
        WHERE,
        *_by_case(planted, [*CASES], _where, _chance),
        "",
        WHEN,
        *_by_case(planted, _in_time(), _when, _chance_in_time),
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
    return f"{_hits(score.pointing)} {_median(score.energy):.2f}"


def _when(score: Score) -> str:
    return _hits(score.in_time)


def _hits(found: Sequence[float]) -> str:
    """Of how many; several that are equally hot count in part."""
    count = f"{sum(found):.1f}".removesuffix(".0")
    bold = "**" if sum(found) == len(found) else ""
    return f"{bold}{count}/{len(found)}{bold}"


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
                _yes_or_no(own.changes),
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

    python scripts/experiments/planted_attributions.py --demo FOLDER

where `kinetoscope demo` wrote the folder; without one, its networks are left out.

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
have one convolution for each stream. A method has its usual settings, but boxes of occlusion are
one frame long and eight pixels wide. An empty cell: the method does not fit, and says so; fewer
draws than {DRAWS}: it refuses the clips of the others.
"""

OVERVIEW = """## All together

*Where*: in how many draws the hottest pixel is one that the answer depends on; *least energy*: the
share of the heat above zero that is on such pixels, the median over draws, where it is least;
*when*: the hottest frame, in networks where not all of them count. A method *changes* if its heat
does not survive random weights, in a network that has learnt (below).
"""

WHERE = f"""## Where?

In how many of {DRAWS} draws the hottest pixel is one that the answer depends on (several that are
equally hot count in part); and how much of the heat above zero is on such pixels, the median.
"""

WHEN = """## When?

In how many draws the hottest frame is one that the answer depends on.
"""

STREAMS = """## In which stream, and is it motion?

The largest share over draws: that of frames in all heat, with streams hidden one at a time where a
method hides, and of the heat that is other when the clip stands still. The last row is told by the
network's values with and without (`shares_of`); what the two streams of the conjunction do only
together is halved between them.
"""

LEARNED = """## With weights that were learnt

A network of three convolutions with batch normalization, the mean and a linear head learns to tell
clips with one thing in them: a dot that goes right or left, upright or level stripes. It tells
{accuracy:.1%} of fresh ones right. Then it is shown clips with a dot and stripes, and asked for one
of them. The truth is where that one is shown, two pixels and a frame around it; nobody knows
whether that is what the network learnt to look at.

*Alike* is the rank correlation of blocks of heat with those of the same method: for the label of
the other thing, where little is right; and with weights drawn anew from the output down, in three
stages, the last with all (costly methods are asked at the last alone). A method *changes* if, with
all weights random, its heat is not surely more like its own of the same clip than heats of two
clips are like one another; in brackets the interval of the median at 95 %.
"""

CHECKED = """## The demo's network of {world}

`kinetoscope check-attribution` on {clips} clips for the demo's `{network}`, which tells {right} of
them right. Deletion and insertion are the areas by which a curve is better than those of random
orders, as a share of what there is to lose, the median over clips and over grey and blur; the gain
is the mean of both; in brackets intervals at 95 %. Methods that take many passes are asked of fewer
clips, unless they could come first. To the first is how far a method's gain is from that of the
first, on the clips that both were asked of.

Recommended is {recommended}. On {asked} clips it gains {gain} over random orders, and its deletion
is better than theirs by {deletion}.
"""

READING = """## How to read this

That a method finds what is planted is the least that can be asked of it: these networks are small,
and most are linear around the clip, where all gradients agree. What is told apart here is what a
method can't find in principle.

- Grad-CAM and Grad-CAM++ weigh a channel once for all places. Where the head has a weight for each
  place, as in the peephole, they show where the channel is active and not where it counts. LayerCAM
  weighs each place; CAM refuses such a head.
- Relevance fades by a share of what a layer answers in all, so that it is not quite the same when
  something else in the clip moves.
- A deconvnet does not look at whether a rectifier was open, and so leads back from places where
  nothing was found: much of its heat is elsewhere.
- SmoothGrad adds noise, which opens rectifiers that are shut in the clip; some of its heat is where
  the clip itself has no slope.
- Windows in time say nothing of where, and columns in space nothing of when.
- Boxes, random masks and bumps have a grain: their heat spreads over what is hidden together with
  what counts. Extremal perturbations have blur in place of what is taken away: brightness outlives
  it, so that in the peephole there is next to nothing to take away. One such clip may be refused,
  and the next one be answered with noise.
- Gradients whose largest absolute value is taken have no sign: they are alike for another label
  more than methods that have one. A map that is hardly other for another label tells what is
  salient, and not what speaks for a label.
- Class maps are as coarse as their layer. In a clip with two things, the hottest place of a coarse
  map often lies beside the right one, though they are most unlike for another label.
- Rolled-out attention answers no label in particular; it is right here because the class token
  attends to what counts.

A method that finds everything here and does not change with random weights is not to be believed;
one that does is not right for that alone. With few clips the interval is wide, and *yes* means that
nothing speaks against it.
"""


if __name__ == "__main__":
    main()
