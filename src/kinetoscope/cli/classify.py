"""What does a network recognize in a video?"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import network_argument, open_network, weights_option

if TYPE_CHECKING:
    from kinetoscope.networks.network import Network
    from kinetoscope.training.timeline import Moment

UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "min": 60.0}


class Duration(click.ParamType):
    """A length of time, such as 1s, 0.5 or 200ms; its value is in seconds."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(ms|s|min|)", str(value).strip())
        seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
        if not seconds > 0:
            self.fail(f"{value!r} is not a length of time, such as 1s, 0.5s or 200ms", param, ctx)
        return seconds


@click.command("classify")
@network_argument
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--every", type=Duration(), help="Tell it anew for each stretch, such as 1s.")
@click.option("--top", type=click.IntRange(1), default=5, help="How many labels.")
@weights_option
@click.option("--labels", type=click.Path(path_type=Path), help="One label a line, or JSON.")
@click.option("--batch", type=click.IntRange(1), default=4, help="Clips at once.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --every, a line a stretch.")
def command(  # noqa: PLR0913 - one for each option
    network: str,
    video: Path,
    every: float | None,
    top: int,
    weights: Path | None,
    labels: Path | None,
    batch: int,
    as_json: bool,
) -> None:
    """Tell the most probable labels of VIDEO.

    NETWORK is a folder that kinetoscope train wrote, a file of weights, a name together with
    --weights (a file, or the word published), or a name whose source brings them, such as
    hf:<repository> and my_file.py:build. What is shown is the clip in the middle of the video, as
    long as the network expects it; with --every, the clip around the middle of each stretch, for
    as long as the video is.

    Example: kinetoscope classify trained jump.mp4

    Example: kinetoscope classify torchvision:r3d_18 long.mp4 --weights published --every 1s --top 1
    """
    from kinetoscope.training.timeline import classify_video

    opened = open_network(network, weights, labels)
    moments = classify_video(opened, video, every_seconds=every, batch=batch)
    if every is None:
        _tell(opened, next(moments), video, top, as_json=as_json)
    else:
        _tell_each(opened, moments, video, top, as_json=as_json)


def _tell(network: "Network", moment: "Moment", video: Path, top: int, *, as_json: bool) -> None:
    if as_json:
        about = {"video": str(video), "network": network.name, **_as_json(moment, top)}
        click.echo(json.dumps(about, ensure_ascii=False, indent=1))
        return
    first, last = moment.seen
    click.echo(f"{video}: {network.name} sees {first:.2f} to {last:.2f} s")
    _warn_of_short(network, moment, video)
    for label, probability in moment.classification.top(top):
        click.echo(f"{probability:7.1%}  {label}")


def _tell_each(
    network: "Network", moments: "Iterator[Moment]", video: Path, top: int, *, as_json: bool
) -> None:
    for number, moment in enumerate(moments):
        if number == 0:
            _warn_of_short(network, moment, video)
        if as_json:
            click.echo(json.dumps(_as_json(moment, top), ensure_ascii=False))
            continue
        if number == 0:
            click.echo(f"{'from':>9} {'to':>9}  probability  label")
        when = f"{moment.start_seconds:8.2f}s {moment.end_seconds:8.2f}s"
        for label, probability in moment.classification.top(top):
            click.echo(f"{when}  {probability:11.1%}  {label}")
            when = " " * len(when)


def _warn_of_short(network: "Network", moment: "Moment", video: Path) -> None:
    if moment.repeated:
        spec = network.expects
        filled = (
            "its last frame is repeated" if spec.when_short == "repeat-last" else "it is looped"
        )
        click.echo(
            f"{video} is too short for {moment.repeated} of the {spec.frames} frames that"
            f" {network.name} is shown; {filled} in their place",
            err=True,
        )


def _as_json(moment: "Moment", top: int) -> dict[str, Any]:
    return {
        "from": round(moment.start_seconds, 6),
        "to": round(moment.end_seconds, 6),
        "seen": [round(second, 6) for second in moment.seen],
        "repeated_frames": moment.repeated,
        "top": [
            {"label": label, "probability": probability}
            for label, probability in moment.classification.top(top)
        ],
    }
