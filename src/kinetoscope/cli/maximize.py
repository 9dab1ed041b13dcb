"""How are stimuli made from the command line?"""

from pathlib import Path

import click

from kinetoscope.cli.arguments import NETWORK, open_network
from kinetoscope.cli.look import slowness_values


@click.command("maximize")
@click.argument("network", type=NETWORK)
@click.argument("units", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder for them.")
@click.option("--weights", type=click.Path(path_type=Path), help="Where NETWORK is a name.")
@click.option("--scan", "scanned", type=click.Path(path_type=Path), help="To hold them against.")
@click.option("--slowness", default="0,1,5,10", help="Weights of change over time.")
@click.option("--steps", type=click.IntRange(1), default=500, help="Of each stimulus.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of the first noise.")
def command(  # noqa: PLR0913 - one for each option
    network: str,
    units: tuple[str, ...],
    out: Path,
    weights: Path | None,
    scanned: Path | None,
    slowness: str,
    steps: int,
    seed: int,
) -> None:
    """Make the clips that UNITS of NETWORK would most like to see, from fast to slow.

    A unit is a layer and a channel, such as fusion:17. Each gets a folder with its stimuli as
    arrays, and their numbers. With --scan, the folder evidence/scan that kinetoscope scan or look
    wrote, activations are told as a multiple of the best real clip's.

    Example: kinetoscope maximize trained fusion:17 fusion:20 --slowness 0,10 --out stimuli
    """
    chi = slowness_values(slowness)

    from kinetoscope.evidence.evidence import Provenance
    from kinetoscope.evidence.stimuli.maximize import Maximizing, maximize
    from kinetoscope.evidence.scan import read_scan
    from kinetoscope.evidence.stimuli.stimulus import write_stimuli
    from kinetoscope.training.progress import tracked
    from kinetoscope.units.unit import Unit

    opened = open_network(network, weights)
    wanted = list(dict.fromkeys(Unit.parse(unit) for unit in units))
    settings = Maximizing(steps=steps)
    found = read_scan(scanned) if scanned else None
    best = {u: found.channel_maxima(u.layer)[u.channel].item() for u in wanted} if found else {}
    with tracked("stimuli", steps * len(chi) * len(wanted), shown=True) as advance:
        made = maximize(
            opened,
            wanted,
            slowness=chi,
            best_real=best,
            settings=settings,
            seed=seed,
            progress=lambda clips: advance(steps=clips),
        )
    for unit in wanted:
        own = [stimulus for stimulus in made if stimulus.unit == unit]
        provenance = Provenance.of(opened, objective=str(unit), seed=seed)
        write_stimuli(out / unit.file_name, own, provenance)
        for each in own:
            told = f"{unit}  slowness {each.slowness:g}  activation {each.activation:.3g}"
            ratio = "" if each.ratio is None else f"  {each.ratio:.2f} x its best real clip"
            click.echo(told + ratio)
    click.echo(f"written to {out}")
