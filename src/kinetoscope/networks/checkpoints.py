"""What tensors does a checkpoint hold, read without running anything in it?

A checkpoint of PyTorch is a pickle, and a pickle can ask to call any function. Here only those are
opened that ask for nothing but tensors and plain containers; all others are refused by name. Large
files are mapped, not read: a tensor takes memory when it is used.
"""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from safetensors import safe_open
from torch import Tensor

from kinetoscope.errors import WeightsError

WRAPPERS = ("model_state", "state_dict", "model")
"""Under which key trainers put the weights: PySlowFast; most others; VideoMAE."""

ZIP, LEGACY = b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc"  # how torch.save has begun its files
OTHERS = {
    b"\x1f\x8b": ("a gzip archive", "unpack it first"),
    b"\x80": ("a pickle that PyTorch did not write", None),
    b"<": ("a web page", "the download failed; its address wants another page first"),
    b"version https://git-lfs": ("a Git LFS pointer", "git lfs pull fetches the file itself"),
}


def open_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their names, on the CPU.

    Args:
        path: a safetensors file, or what `torch.save` wrote: a state dict, or a dictionary that has
            one under a key of `WRAPPERS`.

    Raises:
        WeightsError: there is no such file, it is damaged, it holds no weights, or it asks to run
            code; nothing is run.
    """
    start = _start(path)
    if path.suffix == ".safetensors" or start[8:9] == b"{":
        return _open_safetensors(path)
    if start.startswith((ZIP, LEGACY)):
        return _open_torch(path, mapped=start.startswith(ZIP))
    kind, hint = next(
        (kind for begin, kind in OTHERS.items() if start.startswith(begin)),
        (f"a file that starts with {start[:8]!r}" if start else "an empty file", None),
    )
    raise WeightsError(f"{path} is not a checkpoint", got=kind, expected=_EXPECTED, hint=hint)


_EXPECTED = "a .safetensors file, or a state dict written by torch.save"


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(32)
    except OSError as error:
        raise WeightsError(
            f"{path} can't be opened", got=error.strerror, expected="a checkpoint file"
        ) from error


def _open_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} is damaged", got=error, expected="a whole safetensors file"
        ) from error


def _open_torch(path: Path, *, mapped: bool) -> dict[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except pickle.UnpicklingError as error:
        raise _refused(path, error) from error
    except Exception as error:  # a damaged file may fail anywhere in the reader, in any way
        raise WeightsError(
            f"{path} is damaged",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            expected="a whole file that torch.save wrote",
        ) from error
    return _weights_within(path, found)


def _refused(path: Path, error: pickle.UnpicklingError) -> WeightsError:
    asked = re.search(r"GLOBAL ([\w.]+)", str(error))
    return WeightsError(
        f"{path} holds more than weights, and was not opened",
        got=f"a pickle that asks for {asked[1]}" if asked else "a pickle with code or damage",
        expected="tensors in plain dictionaries",
        hint="where you trust it, load it yourself and save its state dict alone:"
        ' torch.save(model.state_dict(), "weights.pth")',
    )


def _weights_within(path: Path, found: object) -> dict[str, Tensor]:
    while isinstance(found, Mapping):
        inside = next((k for k in WRAPPERS if isinstance(found.get(k), Mapping)), None)
        if inside is None:
            break
        found = found[inside]
    tensors = (
        {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
        if isinstance(found, Mapping)
        else {}
    )
    if not tensors:
        keys = ", ".join(map(str, found)) if isinstance(found, Mapping) else type(found).__name__
        raise WeightsError(
            f"{path} holds no weights",
            got=keys[:200] or "nothing",
            expected=f"tensors by name, or such under {', '.join(WRAPPERS)}",
        )
    return tensors
