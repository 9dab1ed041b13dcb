import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.svm import LinearSVC

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.clips.open import open_entry_views
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import CatalogError, WeightsError
from kinetoscope.networks.weights import load_network, save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.training.evaluate import evaluate
from kinetoscope.training.loop import train
from kinetoscope.training.recipe import Recipe
from kinetoscope.training.svm import fit_svm_fusion
from tests.squares import COLOURS, videos_of_squares

LABELS = list(COLOURS)
SPEC = ClipSpec(
    streams=("frames", "flow"), frames=6, short_side=64, size=(64, 64), std=(0.2, 0.2, 0.2)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return videos_of_squares(tmp_path_factory.mktemp("squares"), train=3, test=2)


@pytest.fixture(scope="module")
def catalog(folder):
    return read_catalog(str(folder), split="train")


def network_of(fusion, labels=LABELS, **options):
    """Towers that are not trained, whose scores are made to differ."""
    torch.manual_seed(0)
    network = build_network(
        "two_stream_vgg16_toy", fusion=fusion, labels=labels, expects=SPEC, **options
    )
    with torch.no_grad():
        for name, weight in network.model.named_parameters():
            if name.endswith("label.conv.weight"):
                weight.mul_(300)
    return network.eval()


@torch.no_grad()
def told(network, catalog, layer):
    """What a layer answers to each video, as plain rows."""
    rows = []
    handle = network.layer(layer).register_forward_hook(
        lambda module, given, answer: rows.append(answer.flatten().double().numpy())
    )
    for entry in catalog:
        network(ClipBatch.of(open_entry_views(entry, network.expects), network.expects))
    handle.remove()
    return np.stack(rows), np.array([network.label(entry.label) for entry in catalog])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fusion", "features", "fitted"),
    [("svm", "svm.features", "svm.label"), ("bilinear", "fusion", "label.conv")],
)
def test_agrees_with_scikit_learn_on_the_same_features(fusion, features, fitted, catalog):
    network = network_of(fusion, keep_motion=False) if fusion == "bilinear" else network_of(fusion)
    rows, truth = told(network, catalog, features)
    found = fit_svm_fusion(network, catalog, cost=10.0)
    machine = LinearSVC(C=10.0, dual="auto", max_iter=10_000, random_state=0).fit(rows, truth)
    layer = network.layer(fitted)
    np.testing.assert_allclose(
        layer.weight.detach().flatten(1), machine.coef_, rtol=1e-3, atol=1e-3
    )
    assert found.accuracy == pytest.approx(machine.score(rows, truth))
    assert (found.videos, found.errors) == (9, ())
    scores = (
        rows @ layer.weight.detach().flatten(1).double().numpy().T + layer.bias.detach().numpy()
    )
    batch = ClipBatch.of(open_entry_views(catalog.entries[0], SPEC), SPEC)
    np.testing.assert_allclose(network.scores(batch).detach()[0], scores[0], rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_fitted_network_runs_where_scikit_learn_is_not(catalog, tmp_path):
    network = network_of("svm")
    fit_svm_fusion(network, catalog)
    save_network(network, tmp_path / "network.safetensors")
    batch = ClipBatch.of(open_entry_views(catalog.entries[0], SPEC), SPEC)
    torch.save({"frames": batch.frames, "flow": batch.flow}, tmp_path / "batch.pt")
    code = f"""
import sys, torch
sys.modules["sklearn"] = None
from kinetoscope.clips.clip import ClipBatch
from kinetoscope.networks.weights import load_network
with torch.no_grad():
    batch = ClipBatch(**torch.load("{tmp_path}/batch.pt", weights_only=True))
    print(load_network("{tmp_path}/network.safetensors").scores(batch)[0].tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    expected = network.scores(batch)[0].tolist()
    assert eval(done.stdout) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_two_labels_are_told_apart_by_one_machine(catalog):
    two = replace(catalog, entries=tuple(each for each in catalog if each.label != "blue"))
    network = network_of("svm", labels=["red", "green"])
    found = fit_svm_fusion(network, two)
    weight = network.model.svm.label.weight
    torch.testing.assert_close(weight[0], -weight[1])
    assert found.videos == 6


@pytest.mark.slow
def test_a_recipe_of_svm_fusion_ends_with_a_fitted_machine(folder, tmp_path):
    recipe = Recipe(
        network="two_stream_vgg16_toy",
        catalog=str(folder),
        options={"fusion": "svm", "channels": [4, 4, 8, 8, 8], "dropout": 0.0, "chunks": 1},
        clip={"frames": 3, "short_side": 64, "size": [64, 64], "flow_method": "dis"},
        epochs=1,
        clips_per_batch=3,
        validation_fraction=0.0,
        memory_format="contiguous",
    )
    result = train(recipe, tmp_path / "out", progress=False)
    network = load_network(result.weights)
    same = torch.eye(3)
    assert not torch.equal(network.model.svm.label.weight, torch.cat([same, same], dim=1))
    tested = evaluate(network, read_catalog(str(folder), split="test"))
    assert len(tested.videos) == 6


def test_refuses_a_network_without_such_a_layer(catalog):
    with pytest.raises(WeightsError, match="fusion = conv"):
        fit_svm_fusion(network_of("conv"), catalog)


def test_refuses_a_catalog_that_lacks_a_label(folder):
    none = read_catalog(str(folder), split="test")
    with pytest.raises(CatalogError, match="no video of white"):
        fit_svm_fusion(network_of("svm", labels=[*LABELS, "white"]), none)
