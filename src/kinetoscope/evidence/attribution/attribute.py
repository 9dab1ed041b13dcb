"""Which methods are there, and how is one applied to a clip?

The methods are one literal table. A method is a class in `methods/` and a row here.
"""

import importlib
from dataclasses import fields
from typing import Any

from kinetoscope.clips.clip import Clip
from kinetoscope.errors import ClipError, KinetoscopeError, unknown_name
from kinetoscope.evidence.attribution.attribution import Attribution, Method
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import Objective

METHODS: dict[str, str] = {
    "occlusion": "occlusion.Occlusion",
    "occlusion-in-time": "occlusion.OcclusionInTime",
    "occlusion-in-space": "occlusion.OcclusionInSpace",
    "occlusion-tubes": "occlusion.OcclusionByTubes",
    "gradient": "gradients.Gradient",
    "gradient-x-input": "gradients.GradientTimesInput",
    "smooth-grad": "smooth_grad.SmoothGrad",
    "integrated-gradients": "integrated_gradients.IntegratedGradients",
    "guided-backprop": "led_back.GuidedBackprop",
    "deconvnet": "led_back.Deconvnet",
    "cam": "class_maps.CAM",
    "grad-cam": "grad_cam.GradCAM",
    "grad-cam++": "grad_cam.GradCAMPlusPlus",
    "layer-cam": "grad_cam.LayerCAM",
    "relevance": "relevance.Relevance",
    "attention-rollout": "rollout.AttentionRollout",
    "rise": "rise.Rise",
    "extremal": "extremal.Extremal",
}
"""By name: the module in `methods/`, and the class in it."""


def attribute(
    network: Network,
    clip: Clip,
    objective: Objective,
    *,
    method: Method,
    memory: int | None = None,
    other: Clip | None = None,
) -> Attribution:
    """Tell how much each pixel of each frame of each stream matters.

    Args:
        network: comes back as it went; run in eval mode, on its device.
        clip: as the network expects it.
        objective: such as `label("archery")`, or a unit's `activation`.
        method: such as `IntegratedGradients(steps=32)`.
        memory: that it may take beside the weights [bytes]; None for what is there.
        other: the clip that stands in, where the method swaps content for another clip's.

    Returns:
        Heat for each pixel [time height width], stream by stream, on the CPU.

    Raises:
        UnknownNameError: a layer, channel or label is not there.
        ClipError: the clip is not as the network expects it, or the method does not fit; says which
            do.
    """
    question = Question.about(network, clip, objective, memory=memory, other=other)
    check_method(method, network, question.objective)
    return method.answer(question)


def check_method(method: Method, network: Network, objective: Objective) -> None:
    """Refuse a method that does not fit, and say which do, unless with other settings it would.

    Raises:
        ClipError, UnknownNameError: as the method's own `check`.
    """
    try:
        method.check(network, objective)
    except ClipError as error:
        found = fitting(network, objective)
        if method.name in found:  # it is the settings that do not fit
            raise
        fit = ", ".join(found) or "none"
        hint = f"{error.hint}; methods that fit: {fit}" if error.hint else f"that fit: {fit}"
        raise ClipError(error.what, got=error.got, expected=error.expected, hint=hint) from error


def fitting(network: Network, objective: Objective) -> dict[str, Method]:
    """The methods that fit a network and an objective, with their usual settings."""
    found: dict[str, Method] = {}
    for name in METHODS:
        method = method_of(name)
        try:
            method.check(network, objective)
        except KinetoscopeError:
            continue
        found[name] = method
    return found


def method_of(name: str, **settings: Any) -> Method:
    """A method by its name.

    Args:
        name: one of `METHODS`.
        settings: its fields; those that it does not have are refused.

    Raises:
        UnknownNameError: there is no such method, or it has no such setting.
    """
    if name not in METHODS:
        raise unknown_name("attribution method", name, list(METHODS))
    module, _, kind = METHODS[name].partition(".")
    found = getattr(importlib.import_module(f"{__package__}.methods.{module}"), kind)
    known = [field.name for field in fields(found)]
    for setting in settings:
        if setting not in known:
            raise unknown_name(f"setting of {name}", setting, known)
    return found(**settings)
