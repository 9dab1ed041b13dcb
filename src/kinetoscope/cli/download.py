"""How do published weights come onto this machine?"""

import click

from kinetoscope.cli.arguments import NETWORK


@click.command("download")
@click.argument("network", type=NETWORK)
def command(network: str) -> None:
    """Fetch the published weights of NETWORK into the cache of the library that has them.

    Nothing else in Kinetoscope downloads. NETWORK is torchvision:<name> or hf:<repository>. What is
    here already is not fetched again.

    Example: kinetoscope download torchvision:r3d_18
    """
    from kinetoscope.networks.others.downloads import download_weights

    click.echo(download_weights(network))
