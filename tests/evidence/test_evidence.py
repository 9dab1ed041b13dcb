import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import (
    FILE,
    Provenance,
    has_evidence,
    read_evidence,
    versions,
    writing_evidence,
)
from kinetoscope.networks.network import Network

SOMEWHERE = Provenance(network="c3d_toy", weights_hash="0123456789abcdef", seed=3)


def write(folder, kind="stimulus", provenance=SOMEWHERE, **values):
    with writing_evidence(folder, kind, provenance) as (aside, answer):
        answer.update(values)
        (aside / "arrays.bin").write_bytes(b"arrays")
    return folder


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.floats(-1, 1))))
def test_an_answer_is_read_back_as_it_was_written(tmp_path_factory, answer):
    folder = tmp_path_factory.mktemp("evidence") / "one"
    with writing_evidence(folder, "scan", SOMEWHERE) as (_, filled):
        filled.update(answer)
    found = read_evidence(folder, "scan")
    assert (found.kind, found.answer, found.provenance) == ("scan", answer, SOMEWHERE)


def test_text_is_kept_whatever_it_contains(tmp_path):
    label = "<script>alert('é')</script>\u2028\"\\"
    assert read_evidence(write(tmp_path / "one", label=label)).answer["label"] == label


def test_numbers_that_json_has_no_word_for_become_null(tmp_path):
    folder = write(tmp_path / "one", values=[math.nan, math.inf, 1.5], inner={"a": (-math.inf,)})
    answer = json.loads((folder / FILE).read_text())["answer"]
    assert answer == {"values": [None, None, 1.5], "inner": {"a": [None]}}


def test_the_folder_is_complete_or_absent(tmp_path):
    def fail():
        with writing_evidence(tmp_path / "one", "scan", SOMEWHERE) as (aside, _):
            (aside / "arrays.bin").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_provenance_names_the_network_and_its_weights():
    network = Network(nn.Flatten(), labels=["a"], expects=ClipSpec(), name="flat")
    provenance = Provenance.of(network, objective="conv1:0", settings={"steps": 3})
    assert provenance.network == "flat"
    assert provenance.weights_hash == network.weights_hash
    assert provenance.versions["torch"] == torch.__version__.split("+")[0]
    assert set(versions()) >= {"python", "kinetoscope", "torch", "av", "numpy"}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"versions": {"torch": "1.0"}}, True),
        ({"settings": {"steps": [1, 2]}}, True),  # a tuple comes back from JSON as a list
        ({"settings": {"steps": (1, 3)}}, False),
        ({"seed": 4}, False),
        ({"weights_hash": "0"}, False),
        ({"catalog": "ucf101"}, False),
        ({"objective": "label archery"}, False),
    ],
    ids=str,
)
def test_an_answer_stands_for_the_same_question_only(tmp_path, change, same):
    values = {"network": "c3d", "weights_hash": "f", "settings": {"steps": (1, 2)}, "seed": 3}
    asked = Provenance(**values)
    folder = write(tmp_path / "one", provenance=asked)
    assert has_evidence(folder, asked)
    assert has_evidence(folder, Provenance(**(values | change))) == same


def test_there_is_no_evidence_where_nothing_was_written(tmp_path):
    assert not has_evidence(tmp_path / "none", SOMEWHERE)


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", '{"kind": "scan"}', '{"kind": "scan", "provenance": {}, "answer": 1}'],
    ids=repr,
)
def test_refuses_a_folder_that_is_not_evidence(tmp_path, text):
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(EvidenceError, match="holds no evidence"):
        read_evidence(tmp_path)


def test_refuses_evidence_of_another_kind(tmp_path):
    with pytest.raises(EvidenceError, match="got:      scan\n  expected: stimulus"):
        read_evidence(write(tmp_path / "one", kind="scan"), "stimulus")
