"""Show a report in the browser from a local server."""

import contextlib
import webbrowser
from pathlib import Path

import click


@click.command("serve")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True)
@click.option("--open/--no-open", "opened", default=True, help="Open it in the browser.")
def command(folder: Path, port: int, opened: bool) -> None:
    """Serve the report in FOLDER to this machine, until Ctrl-C.

    A report also opens by double click on its index.html; a server helps where it lies on a
    machine that is reached over ssh.

    Example: kinetoscope serve looks/jumps --port 9000
    """
    from kinetoscope.report.serve import address_of, serving

    with serving(folder, port) as server:
        click.echo(f"{address_of(server)}  (Ctrl-C stops)")
        if opened:
            webbrowser.open(address_of(server))
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
