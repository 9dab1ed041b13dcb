"""How is a forward pass followed, operation by operation?

While a tracer is entered it is told of every operation that PyTorch carries out, whatever module or
function called it, so that any model can be followed without knowing how it is built.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils.weak import WeakTensorKeyDictionary

from kinetoscope.units.reach.call import Call, by_name, tensors_in
from kinetoscope.units.reach.moves import NeedsValuesError, written_back
from kinetoscope.units.reach.rules import everything, traces_after
from kinetoscope.units.reach.trace import Trace, of_stream


class Tracer(TorchDispatchMode):
    """Keeps what every tensor depends on, while it is entered.

    Args:
        streams: the clips that the model is about to take, by name.
    """

    def __init__(self, streams: dict[str, Tensor]):
        super().__init__()
        self._traces = WeakTensorKeyDictionary()
        self._views = WeakTensorKeyDictionary()  # to the call that took the view
        self._unknown = WeakTensorKeyDictionary()  # what depends on elements chosen by values
        with _disable_current_modes():
            for name, stream in streams.items():
                self._traces[stream] = of_stream(name, stream)

    def trace_of(self, tensor: Tensor) -> Trace:
        """What a tensor of this pass depends on; nothing where it is not of this pass.

        Raises:
            NeedsValuesError: on elements that were chosen by values, which are not there.
        """
        if tensor in self._unknown:
            raise NeedsValuesError
        return self._traces.get(tensor) or Trace()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        call = Call(
            func=func,
            args=args,
            kwargs=kwargs or {},
            given=by_name(func, args, kwargs or {}),
            answers=tensors_in(answer),
            trace_of=self._known_trace_of,
        )
        with _disable_current_modes(), torch.no_grad():
            self._follow(call)
        return answer

    def _follow(self, call: Call) -> None:
        try:
            traces = traces_after(call)
            unknown = any(tensor in self._unknown for tensor, _ in call.inputs)
        except NeedsValuesError:  # which matters only if a layer's answer depends on it
            traces, unknown = everything(call), True
        for tensor, trace in zip(call.answers, traces, strict=True):
            self._traces[tensor] = trace
            if unknown:
                self._unknown[tensor] = True
            if call.func._schema.is_mutable:
                self._write_through(tensor)
            elif call.func.is_view:
                self._views[tensor] = call

    def _known_trace_of(self, tensor: Tensor) -> Trace | None:
        trace = self._traces.get(tensor)
        return trace if trace and trace.reaches else None

    def _write_through(self, view: Tensor) -> None:
        """A tensor that others are views of changes when they are written to."""
        while (call := self._views.get(view)) is not None:
            base = call.args[0]
            self._traces[base] = written_back(call, self.trace_of(base), self.trace_of(view))
            view = base
