"""Do the demo's stimuli excite their units more than real clips, and do they calm down with chi?

Reads what `kinetoscope demo` has left, and measures of every objective that stimuli were made for

- the ratio: what the best of its stimuli reaches, of what the best real clip of the catalog does
- how rough its stimuli are in time, `sum (D_t x)^2 / sum x^2` of the normalized frames and of the
  flow, which has to fall with the slowness chi

    python scripts/experiments/demo_stimuli.py demo
"""

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.evidence.stimuli.calming import restless
from kinetoscope.evidence.stimuli.stimulus import Stimulus, read_stimuli
from kinetoscope.networks.network import Network
from kinetoscope.networks.weights import load_network
from kinetoscope.units.objective import Objective

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "experiments" / "demo-stimuli.md"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made for one objective.

    Args:
        name: of the objective.
        is_unit: whether that is one unit, and not a label or a sum.
        ratio: of its best stimulus; None for a sum, which no real clip is held against.
        falls: whether every stream is smoother in time the larger chi is.
    """

    name: str
    is_unit: bool
    ratio: float | None
    falls: bool


def main() -> None:
    """Measure both worlds, and write down what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path)
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    given = parser.parse_args()
    rows = [
        row(world, [*made_in(given.demo / world)])
        for world in ("shapes", "figures")
        if (given.demo / world / "look").is_dir()
    ]
    given.document.write_text(document(rows), encoding="utf-8")
    print("\n".join(rows))


def made_in(world: Path) -> Iterator[Made]:
    """Of every objective of a look."""
    network = load_network(world / "trained" / "weights.safetensors")
    for folder in sorted((world / "look" / "evidence" / "stimuli").iterdir()):
        stimuli = read_stimuli(folder)
        objective = Objective.parse(read_evidence(folder).provenance.objective)
        ratios = [each.ratio for each in stimuli if each.ratio is not None]
        is_sum = objective.unit is None and objective.label is None
        yield Made(
            name=str(objective),
            is_unit=objective.unit is not None,
            ratio=None if is_sum or not ratios else max(ratios),
            falls=falls(network, stimuli),
        )


def falls(network: Network, stimuli: Sequence[Stimulus]) -> bool:
    """Whether each stream's roughness falls with chi, of the first seed's stimuli."""
    first = [each for each in stimuli if (each.seed, each.number) == (stimuli[0].seed, 0)]
    return not restless(first, network.expects, ("frames", "flow"))


def row(world: str, found: Sequence[Made]) -> str:
    """A line of the table."""
    held = [each.ratio for each in found if each.ratio is not None]
    units = [each.ratio for each in found if each.is_unit and each.ratio is not None]
    above, units_above = (sum(ratio > 1 for ratio in ratios) for ratios in (held, units))
    own = [each.falls for each in found if each.is_unit]
    falling = [each.falls for each in found]
    for each in found:
        if not each.falls or (each.ratio or 2) <= 1:
            print(f"{world}: {each}")
    return (
        f"| {world} | {len(found)} | {above} of {len(held)} | {units_above} of {len(units)} | "
        f"{statistics.median(held):.1f} | {min(held):.2f} | "
        f"{sum(own)} of {len(own)} | {sum(falling)} of {len(falling)} |"
    )


def document(rows: Sequence[str]) -> str:
    """The text around the table."""
    return (
        """# Are the demo's stimuli stronger than real clips, and calmer with chi?

<!-- Written by scripts/experiments/demo_stimuli.py; change that, not this. -->

    kinetoscope demo --out demo
    python scripts/experiments/demo_stimuli.py demo

Both networks that the demo trains, and all that it makes stimuli for: units of every layer, labels
and differences of labels that are confused. The ratio is that of the best stimulus to the best real
clip of the test split; a difference has none. Roughness in time, `sum (D_t x)^2 / sum x^2`, has to
fall from every slowness chi to the next, in the frames and in the flow.

| world | objectives | above the best real clip | units among them | median ratio | smallest | \
units smoother with every chi | all objectives |
|---|---|---|---|---|---|---|---|
"""
        + "\n".join(rows)
        + "\n"
    )


if __name__ == "__main__":
    main()
