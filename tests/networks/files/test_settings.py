import time

import pytest

from kinetoscope.networks.files.dialects import (
    CAFFE2,
    MMACTION2,
    PLAIN,
    PYSLOWFAST,
    PYTORCHVIDEO_SLOW,
)
from kinetoscope.networks.files.settings import colours_of, halves_time, options_of

YAML = """DATA:
  MEAN:
  - 0.4
  - 0.5
  - 0.6
  STD: [0.2, 0.25, 0.3]
  REVERSE_INPUT_CHANNEL: true
NONLOCAL:
  INSTANTIATION: dot_product
"""
PYTHON = """model = dict(backbone=dict(conv1_stride_t=1, non_local_cfg=dict(
    sub_sample=False, use_scale=True, mode='embedded_gaussian')))
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_bgr=False)
"""


def test_colours_are_as_the_settings_say_in_either_spelling():
    yaml = colours_of(PYSLOWFAST, YAML)
    assert yaml.mean == (0.4, 0.5, 0.6)
    assert yaml.std == (0.2, 0.25, 0.3)
    assert yaml.reversed
    python = colours_of(MMACTION2, PYTHON)
    assert python.mean == pytest.approx((0.485, 0.456, 0.406))
    assert python.std == pytest.approx((0.229, 0.224, 0.225))
    assert not python.reversed


def test_colours_are_the_librarys_where_the_settings_say_nothing():
    assert colours_of(PYTORCHVIDEO_SLOW, None).mean == (0.45, 0.45, 0.45)
    assert colours_of(MMACTION2, "").std == (0.229, 0.224, 0.225)
    assert colours_of(PLAIN, YAML) is None


def test_options_are_the_librarys_and_the_settings():
    assert options_of(PYSLOWFAST, YAML)["non_local_kind"] == "dot-product"
    told = options_of(MMACTION2, PYTHON)
    assert told["non_local_kind"] == "embedded-gaussian"
    assert told["non_local_scaled"] is True
    assert told["non_local_subsample"] == "none"
    assert options_of(MMACTION2, None)["non_local_subsample"] == "after"


def test_time_is_halved_as_the_library_does_unless_the_settings_say_otherwise():
    assert halves_time(PYSLOWFAST, None) is False
    assert halves_time(MMACTION2, None) is True
    assert halves_time(MMACTION2, PYTHON) is False
    assert halves_time(CAFFE2, None) is None


def test_text_without_end_is_not_searched_forever():
    start = time.process_time()
    colours_of(MMACTION2, "mean=[1" + " " * 3_000_000)
    options_of(MMACTION2, "mode='" + "a" * 3_000_000)
    assert time.process_time() - start < 1
