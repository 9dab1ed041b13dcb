"""How does a network go where nothing knows of Kinetoscope?

As a graph of operations and its weights, in the format of PyTorch (`.pt2`) or in that of ONNX
(`.onnx`). The exported network takes clips in display space, normalizes them itself and answers
probabilities; the file alone says how it wants to be used, in JSON: its labels, what a clip must
be, what goes in and comes out, and the versions that made it.

    torch.export.load("c3d.pt2").module()(frames)
    onnxruntime.InferenceSession("c3d.onnx").run(["probabilities"], {"frames": frames})

It is read back and run on a random clip before the file is put in its place. Where it does not
answer as the network does, there is no file.
"""

import copy
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

import kinetoscope
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.spec import CHANNELS, Stream
from kinetoscope.errors import ExportError, MissingPackageError
from kinetoscope.files import whole_file
from kinetoscope.networks.network import Network, evaluating
from kinetoscope.tensors import Scores

TOLERANCE = 1e-4
"""How far a probability may be off, as a share of the largest one of its clip."""

ANSWER = "probabilities"
ABOUT = "kinetoscope"
"""Where a file says what it is: a key of ONNX's metadata_props; in a `.pt2` the extra file
`kinetoscope.json`."""

WHOLE_ONNX = 2**31 - 2**24
"""The most that weights may take in one ONNX file, whose length is a signed number of 32 bits."""

UNITS: dict[Stream, str] = {
    "frames": "RGB in [0, 1]",
    "flow": "motion to the next frame, right and down [pixels per frame]",
}


@dataclass(frozen=True, kw_only=True)
class Export:
    """A network that was written in another format.

    Args:
        path: the file.
        takes: the shape of each stream; the first extent is the word clip where it may be any.
        answers: the shape of the probabilities.
        difference: how far it is from the network on a random clip, as a share of the largest
            probability; None where onnxruntime is not installed to run it.
    """

    path: Path
    takes: dict[str, tuple[int | str, ...]]
    answers: tuple[int | str, ...]
    difference: float | None

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "path": str(self.path),
            "takes": self.takes,
            "answers": self.answers,
            "difference": self.difference,
        }


def export_network(network: Network, path: Path | str, *, clips: int | None = None) -> Export:
    """Write a network for programs that know nothing of Kinetoscope.

    Args:
        network: in any mode; exported in eval mode, for the CPU, and left as it was.
        path: ends in `.pt2` or `.onnx`; written whole or not at all.
        clips: how many it takes at once, always; None for any number.

    Raises:
        ExportError: the network computes what can't be written down as a graph, or what the format
            does not have, or the file answers otherwise than the network.
        MissingPackageError: ONNX is asked for and not installed.
    """
    path = Path(path)
    check_format(path)
    write, run = _FORMATS[path.suffix]
    _check_weights(network, path)
    here = network if network.device.type == "cpu" else copy.deepcopy(network).cpu()
    takes, answers = _shapes(here, clips)
    about = _about(here, takes, answers)
    with evaluating(here), torch.no_grad(), whole_file(path) as aside:
        write(_graph(here, clips), aside, about, clips)
        streams = _random(here, 1 if clips is None else clips)
        answered = run(aside, streams)
        difference = None if answered is None else _difference(_Plain(here)(*streams), answered)
        _check_agrees(here.name, difference)
    return Export(path=path, takes=takes, answers=answers, difference=difference)


class _Plain(nn.Module):
    """A network that takes each stream by itself, in display space, and answers probabilities."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, *streams: Tensor) -> Scores:
        names = self.network.expects.streams
        return self.network(ClipBatch(**dict(zip(names, streams, strict=True))))


_About = dict[str, Any]


def check_format(path: Path) -> None:
    """Refuse a file whose name does not say which format it is to have, or one that can't be made.

    Raises:
        ExportError: its name ends otherwise than in `.pt2` or `.onnx`.
        MissingPackageError: ONNX is asked for and not installed.
    """
    if path.suffix not in _FORMATS:
        raise ExportError(
            f"{path} does not say in which format a network is wanted",
            got=path.suffix or "no ending",
            expected=".pt2 for PyTorch or .onnx for ONNX",
        )
    for package in ("onnx", "onnxscript"):
        if path.suffix == ".onnx" and find_spec(package) is None:
            raise MissingPackageError(
                f"a network is exported to ONNX by {package}, which is not installed",
                got="no such package",
                expected="the extra onnx",
                hint='pip install "kinetoscope[onnx]"',
            )


def _check_weights(network: Network, path: Path) -> None:
    if network.device.type == "meta":
        raise ExportError(
            f"{network.name} has no weights to export",
            got="a network on the meta device",
            expected="one with weights",
        )
    weights = [*network.model.parameters(), *network.model.buffers()]
    size = sum(weight.nbytes for weight in weights)
    if path.suffix == ".onnx" and size > WHOLE_ONNX:
        raise ExportError(
            f"{network.name} is too large for one ONNX file",
            got=f"{size / 2**30:.2f} GiB of weights",
            expected=f"at most {WHOLE_ONNX / 2**30:.2f} GiB",
            hint="a .pt2 may be of any size",
        )


def _shapes(
    network: Network, clips: int | None
) -> tuple[dict[str, tuple[int | str, ...]], tuple[int | str, ...]]:
    spec, count = network.expects, "clip" if clips is None else clips
    takes = {name: (count, CHANNELS[name], spec.frames, *spec.size) for name in spec.streams}
    return takes, (count, len(network.labels))


def _about(
    network: Network, takes: dict[str, tuple[int | str, ...]], answers: tuple[int | str, ...]
) -> _About:
    inputs = [
        {
            "name": name,
            "shape": takes[name],
            "axes": "clip channel time height width",
            "holds": UNITS[name],
        }
        for name in network.expects.streams
    ]
    return {
        "network": network.name,
        "weights": network.weights_hash,
        "labels": network.labels,
        "expects": network.expects.to_json(),
        "inputs": inputs,
        "outputs": [{"name": ANSWER, "shape": answers, "axes": "clip label"}],
        "versions": {"kinetoscope": kinetoscope.__version__, "torch": str(torch.__version__)},
    }


def _random(network: Network, clips: int) -> tuple[Tensor, ...]:
    """Clips in display space, the same ones every time."""
    spec, generator = network.expects, torch.Generator().manual_seed(0)
    found = []
    for name in spec.streams:
        shape = (clips, CHANNELS[name], spec.frames, *spec.size)
        values = torch.rand(shape, generator=generator)
        found.append(values if name == "frames" else (2 * values - 1) * spec.flow_scale)
    kind = next((each.dtype for each in network.parameters() if each.is_floating_point()), None)
    return tuple(each.to(kind) for each in found)


def _graph(network: Network, clips: int | None) -> ExportedProgram:
    """All operations that a clip goes through."""
    # Two, because torch takes one to be a number of clips that is always the same.
    streams = _random(network, 2 if clips is None else clips)
    any_number = tuple({0: torch.export.Dim("clip")} for _ in streams)
    try:
        with _quiet():
            return torch.export.export(
                _Plain(network), streams, dynamic_shapes=None if clips else (any_number,)
            )
    except Exception as error:  # whatever torch or the model raises where values are not there
        raise ExportError(
            f"{network.name} can't be written down as a graph",
            got=_reason(error),
            expected="a model whose steps do not depend on the values it is shown",
            hint=None if clips else "with clips=1 (--clips 1) their number need not be left open",
        ) from error


def _write_pt2(program: ExportedProgram, path: Path, about: _About, clips: int | None) -> None:
    torch.export.save(program, path, extra_files={f"{ABOUT}.json": json.dumps(about)})


def _run_pt2(path: Path, streams: tuple[Tensor, ...]) -> Tensor:
    return torch.export.load(path).module()(*streams)


def _write_onnx(program: ExportedProgram, path: Path, about: _About, clips: int | None) -> None:
    first, *others = [each["name"] for each in about["inputs"]]
    open_axis = ({0: "clip"}, *({} for _ in others))  # one name, as all streams are as many
    try:
        with _quiet():
            converted = torch.onnx.export(
                program,
                dynamo=True,
                verbose=False,
                input_names=[first, *others],
                output_names=[ANSWER],
                dynamic_shapes=None if clips else open_axis,
            )
    except Exception as error:
        raise _not_in_onnx(about["network"], error, clips) from error
    assert converted is not None  # it is None for the exporter before this one alone
    converted.model.metadata_props[ABOUT] = json.dumps(about)
    converted.save(path, external_data=False)


def _run_onnx(path: Path, streams: tuple[Tensor, ...]) -> Tensor | None:
    if find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    named = zip(session.get_inputs(), streams, strict=True)
    answered = session.run([ANSWER], {each.name: stream.numpy() for each, stream in named})
    return torch.from_numpy(answered[0])


_Write = Callable[[ExportedProgram, Path, _About, int | None], None]
_Run = Callable[[Path, tuple[Tensor, ...]], Tensor | None]

_FORMATS: dict[str, tuple[_Write, _Run]] = {
    ".pt2": (_write_pt2, _run_pt2),
    ".onnx": (_write_onnx, _run_onnx),
}
"""How each format is written and read back, by the end of the file's name."""


def _not_in_onnx(name: str, error: Exception, clips: int | None) -> ExportError:
    """Say which operation it was."""
    causes = list(_causes(error))
    found = (re.search(r"target=torch\.ops\.([\w.]+)", str(each)) for each in causes)
    operation = next((match[1] for match in found if match), None)
    hint = "a .pt2 has every operation of PyTorch"
    if clips is None:
        hint += "; with clips=1 (--clips 1) their number need not be left open"
    return ExportError(
        f"{name} can't be written as ONNX",
        got=f"{operation or 'an operation'}: {_reason(causes[-1])}",
        expected="operations that ONNX has",
        hint=hint,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _difference(wanted: Scores, answered: Scores) -> float:
    share = (answered - wanted).abs().amax(dim=1) / wanted.amax(dim=1)
    return share.max().item()


def _check_agrees(name: str, difference: float | None) -> None:
    if difference is not None and not difference <= TOLERANCE:  # so that nan is refused as well
        raise ExportError(
            f"the exported {name} answers otherwise than the network",
            got=f"probabilities that differ by {difference:.2g} of the largest",
            expected=f"at most {TOLERANCE:g}",
            hint="a model that draws random numbers or keeps a state can't be exported",
        )


def _reason(error: BaseException) -> str:
    """The first line of what torch says, or its first point where it lists several."""
    lines = [line.strip() for line in (str(error) or type(error).__name__).strip().splitlines()]
    points = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return (points or lines)[0][:200]


_TALKATIVE = ("torch.fx.experimental.symbolic_shapes", "torch.export._trace")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch from printing whole graphs where it fails, as the error says what matters."""
    logs = [logging.getLogger(name) for name in _TALKATIVE]
    before: Sequence[bool] = [log.disabled for log in logs]
    for log in logs:
        log.disabled = True
    try:
        with redirect_stderr(io.StringIO()), warnings.catch_warnings():
            # of torch's own recurrent layers, whose list of weights is made anew and is the same
            warnings.filterwarnings("ignore", message=r"The tensor attributes .*\._flat_weights")
            yield
    finally:
        for log, disabled in zip(logs, before, strict=True):
            log.disabled = disabled
