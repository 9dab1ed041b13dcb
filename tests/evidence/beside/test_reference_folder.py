import pytest
import torch

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.beside import reference_folder
from kinetoscope.evidence.beside.reference import reference_of
from kinetoscope.evidence.beside.reference_folder import kept_reference, read_reference


def test_what_is_kept_is_what_was_answered(network, tmp_path):
    kept, found = kept_reference(network, ["relu"], tmp_path / "r"), reference_of(network, ["relu"])
    assert (kept.name, kept.labels) == (found.name, found.labels)
    assert list(kept.maxima) == list(found.maxima)
    for layer in found.maxima:
        assert torch.equal(kept.maxima[layer], found.maxima[layer])
        assert torch.equal(kept.means[layer], found.means[layer])


def test_the_network_is_asked_once(network, tmp_path, monkeypatch):
    first = kept_reference(network, ["relu"], tmp_path / "r")
    monkeypatch.setattr(reference_folder, "reference_of", None)
    again = kept_reference(network, ["relu"], tmp_path / "r")
    assert torch.equal(again.maxima["relu"], first.maxima["relu"])


def test_refuses_a_folder_that_holds_none(tmp_path):
    with pytest.raises(EvidenceError, match="no evidence"):
        read_reference(tmp_path)
