import math

from kinetoscope.evidence.motion.velocity import Velocity
from kinetoscope.evidence.stimuli.stimulus import Measures, Peak
from kinetoscope.report.measured import measures_part, motion_part


def test_what_was_not_measured_is_none_or_empty():
    part = measures_part(Measures())
    assert part.pop("path") == part.pop("shares") == {}
    assert set(part.values()) == {None}


def test_numbers_have_few_digits_and_counts_stay_whole():
    measures = Measures(
        percentile=0.123456,
        rank=12345,
        flow_peak=Peak(right=0.123456, down=0.0, over_time=math.nan),
        path_similarity={"first": 0.98765, "second": math.nan},
        stream_shares={"frames": 0.25, "flow": 0.75},
    )
    part = measures_part(measures)
    assert part["percentile"] == 0.1235
    assert part["rank"] == 12345
    assert part["flow_peak"] == {"right": 0.1235, "down": 0.0, "over_time": None}
    assert part["path"] == {"first": 0.9877}
    assert part["shares"] == {"frames": 0.25, "flow": 0.75}


def test_a_wave_finer_than_pixels_can_show_is_not_told():
    told = measures_part(Measures(frames_peak=Peak(right=-21.6, down=4.8, over_time=-127.0)))
    assert told["frames_peak"] is None


def test_a_motion_goes_right_and_down():
    assert motion_part(Velocity(1.0, -2.0)) == {"right": 1.0, "down": -2.0}
    assert motion_part(None) is None
