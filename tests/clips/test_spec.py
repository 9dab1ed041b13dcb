import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError


def test_a_spec_holds_a_crop_that_is_longer_than_the_short_side():
    assert ClipSpec(short_side=64, size=(64, 128)).size == (64, 128)


def test_a_file_may_have_whole_numbers():
    spec = ClipSpec.from_json({"frames_per_second": 15, "mean": [0, 0, 0], "std": [1, 1, 1]})
    assert spec == ClipSpec(frames_per_second=15.0, mean=(0.0,) * 3, std=(1.0,) * 3)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "streams": st.sampled_from([("frames",), ("flow",), ("frames", "flow")]),
            "frames": st.integers(1, 64),
            "frames_per_second": st.one_of(st.none(), st.floats(1, 60)),
            "when_short": st.sampled_from(["repeat-last", "loop", "error"]),
            "mean": st.tuples(*[st.floats(0, 1)] * 3),
            "flow_scale": st.floats(0.1, 40),
        },
    )
)
def test_a_spec_comes_back_from_json(settings):
    spec = ClipSpec(**settings)
    assert ClipSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"streams": ()}, "frames, flow, or both"),
        ({"streams": ("audio",)}, "frames, flow, or both"),
        ({"frames": 0}, "frames must be positive"),
        ({"stride": -1}, "stride must be positive"),
        ({"frames_per_second": 0.0}, "frames_per_second must be positive"),
        ({"frames_per_second": float("nan")}, "frames_per_second must be positive"),
        ({"size": (0, 112)}, "size must be positive"),
        ({"std": (0.2, 0.0, 0.2)}, "std must be positive"),
        ({"flow_scale": 0.0}, "flow_scale must be positive"),
        ({"short_side": 64, "size": (65, 80)}, "the crop does not fit"),
        ({"when_short": "mirror"}, "when_short is not known"),
        ({"flow_method": "raft"}, "flow_method is not known"),
        ({"fps": 25}, "a setting that is not known"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_a_setting_that_can_not_be_is_refused(settings, message):
    with pytest.raises(ClipError, match=message):
        ClipSpec.from_json(settings)
