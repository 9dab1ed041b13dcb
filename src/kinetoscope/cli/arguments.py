"""What may stand where a verb asks for a network?"""

from pathlib import Path

import click

from kinetoscope.errors import WeightsError, unknown_name
from kinetoscope.networks.zoo import ZOO

WEIGHTS = "weights.safetensors"  # where `kinetoscope train` puts them in its folder


class NetworkArgument(click.ParamType):
    """A name of the zoo, a file of weights, or a folder that `kinetoscope train` wrote.

    Spelling is checked here, before anything heavy is imported. The value is what `load_network`
    takes: a name, or the path of a file.
    """

    name = "network"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ZOO:
            return value
        path = Path(value)
        if path.is_dir():
            path = path / WEIGHTS
        if path.exists():
            return str(path)
        if len(path.parts) == 1 and not path.suffix:
            raise unknown_name("network", value, list(ZOO))
        raise WeightsError(
            f"{path} is not there",
            got="no such file",
            expected="a file of weights, a folder that kinetoscope train wrote, or the name of a "
            "network that kinetoscope networks lists",
        )


NETWORK = NetworkArgument()
