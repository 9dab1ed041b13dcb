"""How is the whole job seen on a fresh machine?"""

from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    help="For videos, networks and reports.",
)
def command(out: Path) -> None:
    """Make two worlds of videos, train on them, look inside, and say where the reports are.

    Takes about ten minutes on two cores and needs no download. A demo that was interrupted goes on
    where it stopped when the same command is given again.

    Example: kinetoscope demo --out demo
    """
    from kinetoscope.demo import demo

    pages = demo(out, say=click.echo)
    click.echo("open in a browser:")
    for page in pages:
        click.echo(f"  {page.resolve().as_uri()}")
