"""How are stimuli made from the command line?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import network_argument, open_network, weights_option
from kinetoscope.cli.look import slowness_values
from kinetoscope.cli.writings import WRITINGS, chosen_writing, held, hold_values, writing_name
from kinetoscope.errors import EvidenceError

if TYPE_CHECKING:
    from kinetoscope.evidence.beside.nature import Nature
    from kinetoscope.evidence.beside.reference import Reference
    from kinetoscope.evidence.scan import Scan
    from kinetoscope.evidence.stimuli.jobs.batch import Wanted
    from kinetoscope.evidence.stimuli.jobs.job import Outcome, Progress
    from kinetoscope.evidence.stimuli.settings import Maximizing
    from kinetoscope.networks.network import Network
    from kinetoscope.units.objective import Objective

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("maximize")
@network_argument
@click.argument("units", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="For the report.")
@weights_option
@click.option("--scan", "scanned", type=FOLDER, help="Of real clips, to hold them against.")
@click.option("--nature", type=FOLDER, help="Of a look: colours, spectra, speeds of real clips.")
@click.option("--slowness", default="0,1,5,10", help="Weights of change over time.")
@click.option("--steps", type=click.IntRange(1), default=500, help="Of each stimulus.")
@click.option("--patience", type=click.IntRange(1), help="End after so many steps of no gain.")
@click.option("--strength", type=click.FloatRange(0), default=100.0, help="Against the priors.")
@click.option("--peak", type=click.FloatRange(0, 1), default=0.5, help="The best place's share.")
@click.option("--settle", type=click.FloatRange(0, 1), default=0.5, help="Steps without shifts.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the first noise.")
@click.option("--seeds", type=click.IntRange(1), default=2, help="So many, to tell stability.")
@click.option("--diverse", type=click.IntRange(1), default=1, help="Different ones of each unit.")
@click.option("--tie", type=click.FloatRange(0), default=0.0, help="Flow must explain frames.")
@click.option("--hold", multiple=True, help="STREAM=blank, STREAM=own or STREAM=VIDEO.")
@click.option("--writing", type=click.Choice(WRITINGS), help="What is moved; pixels, if not said.")
@click.option("--from", "start", type=FILE, help="A video, which is changed.")
@click.option("--prior", type=FOLDER, help="A generator that train-prior wrote.")
@click.option("--robust", is_flag=True, help="Seen also larger, smaller, turned and later.")
@click.option("--no-crop", is_flag=True, help="Show whole clips also to single neurons.")
@click.option("--clips-at-once", type=click.IntRange(1), default=64, help="That share a batch.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="First things first.")
@click.option("--engine", type=click.Choice(["here", "ray"]), default="here", help="Where to run.")
def command(
    network: str,
    units: tuple[str, ...],
    out: Path,
    weights: Path | None,
    scanned: Path | None,
    slowness: str,
    **how: Any,
) -> None:
    """Make the clips that UNITS of NETWORK would most like to see, from fast to slow.

    UNITS are channels (fusion:17), neurons (fusion:17@centre, fusion:17@3,4,4), classes
    (label:archery), sums of these ("label:archery - 0.5 * label:bowling"), layers (fusion), for all
    of their channels, labels, for every class, or all. They are made in the order of their
    importance: those that are named, labels, then every layer in turn, from the last to the first.
    A job that was interrupted goes on where it stopped when the same command is given again.

    With --scan, the folder evidence/scan that kinetoscope scan or look wrote, activations are told
    as a multiple of the best real clip's; without one, of the best of clips that are made.

    Example: kinetoscope maximize trained fusion labels --slowness 0,10 --out stimuli
    """
    chi = slowness_values(slowness)
    written = writing_name(how["writing"], start=how["start"], prior=how["prior"])
    hold = hold_values(how["hold"])

    from kinetoscope.evidence.beside.nature import read_nature
    from kinetoscope.evidence.scan import read_scan
    from kinetoscope.evidence.stimuli.jobs.chosen import choose, read_words
    from kinetoscope.evidence.stimuli.jobs.job import Job, maximize_all
    from kinetoscope.report.report import write_report

    words = read_words(units)
    opened = open_network(network, weights)
    scan = read_scan(scanned) if scanned else None
    if scan is not None and scan.provenance.weights_hash != opened.weights_hash:
        raise EvidenceError(
            f"the scan in {scanned} is not of {network}",
            got=f"weights {scan.provenance.weights_hash}",
            expected=f"weights {opened.weights_hash}",
        )
    nature = read_nature(how["nature"]) if how["nature"] else None
    objectives = choose(opened, words, scan)
    how["hold"] = held(hold, opened)
    how["writing"] = chosen_writing(
        written, opened, start=how["start"], prior=how["prior"], nature=nature
    )
    wanted = _wanted(chi, how, nature)
    reference = _prepared(opened, objectives, scan, out / "evidence")
    with _shown(len(objectives), wanted.steps) as progress:
        outcome = maximize_all(
            opened,
            objectives,
            out / "evidence",
            job=Job(wanted=wanted, engine=how["engine"], minutes=how["minutes"]),
            reference=reference,
            nature=nature,
            progress=progress,
        )
    _tell(outcome, out / "evidence", reference.name)
    if outcome.made:
        click.echo(f"open {write_report(out)}")
    elif outcome.failures:
        raise click.exceptions.Exit(1)


def _wanted(slowness: tuple[float, ...], how: dict[str, Any], nature: "Nature | None") -> "Wanted":
    from kinetoscope.evidence.stimuli.jobs.batch import Wanted

    settings = _maximizing(how) if nature is None else _maximizing(how).as_free_as(nature)
    return Wanted(slowness=slowness, maximizing=settings, seed=how["seed"], seeds=how["seeds"])


def _maximizing(how: dict[str, Any]) -> "Maximizing":
    from kinetoscope.evidence.stimuli.robustness import Robustness
    from kinetoscope.evidence.stimuli.settings import Maximizing

    robust = Robustness(scale=0.1, rotation=10.0, time_shift=1) if how["robust"] else Robustness()
    plain = (
        "steps",
        "patience",
        "strength",
        "peak",
        "diverse",
        "tie",
        "hold",
        "writing",
        "clips_at_once",
    )
    return Maximizing(
        **{name: how[name] for name in plain},
        robustness=robust,
        transparency=how["writing"].name == "phases",
        crop=not how["no_crop"],
    )


def _prepared(
    network: "Network", objectives: "list[Objective]", scan: "Scan | None", evidence: Path
) -> "Reference":
    """Write what the network is, for the report; what its answers are held against."""
    from kinetoscope.evidence.anatomy import write_anatomy
    from kinetoscope.evidence.beside.reference import reference_from_scan
    from kinetoscope.evidence.beside.reference_folder import kept_reference
    from kinetoscope.training.progress import counted
    from kinetoscope.units.layers import list_layers
    from kinetoscope.units.reading import SCORES

    asked = {name for each in objectives for name in each.layers} - {SCORES}
    layers = [
        layer
        for layer in list_layers(network, every=True)
        if layer.name in asked or (layer.name in network.layers and "Pool" not in layer.kind)
    ]
    write_anatomy(network, layers, evidence / "network")
    if scan is not None:
        return reference_from_scan(scan)
    with counted("made clips", shown=True) as progress:
        names = [layer.name for layer in layers]
        return kept_reference(network, names, evidence / "reference", progress=progress)


@contextmanager
def _shown(objectives: int, steps: int) -> "Iterator[Progress]":
    """A bar of all steps, with how many objectives are done, and how fast."""
    from kinetoscope.training.progress import tracked

    began, first, before = monotonic(), None, 0
    with tracked("stimuli", objectives * steps, shown=True) as advance:

        def told(done: int, total: int) -> None:
            nonlocal first, before
            first = done if first is None else first  # what was there already took no time
            rate = (done - first) / max(monotonic() - began, 1e-3)
            said = f"{done // steps} of {objectives}; {rate:.0f} steps of a clip a second"
            advance(steps=done - before, said=said)
            before = done

        yield told


def _tell(outcome: "Outcome", evidence: Path, reference: str) -> None:
    """A line a stimulus; what could not be made, at the end."""
    from kinetoscope.evidence.evidence import read_evidence

    against = "its best made clip" if reference == "made clips" else "its best real clip"
    for objective in outcome.made:
        answer = read_evidence(evidence / "stimuli" / objective.file_name).answer
        for item in answer["items"]:
            number = f"  number {item['number']}" if item["number"] else ""
            ratio = "" if item["ratio"] is None else f"  {item['ratio']:.2f} x {against}"
            told = f"slowness {item['slowness']:g}{number}  activation {item['activation']:.3g}"
            click.echo(f"{objective}  {told}{ratio}")
    for failure in outcome.failures:
        reason = failure.reason.splitlines()[0]
        click.echo(f"{failure.objective}  can't be maximized: {reason}", err=True)
    if outcome.left:
        first = ", ".join(map(str, outcome.left[:3])) + (" ..." if outcome.left[3:] else "")
        click.echo(f"no time was left for {len(outcome.left)}: {first}", err=True)
    told = f"{len(outcome.made)} made, {len(outcome.failures)} not, {len(outcome.left)} left"
    click.echo(f"{told}; activations are held against {reference}")
