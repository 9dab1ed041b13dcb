"""Write the report of a folder of evidence, again or elsewhere."""

from pathlib import Path

import click


@click.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to write it; FOLDER itself if not given.",
)
def command(folder: Path, out: Path | None) -> None:
    """Write the report of FOLDER, which `kinetoscope look` has filled with evidence.

    Only the evidence is read: no network runs. The report is index.html and the folders data,
    media and viewer beside it; it opens from disk and can be moved or sent without the evidence.

    Example: kinetoscope report looks/jumps --out jumps-report
    """
    from kinetoscope.report.report import write_report

    click.echo(write_report(folder, out))
