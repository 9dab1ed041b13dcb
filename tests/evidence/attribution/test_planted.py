"""Every method on networks whose reasons are known."""

from functools import cache

import pytest
import torch

from kinetoscope.errors import ClipError
from kinetoscope.evidence.attribution.attribute import METHODS, attribute, method_of
from kinetoscope.evidence.attribution.belief.pointing import energy, pointing, temporal_pointing
from kinetoscope.evidence.attribution.question import Question
from kinetoscope.evidence.attribution.shares import shares_of
from tests.evidence.attribution.by_hand import FORMS
from tests.evidence.attribution.planted import CASES
from tests.evidence.attribution.quick import FINE, quick

DRAWS = 2
LOOKING_INSIDE = (
    *("gradient", "guided-backprop", "deconvnet", "relevance"),
    *("cam", "grad-cam", "grad-cam++", "layer-cam", "occlusion"),
)
"""Methods that the form of a rectifier could lead astray."""


@cache
def case_of(name, seed=0, **more):
    return CASES[name](seed, **more)


def answered(method, case):
    """What a method finds in a case; None where it says that it does not fit."""
    try:
        return attribute(case.network, case.clip, case.objective, method=method)
    except ClipError:
        return None


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("seed", range(DRAWS))
def test_integrated_gradients_point_to_what_was_planted_and_nothing_else_has_heat(seed, name):
    case = case_of(name, seed)
    heat = answered(method_of("integrated-gradients"), case).whole
    assert pointing(heat, case.truth) == 1
    assert temporal_pointing(heat, case.truth) == 1
    assert energy(heat, case.truth) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_occlusion_points_to_what_was_planted(name):
    case = case_of(name, seed=DRAWS)
    heat = answered(method_of("occlusion", **FINE), case).whole
    assert pointing(heat, case.truth) == 1
    assert temporal_pointing(heat, case.truth) == 1


@pytest.mark.parametrize("name", ["moving dot", "stripes", "conjunction", "attended"])
@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_fits_answers_each_pixel_with_a_number(method, name):
    case = case_of(name)
    found = answered(quick(method), case)
    if found is None:
        pytest.skip("does not fit, and says so")
    assert found.heat.keys() <= {*case.network.expects.streams, "both"}
    for heat in found.heat.values():
        assert heat.shape == case.truth.shape
        assert heat.isfinite().all()
        assert heat.any()
        assert found.signed or heat.min() >= 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("gated", [False, True], ids=["by the head", "by a gate"])
def test_a_stream_that_is_multiplied_by_zero_has_no_heat_at_all(method, gated):
    found = answered(quick(method, together=False), case_of("zeroed stream", gated=gated))
    if found is None or "frames" not in found.heat:
        pytest.skip("does not fit, or does not tell streams apart")
    assert not found.heat["frames"].any()
    assert found.heat["flow"].any()


@pytest.mark.parametrize("name", ["zeroed stream", "conjunction"])
@pytest.mark.parametrize("seed", range(DRAWS))
def test_each_stream_is_owed_its_share(seed, name):
    case = case_of(name, seed)
    found = shares_of(Question.about(case.network, case.clip, case.objective))
    assert found.streams.shares == pytest.approx(case.streams)
    if 0.0 in case.streams.values():
        assert found.streams.shares == case.streams  # exactly


@pytest.mark.parametrize("seed", range(DRAWS))
def test_nothing_is_owed_to_motion_where_only_the_background_counts(seed):
    case = case_of("static shortcut", seed)
    found = shares_of(Question.about(case.network, case.clip, case.objective))
    assert found.motion.shares == {"appearance": 1.0, "motion": case.motion}


@pytest.mark.parametrize("form", [form for form in FORMS if form != "module"])
@pytest.mark.parametrize("method", LOOKING_INSIDE)
def test_rectifiers_of_any_form_give_the_same_heat_or_are_refused(method, form):
    plain, case = case_of("stripes"), case_of("stripes", form=form)
    asked = quick(method, layer="stages.1")  # else it is the rectifier's, where that is a module
    found, expected = (answered(asked, each) for each in (case, plain))
    if found is None or expected is None:
        pytest.skip("does not fit, and says so")
    torch.testing.assert_close(found.whole, expected.whole, rtol=1e-4, atol=1e-6)
