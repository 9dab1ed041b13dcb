import polars as pl
import pytest

from kinetoscope.evidence.tuning.layers import MEDIANS, agreement, summary


def units(verdicts, **columns):
    values = {name: [0.1 * n for n in range(len(verdicts))] for name in MEDIANS}
    table = {"channel": range(len(verdicts)), "verdict": verdicts, **values, **columns}
    return pl.DataFrame(table, strict=False)


def test_counts_shares_and_medians_by_hand():
    told = summary(units(["direction", "silent", "untuned", "direction", "orientation"]))
    assert (told["units"], told["silent"]) == (5, 1)
    assert told["shares"]["direction"]["value"] == 0.5
    assert told["shares"]["orientation"]["value"] == 0.25
    assert told["medians"]["speed"]["value"] == pytest.approx(0.25)  # of 0, 0.2, 0.3, 0.4
    assert told["shares"]["direction"]["low"] < 0.5 < told["shares"]["direction"]["high"]


def test_a_layer_that_is_silent_has_no_numbers():
    told = summary(units(["silent", "silent"]))
    assert told["silent"] == 2
    assert told["medians"]["speed"]["value"] != told["medians"]["speed"]["value"]


def test_agreement_goes_round_and_counts_those_that_both_call_selective():
    verdicts = ["direction", "direction", "direction", "untuned"]
    first = units(verdicts, direction=[350.0, 90.0, 0.0, 5.0])
    second = units(["direction"] * 4, direction=[20.0, 270.0, 44.0, 5.0])
    told = agreement(first, second)
    assert told["units"] == 3
    assert told["within_45"]["value"] == pytest.approx(2 / 3)
