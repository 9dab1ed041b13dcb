"""How is a generator fitted to a catalog from the command line, to write stimuli in its code?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import Subject, about

if TYPE_CHECKING:
    from kinetoscope.clips.catalog import Catalog
    from kinetoscope.evidence.evidence import Provenance
    from kinetoscope.evidence.stimuli.writings.generator_fit import Fit, Fitting
    from kinetoscope.networks.network import Network

_UNITS = {"frames": "of white", "flow": "pixels per frame"}


@click.command("train-prior")
@about(out=False)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="A folder of its own.",
)
@click.option("--layer", help="Whose answers to what is drawn should be those to real clips.")
@click.option("--steps", type=click.IntRange(1), default=2000, help="Of learning.")
@click.option("--code", type=click.IntRange(1), default=256, help="Numbers that a clip is told by.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of everything random.")
def command(subject: Subject, out: Path, seed: int, **settings: Any) -> None:
    """Fit a generator to CATALOG that draws clips as NETWORK takes them.

    Stimuli can then be made in the code of the generator, and look a little like the clips that it
    has learned from. A fifth of the videos is held out, to tell how well it draws what it has not
    seen. Videos that can't be read are listed; the rest are learned from all the same. A generator
    that lies in FOLDER already and was fitted so is kept.

    Example: kinetoscope train-prior trained data/jumps --split train --out priors/jumps
    """
    from kinetoscope.evidence.evidence import has_evidence
    from kinetoscope.evidence.stimuli.writings.generator_fit import Fitting, write_generator

    opened, videos = subject.open()
    asked = Fitting(**settings)
    _check_folder(out)
    provenance = _provenance(opened, videos, asked, seed)
    if has_evidence(out, provenance):
        click.echo(f"{out} holds this generator already")
        return
    fit = _fitted(opened, videos, asked, seed)
    write_generator(out, fit, provenance)
    _show(fit)
    click.echo(f"written to {out}")


def _provenance(
    network: "Network", videos: "Catalog", settings: "Fitting", seed: int
) -> "Provenance":
    from dataclasses import asdict

    from kinetoscope.evidence.evidence import Provenance
    from kinetoscope.evidence.scan import catalog_name

    return Provenance.of(
        network,
        catalog=catalog_name(videos),
        objective="clips from codes",
        settings={**asdict(settings), "expects": network.expects.to_json()},
        seed=seed,
    )


def _fitted(network: "Network", videos: "Catalog", settings: "Fitting", seed: int) -> "Fit":
    from kinetoscope.evidence.stimuli.writings.generator_fit import fit_generator
    from kinetoscope.training.progress import counted

    with counted("fitting", shown=True) as advance:  # videos are opened first, then steps are made
        return fit_generator(
            network.expects,
            videos,
            settings=settings,
            network=network,
            seed=seed,
            progress=lambda what, done, total: advance(done, total),
        )


def _check_folder(out: Path) -> None:
    """Refuse a folder with anything but a generator in it, for what is in it is replaced."""
    from kinetoscope.evidence.evidence import read_evidence
    from kinetoscope.evidence.stimuli.writings.generator_fit import KIND

    if out.exists() and any(out.iterdir()):
        read_evidence(out, KIND)


def _show(fit: "Fit") -> None:
    from kinetoscope.cli.telling import tell_errors

    click.echo(f"learned from {fit.learned} videos, {fit.held_out} held out")
    for stream, error in fit.errors.items():
        mean_clip, unit = fit.mean_clip_errors[stream], _UNITS[stream]
        click.echo(f"{stream:<8} missed by {error:.3g} {unit}; by the mean clip {mean_clip:.3g}")
    if not fit.useful:
        click.echo("it draws no better than the mean clip: more --steps or videos", err=True)
    tell_errors([failure["error"] for failure in fit.failures], " in evidence.json")
