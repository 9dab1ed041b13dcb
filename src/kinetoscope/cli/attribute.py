"""How is it told from the command line what in a video an answer rests on?"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kinetoscope.cli.arguments import (
    network_argument,
    root_option,
    split_option,
    weights_option,
)
from kinetoscope.cli.asking import Asked, asked_of
from kinetoscope.cli.attributed import tell_along, tell_clips, unanswered
from kinetoscope.cli.classify import Duration
from kinetoscope.cli.methods import memory_option, method_option, set_option

if TYPE_CHECKING:
    from kinetoscope.networks.network import Network
    from kinetoscope.units.objective import Objective


@click.command("attribute")
@network_argument
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="For all of it.")
@method_option
@click.option("--class", "classes", multiple=True, help="Whose score; may be repeated.")
@click.option("--unit", "units", multiple=True, help="Whose activation, as fusion:17.")
@click.option("--objective", "written", multiple=True, help='As "label:a - label:b".')
@set_option
@click.option("--layer", help="Where Grad-CAM and its like look.")
@click.option(
    "--filling", help="In place of what is hidden: grey, blur, freeze, interpolate, swap."
)
@click.option("--swap-with", type=click.Path(path_type=Path), help="A video, for --filling swap.")
@memory_option
@click.option("--plan", is_flag=True, help="Only tell what occlusion would recompute.")
@click.option("--windows", is_flag=True, help="All of a long video, window by window.")
@click.option("--every", type=Duration(), help="From window to window; half a clip if not given.")
@click.option("--fill", is_flag=True, help="Also a video that is shorter than a clip.")
@click.option("--no-videos", is_flag=True, help="Without the overlay videos.")
@weights_option
@root_option
@split_option
def command(network: str, video: Path, out: Path, weights: Path | None, **how: Any) -> None:
    """Tell how much each pixel of each frame of VIDEO matters to what NETWORK answers.

    VIDEO is one video, or a catalog whose videos are all attributed. Asked for are the class that
    NETWORK predicts and the true one where it is known and another, or what --class, --unit and
    --objective say. A method is occlusion, occlusion-in-time, occlusion-in-space, occlusion-tubes,
    rise, extremal, gradient, gradient-x-input, smooth-grad, integrated-gradients, guided-backprop,
    deconvnet, relevance, cam, grad-cam, grad-cam++, layer-cam or attention-rollout; one that does
    not fit NETWORK is refused, with those that do. If none is named it is the first that fits of
    integrated-gradients, grad-cam, occlusion and gradient.

    Written are overlay videos, in which red speaks for it and blue against it; the arrays and
    tables, in evidence/attribution; and a report that shows all of it side by side. With --windows
    a long video is attributed from its start to its end, in memory that does not grow. Videos of a
    catalog that are shorter than a clip are filled up as NETWORK's clips are.

    Example: kinetoscope attribute trained jump.mp4 --class jump --method occlusion --out why

    Example: kinetoscope attribute trained long.mp4 --windows --method grad-cam --out why
    """
    asked = asked_of(network, video, weights, how)
    if how["plan"]:
        _tell_plan(asked)
        return
    if how["windows"]:
        _along(asked, out, how)
        return
    _clips(asked, out, how)


def _clips(asked: Asked, out: Path, how: Mapping[str, Any]) -> None:
    from kinetoscope.cli.telling import end_with
    from kinetoscope.clips.cache import default_clip_cache
    from kinetoscope.evidence.attribution.writing import write_attributions
    from kinetoscope.report.overlays import write_overlays
    from kinetoscope.report.report import write_report
    from kinetoscope.training.progress import counted

    with _quiet(), counted("attributing", shown=True) as progress:
        found = write_attributions(
            asked.network,
            asked.catalog,
            out / "evidence" / "attribution",
            methods=asked.methods,
            objectives=asked.objectives,
            filling=asked.filling,
            memory=how["memory"],
            other=asked.other,
            clip_cache=default_clip_cache(),
            progress=progress,
        )
    tell_clips(found.answer)
    _tell_network(asked.network, out / "evidence" / "network")
    if not how["no_videos"]:
        with counted("overlay videos", shown=True) as progress:
            written = write_overlays(found, out / "overlays", progress)
        many = f"{len(written)} overlay video{'s' * (len(written) != 1)}"
        click.echo(f"{many} in {out / 'overlays'}")
    click.echo(f"arrays and tables in {found.folder}")
    click.echo(f"open {write_report(out)}")
    end_with([each["error"] for each in found.answer["failures"]] or unanswered(found.answer))


@contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings in between: they are told with the clip that they are about."""
    log = logging.getLogger("kinetoscope.evidence.attribution")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _tell_network(network: "Network", folder: Path) -> None:
    """Write what the network is, for the report; in the folder of a look it is there already."""
    from kinetoscope.evidence.anatomy import write_anatomy
    from kinetoscope.evidence.evidence import FILE, read_evidence
    from kinetoscope.units.layers import list_layers

    there = (folder / FILE).exists() and read_evidence(folder).provenance.weights_hash
    if there != network.weights_hash:
        write_anatomy(network, list_layers(network), folder)


def _along(asked: Asked, out: Path, how: Mapping[str, Any]) -> None:
    from kinetoscope.evidence.attribution.along_writing import write_attribution_along
    from kinetoscope.report.overlays import write_overlays_along
    from kinetoscope.training.progress import counted

    folder = out / "evidence" / "attribution-along"
    with counted("windows", shown=True) as progress:
        found = write_attribution_along(
            asked.network,
            asked.video,
            _objective_along(asked, how["every"]),
            folder,
            methods=asked.methods,
            every_seconds=how["every"],
            memory=how["memory"],
            other=asked.other,
            progress=progress,
        )
    tell_along(found.answer)
    if not how["no_videos"]:
        for path in write_overlays_along(found, out / "overlays"):
            click.echo(f"watch {path}")
    click.echo(f"arrays, time.csv and windows.csv in {found.folder}")


def _objective_along(asked: Asked, every: float | None) -> "Objective":
    """What is asked for; else the class that is most probable, on average over the windows."""
    from kinetoscope.evidence.attribution.along import half_a_clip
    from kinetoscope.training.timeline import classify_video
    from kinetoscope.units.objective import label

    if len(asked.objectives) > 1:
        raise click.BadParameter("--windows asks for one thing", param_hint="--windows")
    if asked.objectives:
        return asked.objectives[0]
    every = every or half_a_clip(asked.video, asked.network.expects)
    sums = [0.0] * len(asked.network.labels)
    for moment in classify_video(asked.network, asked.video, every_seconds=every):
        sums = [a + b for a, b in zip(sums, moment.classification.probabilities, strict=True)]
    return label(asked.network.labels[sums.index(max(sums))])


def _tell_plan(asked: Asked) -> None:
    """How much of each layer a method that hides parts computes anew; nothing is computed."""
    from kinetoscope.evidence.attribution.methods.occlusion import Hiding, plan_of
    from kinetoscope.units.objective import label

    hiding = [method for method in asked.methods if isinstance(method, Hiding)]
    if not hiding:
        raise click.UsageError(
            "--plan is for methods that hide parts: occlusion, occlusion-in-time,"
            " occlusion-in-space, occlusion-tubes"
        )
    objective = (asked.objectives or [label(asked.network.labels[0])])[0]
    for method in hiding:
        box, stride = method.sizes(asked.network.expects)
        click.echo(f"{method.name}: boxes of {_size(box)}, each {_size(stride)} from the next")
        click.echo(plan_of(method, asked.network, objective))


def _size(size: Sequence[int]) -> str:
    return " x ".join(map(str, size))
