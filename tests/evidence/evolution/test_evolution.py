"""Units that turn round at a known epoch are found to settle there."""

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file

from kinetoscope.errors import EvidenceError, UnknownNameError, WeightsError
from kinetoscope.evidence.evolution.checkpoints import Checkpoint
from kinetoscope.evidence.evolution.evolution import Following, write_evolution
from kinetoscope.evidence.intervals import interval
from kinetoscope.evidence.responses import respond
from kinetoscope.evidence.sample import open_sample
from kinetoscope.networks.network import Network
from kinetoscope.units.reading import SCORES
from tests.evidence.boxes import SPEC
from tests.evidence.planted import Planted, Weigh

EPOCHS = (0, 1, 2, 5)
TURNS = (0, 2, 5, 0)
"""From which epoch on each unit is what it is in the end."""
HOW = Following(count=6, top=2)


def network_of(weights):
    labels = ("light", "dark", "a", "b")[: len(weights)]
    model = Planted(Weigh(weights)).eval()
    return Network(model, labels=labels, expects=SPEC, name="planted", layers=("layer",))


def open_network(path):
    try:
        return network_of(torch.load(path, weights_only=True))
    except RuntimeError as error:
        raise WeightsError("no weights", got=str(error), expected="weights") from error


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Four units; the last one is silent in the end."""
    folder = tmp_path_factory.mktemp("run")
    ends = torch.randn(4, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    ends += 0.1  # so that lighter clips excite all units more
    made = []
    for epoch in EPOCHS:
        signs = torch.tensor([1.0 if epoch >= turn else -1.0 for turn in TURNS])
        signs[3] = 0.0 if epoch == EPOCHS[-1] else 1.0
        torch.save(signs[:, None, None, None, None] * ends, folder / f"{epoch}.pt")
        made.append(Checkpoint(epoch=epoch, path=folder / f"{epoch}.pt"))
    return made


@pytest.fixture(scope="module")
def found(checkpoints, catalog, tmp_path_factory):
    control = network_of(torch.randn(4, 3, 8, 32, 32, generator=torch.Generator().manual_seed(9)))
    return write_evolution(
        checkpoints,
        catalog,
        tmp_path_factory.mktemp("evidence") / "evolution",
        how=HOW,
        control=control,
        open_network=open_network,
    )


def test_each_unit_settles_where_it_was_planted(found):
    units = pl.read_csv(found.folder / "units.csv")
    assert units["settled"].to_list() == [0, 2, 5, None]
    assert units["jumps"].to_list()[:3] == [0, 1, 1]
    (layer,) = found.answer["layers"]
    assert (layer["channels"], layer["constant"], layer["sees"]) == (4, 1, 32)
    assert layer["settled"]["value"] == 2
    shares = [each["value"] for each in layer["curves"]["settled"]]
    assert shares == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1])
    correlation = load_file(found.folder / layer["file"])["correlation"]
    assert correlation[:, 1] == pytest.approx([-1, -1, 1, 1])
    assert torch.isnan(correlation[:, 3]).all()
    assert found.answer["order"] is None  # there is one layer alone


def test_curves_end_where_the_layer_is_itself(found):
    curves = found.answer["layers"][0]["curves"]
    assert [curves[name][-1]["value"] for name in ("correlation", "cka", "overlap")] == [1, 1, 1]
    assert curves["overlap"][0]["value"] < 1
    assert curves["changed"][0]["value"] is None
    for name, curve in curves.items():
        assert len(curve) == len(EPOCHS)
        for each in curve:
            if each["low"] is not None:
                assert each["low"] - 1e-9 <= each["value"] <= each["high"] + 1e-9, name
    control = found.answer["layers"][0]["control"]
    assert set(control) == {"correlation", "cka", "selectivity", "overlap"}


def test_accuracy_is_that_of_the_scores(found, checkpoints, catalog):
    sample = open_sample(catalog, SPEC, 6)
    for told, checkpoint in zip(found.answer["checkpoints"], checkpoints, strict=True):
        network = open_network(checkpoint.path)
        scores = respond(network, sample.batches(SPEC), ["layer", SCORES]).scores
        right = (scores.argmax(1) == sample.truth(network.labels)).numpy().astype(float)
        assert told["epoch"] == checkpoint.epoch
        assert told["accuracy"] == interval(right, np.mean).to_json()


def test_clips_are_told_by_their_place_in_the_catalog_with_a_picture_each(found, catalog):
    clips = found.answer["clips"]
    assert [each["clip"] for each in clips] == [0, 1, 2, 4, 5, 6]
    assert clips[0]["label"] == catalog.entries[0].label
    pictures = load_file(found.folder / "clips.safetensors")["pictures"]
    assert (pictures.shape, pictures.dtype) == ((6, 32, 32, 3), torch.uint8)
    assert [each["where"] for each in found.answer["failures"]] == [catalog.entries[3].where]


def test_the_table_has_a_row_a_layer_and_checkpoint(found):
    table = pl.read_csv(found.folder / "layers.csv")
    assert table["epoch"].to_list() == list(EPOCHS)
    assert table["correlation_value"].to_list()[-1] == 1


def test_a_checkpoint_that_does_not_fit_is_listed_and_the_rest_are_followed(
    checkpoints, catalog, tmp_path
):
    other, broken = tmp_path / "3.pt", tmp_path / "4.pt"
    torch.save(torch.zeros(3, 3, 8, 32, 32), other)
    broken.write_text("not weights")
    more = [Checkpoint(epoch=3, path=other), Checkpoint(epoch=4, path=tmp_path / "gone.pt")]
    given = [*checkpoints[:2], *more, checkpoints[-1]]
    answer = write_evolution(
        given, catalog, tmp_path / "e", how=HOW, open_network=open_network
    ).answer
    assert [each["epoch"] for each in answer["checkpoints"]] == [0, 1, 5]
    assert [each["where"] for each in answer["failures"]][1:] == ["epoch 3", "epoch 4"]
    assert answer["layers"][0]["control"] is None


def test_evidence_that_is_there_is_read(checkpoints, catalog, tmp_path):
    told = []

    def write(**settings):
        how = Following(**{"count": 4, "top": 2, **settings})
        write_evolution(
            checkpoints[-2:],
            catalog,
            tmp_path / "e",
            how=how,
            open_network=open_network,
            progress=lambda *at: told.append(at),
        )

    write()
    assert told == [(0, 2), (2, 2)]
    write()
    assert len(told) == 2
    write(settled_above=0.5)
    assert len(told) == 4


def test_refuses_what_can_not_be_followed(checkpoints, catalog, tmp_path):
    how = {"how": HOW, "open_network": open_network}
    with pytest.raises(EvidenceError, match="two or more"):
        write_evolution([], catalog, tmp_path / "e", **how)
    with pytest.raises(EvidenceError, match="fewer than two"):
        write_evolution(checkpoints[:1], catalog, tmp_path / "e", **how)
    other = Following(layers=("layre",))
    with pytest.raises(UnknownNameError, match="layre"):
        write_evolution(checkpoints, catalog, tmp_path / "e", how=other, open_network=open_network)
    with pytest.raises(EvidenceError, match="settled_above"):
        Following(settled_above=1.0)
    assert not (tmp_path / "e").exists()
