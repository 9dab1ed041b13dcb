"""One network, two data sets: a planted catalog of made clips, of two tasks."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import RecipeError
from kinetoscope.networks.weights import load_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.training.drawing import open_material
from kinetoscope.training.evaluate import evaluate
from kinetoscope.training.fitting import Fitting
from kinetoscope.training.loop import train
from kinetoscope.training.recipe import Augmentation, Recipe, recipe_from
from kinetoscope.video.encode import write_mp4
from tests.squares import COLOURS, SIZE, square

SIDES = ("left", "right")
LABELS = (*(f"colours/{colour}" for colour in COLOURS), *(f"sides/{side}" for side in SIDES))


def light(side, seed):
    """Grey noise, one half of which is lighter."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randint(90, 130, (10, SIZE, SIZE, 3), generator=generator)
    half = slice(0, SIZE // 2) if side == "left" else slice(SIZE // 2, None)
    picture[:, :, half] += 100
    return picture.to(torch.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("two tasks"), []
    for split, count in (("train", 6), ("test", 2)):
        for place in range(count):
            seed = 50 * (split == "test") + place
            made = {f"colours/{name}": square(rgb, seed=seed) for name, rgb in COLOURS.items()}
            made |= {f"sides/{side}": light(side, seed) for side in SIDES}
            for label, picture in made.items():
                path = f"{split}-{label.replace('/', '-')}-{place}.mp4"
                write_mp4(folder / path, picture, 15.0)
                rows.append({"path": path, "label": label, "split": split})
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["path", "label", "split"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def recipe(folder, **settings):
    shown = {"frames": 4, "short_side": 32, "size": [32, 32]}
    plain = {"label_smoothing": 0.1, "weight_decay": 0.0, "augmentation": Augmentation()}
    return Recipe(
        network="two_stream_small_toy",
        catalog=str(folder),
        clip=shown,
        multi_task=True,
        validation_fraction=0.0,
        **{**plain, **settings},
    )


@pytest.fixture
def fitting(folder):
    wanted = recipe(folder)
    material = open_material(wanted, progress=False)
    torch.manual_seed(0)
    network = build_network(
        wanted.network, labels=material.labels, expects=material.spec, multi_task=True
    )
    fabric = Fabric(accelerator="cpu", devices=1)
    fabric.launch()
    return Fitting(fabric, wanted, network, material)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["colours", "sides"])
def test_no_head_is_trained_by_the_clips_of_the_other(fitting, task):
    labels = fitting.network.labels
    mine = [place for place, label in enumerate(labels) if label.startswith(f"{task}/")]
    clips = np.flatnonzero(np.isin(fitting.material.train.truth, mine))
    before = heads(fitting.network)
    fitting.network.model.train()
    for number in range(3):
        fitting._step(clips[4 * number : 4 * number + 4], 0, number, clips)
    moved = [
        [bool((now[place] != was[place]).any()) for place in range(len(labels))]
        for was, now in zip(before, heads(fitting.network), strict=True)
    ]
    expected = [place in mine for place in range(len(labels))]
    assert moved == [expected] * 4  # weights and biases, of the fused and the motion prediction


def heads(network):
    return [
        weight.detach().clone()
        for name, weight in network.model.named_parameters()
        if "label" in name
    ]


@pytest.mark.slow
def test_both_tasks_are_learned_at_once(folder, tmp_path):
    easy = recipe(  # of 20 seeds all make no mistake from their ninth epoch on
        folder,
        epochs=14,
        clips_per_batch=10,
        learning_rate=0.003,
        label_smoothing=0.0,
        options={"channels": [16, 16, 32, 64], "dropout": 0.0},
        test_split="test",
    )
    result = train(easy, tmp_path / "out", progress=False)
    assert result.train_accuracy == 1
    assert result.test_accuracy == 1
    network = load_network(result.weights)
    assert set(network.tasks) == {"colours", "sides"}
    tested = evaluate(network, read_catalog(str(folder), split="test"))
    assert "labels of the video's own task" in tested.to_json()["protocol"]
    saved = json.loads((tmp_path / "out" / "test" / "evaluation.json").read_text())
    assert saved["views"]["own_task"] is True


@pytest.mark.slow
def test_a_video_is_told_apart_from_those_of_its_own_task_alone(folder):
    torch.manual_seed(0)
    catalog = read_catalog(str(folder), split="test")
    network = build_network(
        "two_stream_small_toy", labels=LABELS, multi_task=True, expects=fitted_spec()
    ).eval()
    tested = evaluate(network, catalog)
    for row, probabilities in zip(tested.videos, tested.probabilities, strict=True):
        own = row["label"].partition("/")[0]
        assert row["predicted"].startswith(f"{own}/")
        others = [place for place, label in enumerate(LABELS) if not label.startswith(f"{own}/")]
        assert (probabilities[others] == 0).all()
        assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)


def fitted_spec():
    spec = build_network("two_stream_small_toy").expects
    return replace(spec, frames=4, short_side=32, size=(32, 32))


def test_refuses_labels_without_a_task_before_a_video_is_opened(tmp_path):
    (tmp_path / "index.csv").write_text("path,label\nnot there.mp4,colours/red\nnor.mp4,left\n")
    with pytest.raises(RecipeError, match="every label carries its task"):
        open_material(recipe(tmp_path), progress=False)


def test_a_recipe_says_it_as_true_or_false():
    values = {"network": "c3d", "catalog": "videos"}
    assert recipe_from({**values, "multi_task": True}).multi_task
    with pytest.raises(RecipeError, match="expected: true or false"):
        recipe_from({**values, "multi_task": 1})
