import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.errors import CatalogError, RecipeError
from kinetoscope.networks.weights import load_network, read_metadata
from kinetoscope.training import loop
from kinetoscope.training.evaluate import evaluate
from kinetoscope.training.fitting import Fitting
from kinetoscope.training.loop import Training, train
from kinetoscope.training.recipe import Augmentation, Optimizer, Recipe, recipe_from
from tests.squares import videos_of_squares

QUICK = {
    "network": "two_stream_small_toy",
    "options": {"dropout": 0.2},
    "clip": {"frames": 4, "short_side": 32, "size": [32, 32]},
    "epochs": 2,
    "clips_per_batch": 4,
    "learning_rate": 0.03,
    "ema_decay": 0.8,
    "validation_fraction": 0.25,
    "augmentation": Augmentation(shift_pixels=2.0, noise=0.02, mixup=0.1, stream_dropout=0.2),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    return str(videos_of_squares(tmp_path_factory.mktemp("squares"), train=4, test=0))


def recipe(videos, **settings):
    return Recipe(**{**QUICK, "catalog": videos, **settings})


def weights(result):
    return load_network(result.weights).model.state_dict()


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.mark.slow
def test_learns_what_is_easy_and_says_so(tmp_path):
    videos = str(videos_of_squares(tmp_path / "videos", train=8, test=2))
    easy = recipe(
        videos,
        epochs=25,
        clips_per_batch=9,
        learning_rate=0.02,
        options={"channels": [8, 8, 8, 16], "dropout": 0.0, "keep_motion": False},
        augmentation=Augmentation(),
        label_smoothing=0.0,
        test_split="test",
    )
    out = tmp_path / "out"
    result = train(easy, out, progress=False)
    assert (result.test_accuracy, result.validation_accuracy) == (1.0, 1.0)
    tested = evaluate(load_network(result.weights), read_catalog(videos, split="test"))
    assert tested.top1 == 1
    assert json.loads((out / "test" / "evaluation.json").read_text())["top1"] == 1


def test_the_folder_has_all_that_a_training_is(videos, tmp_path):
    wanted = recipe(videos)
    result = train(wanted, tmp_path, progress=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "history.jsonl",
        "recipe.toml",
        "result.json",
        "weights.safetensors",
    ]
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert lines[result.kept_epoch - 1]["validation_accuracy"] == result.validation_accuracy
    about = read_metadata(result.weights)
    assert about["recipe"] == wanted.to_toml() == (tmp_path / "recipe.toml").read_text()
    assert about["labels"] == ["blue", "green", "red"]


@pytest.mark.slow
def test_weights_of_every_so_many_epochs_are_kept_where_the_recipe_asks(videos, tmp_path):
    wanted = recipe(videos, epochs=2, keep_every=2, validation_fraction=0.0)
    result = train(wanted, tmp_path, progress=False)
    kept = sorted((tmp_path / "epochs").iterdir())
    assert [path.name for path in kept] == ["0000.safetensors", "0002.safetensors"]
    first, last = (load_network(path).model.state_dict() for path in kept)
    assert not same(first, last)
    assert same(last, weights(result))  # nothing was held out, so the last epoch is kept
    assert read_metadata(kept[1])["recipe"] == wanted.to_toml()


@pytest.mark.slow
def test_the_seed_gives_the_same_weights_and_another_seed_others(videos, tmp_path):
    found = [
        weights(train(recipe(videos, seed=seed), tmp_path / name, progress=False))
        for name, seed in (("first", 5), ("again", 5), ("other", 6))
    ]
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


@pytest.mark.slow
@pytest.mark.parametrize("place", ["_step", "_save", "_put"])
def test_a_training_that_was_killed_ends_with_the_same_weights(
    videos, tmp_path, monkeypatch, place
):
    whole = train(recipe(videos), tmp_path / "whole", progress=False)
    owner = {"_put": loop, "_save": Training, "_step": Fitting}[place]
    proper, calls = getattr(owner, place), []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == {"_step": 5, "_save": 2, "_put": 3}[place]:
            raise StoppedError
        return proper(*arguments)

    monkeypatch.setattr(owner, place, killed)
    with pytest.raises(StoppedError):
        train(recipe(videos), tmp_path / "killed", progress=False)
    monkeypatch.undo()
    again = train(recipe(videos), tmp_path / "killed", progress=False)
    assert same(weights(whole), weights(again))
    assert again.epochs == whole.epochs == 2


@pytest.mark.slow
@pytest.mark.parametrize("upstream", ["meta", "meta-finite-difference"])
def test_upstream_learning_that_was_killed_ends_with_the_same_weights(
    videos, tmp_path, monkeypatch, upstream
):
    wanted = recipe(
        videos,
        network="dsts_two_stream_small_toy",
        options={"backbone_options": {"dropout": 0.2, "keep_motion": False}},
        optimizer=Optimizer(upstream=upstream),
    )
    whole = train(wanted, tmp_path / "whole", progress=False)
    proper, calls = Fitting._step, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) == 5:
            raise StoppedError
        return proper(*arguments)

    monkeypatch.setattr(Fitting, "_step", killed)
    with pytest.raises(StoppedError):
        train(wanted, tmp_path / "killed", progress=False)
    monkeypatch.undo()
    again = train(wanted, tmp_path / "killed", progress=False)
    assert same(weights(whole), weights(again))
    assert again.epochs == 2


def test_a_training_that_has_ended_is_not_done_again(videos, tmp_path, monkeypatch):
    first = train(recipe(videos, epochs=1), tmp_path, progress=False)
    monkeypatch.setattr(loop, "Training", None)
    assert train(recipe(videos, epochs=1), tmp_path, progress=False) == first


def test_random_numbers_outside_are_left_as_they_were(videos, tmp_path):
    before = torch.get_rng_state()
    train(recipe(videos, epochs=1), tmp_path, progress=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_stops_when_validation_gets_no_better(videos, tmp_path):
    stuck = recipe(videos, epochs=50, learning_rate=1e-12, early_stopping_epochs=2)
    result = train(stuck, tmp_path, progress=False)
    assert result.epochs < 50
    assert result.epochs == result.kept_epoch + 2


def test_without_validation_the_last_epoch_is_kept(videos, tmp_path):
    result = train(recipe(videos, validation_fraction=0.0), tmp_path, progress=False)
    assert (result.kept_epoch, result.validation_accuracy) == (2, None)
    assert result.videos == 12


@pytest.mark.parametrize("balance", ["loss", "sampling"])
def test_labels_can_be_balanced(videos, tmp_path, balance):
    result = train(recipe(videos, epochs=1, class_balance=balance), tmp_path, progress=False)
    assert result.epochs == 1


def test_refuses_to_go_on_in_the_folder_of_another_recipe(videos, tmp_path):
    train(recipe(videos, epochs=1), tmp_path, progress=False)
    with pytest.raises(RecipeError, match="other values of learning_rate"):
        train(recipe(videos, epochs=1, learning_rate=0.5), tmp_path, progress=False)


def test_refuses_to_go_on_with_other_videos(tmp_path, monkeypatch):
    videos = videos_of_squares(tmp_path / "videos", train=3, test=0)
    wanted = recipe(str(videos), validation_fraction=0.0)

    def killed(training):
        raise StoppedError

    proper = Training._save
    monkeypatch.setattr(Training, "_save", lambda training: (proper(training), killed(training)))
    with pytest.raises(StoppedError):
        train(wanted, tmp_path / "out", progress=False)
    monkeypatch.undo()
    rows = (videos / "index.csv").read_text().splitlines()
    (videos / "index.csv").write_text("\n".join(rows[:-1]))
    with pytest.raises(RecipeError, match="other videos"):
        train(wanted, tmp_path / "out", progress=False)


def test_says_when_a_training_diverges(videos, tmp_path):
    wild = recipe(videos, learning_rate=1000.0, optimizer=Optimizer(name="sgd"), gradient_clip=0.0)
    wild = recipe_from({**vars(wild), "options": {"norm": False}, "warm_up_epochs": 0.0})
    with pytest.raises(RecipeError, match=r"(?s)epoch \d.*a lower learning_rate"):
        train(wild, tmp_path, progress=False)


def test_a_folder_is_not_taken_by_a_recipe_that_could_not_be_followed(videos, tmp_path):
    with pytest.raises(CatalogError):
        train(recipe(str(tmp_path / "none")), tmp_path / "out", progress=False)
    assert train(recipe(videos, epochs=1), tmp_path / "out", progress=False).epochs == 1


@pytest.mark.slow
def test_a_process_that_was_killed_for_good_ends_with_the_same_weights(videos, tmp_path):
    wanted, path = recipe(videos, epochs=30), tmp_path / "recipe.toml"
    path.write_text(wanted.to_toml(), encoding="utf-8")
    train(wanted, tmp_path / "whole", progress=False)
    command = [sys.executable, "-m", "kinetoscope", "train", str(path), "--out"]
    with subprocess.Popen([*command, str(tmp_path / "killed")]) as process:
        while process.poll() is None and not (tmp_path / "killed" / "last.pt").exists():
            time.sleep(0.01)
        time.sleep(0.1)
        process.kill()
    assert not (tmp_path / "killed" / "result.json").exists()
    train(wanted, tmp_path / "killed", progress=False)
    for name in ("weights.safetensors", "recipe.toml"):
        first, second = (tmp_path / folder / name for folder in ("whole", "killed"))
        assert first.read_bytes() == second.read_bytes()
    assert not list((tmp_path / "killed").glob(".aside-*"))


# A training in two processes; each writes which clips it was shown.
WORKER = """
import json, sys
from pathlib import Path
from kinetoscope.training import fitting, loop
from kinetoscope.training.recipe import read_recipe

drawn, proper = [], fitting.Fitting._draw

def noted(self, batch, epoch, number):
    rank, world = self.fabric.global_rank, self.fabric.world_size
    drawn.append([epoch, batch[fitting.plan.share_of(batch, rank, world)].tolist()])
    Path(sys.argv[2]).with_name(f"drawn-{rank}.json").write_text(json.dumps(drawn))
    return proper(self, batch, epoch, number)

fitting.Fitting._draw = noted
loop.train(read_recipe(Path(sys.argv[1])), sys.argv[2], accelerator="cpu")
"""


def by_two_processes(*words):
    subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
            *map(str, words),
        ],
        check=True,
        capture_output=True,
        timeout=120,
        env={"PATH": "/usr/bin", "OMP_NUM_THREADS": "1"},
    )


WHOSE_WEIGHTS = """
import hashlib, sys
from pathlib import Path
from kinetoscope.training import fitting, loop
from kinetoscope.training.recipe import read_recipe

proper = fitting.Fitting._step

def noted(self, *arguments):
    answer = proper(self, *arguments)
    digest = hashlib.sha256()  # of what is moved; running statistics are a process's own
    for weight in self.network.model.parameters():
        digest.update(weight.detach().numpy().tobytes())
    path = Path(sys.argv[2]).with_name(f"hash-{self.fabric.global_rank}")
    path.write_text(digest.hexdigest())
    return answer

fitting.Fitting._step = noted
loop.train(read_recipe(Path(sys.argv[1])), sys.argv[2], accelerator="cpu")
"""


@pytest.mark.slow
def test_upstream_learning_moves_two_processes_alike(videos, tmp_path):
    wanted = recipe(
        videos,
        network="dsts_two_stream_small_toy",
        options={"backbone_options": {"keep_motion": False}},
        optimizer=Optimizer(upstream="meta"),
    )
    (tmp_path / "meta.toml").write_text(wanted.to_toml())
    (tmp_path / "worker.py").write_text(WHOSE_WEIGHTS)
    by_two_processes(tmp_path / "worker.py", tmp_path / "meta.toml", tmp_path / "two")
    first, second = ((tmp_path / f"hash-{rank}").read_text() for rank in (0, 1))
    assert first == second


@pytest.mark.slow
def test_two_processes_see_every_clip_once_and_end_where_one_does(videos, tmp_path):
    plain = recipe(
        videos,
        options={"norm": False, "dropout": 0.0},
        augmentation=Augmentation(shift_pixels=2.0),
    )
    (tmp_path / "plain.toml").write_text(plain.to_toml())
    (tmp_path / "worker.py").write_text(WORKER)
    by_two_processes(tmp_path / "worker.py", tmp_path / "plain.toml", tmp_path / "two")
    seen = [json.loads(Path(tmp_path, f"drawn-{rank}.json").read_text()) for rank in (0, 1)]
    for epoch in range(2):
        clips = [clip for each in seen for when, part in each if when == epoch for clip in part]
        assert sorted(clips) == list(range(9))
    alone = train(plain, tmp_path / "one", progress=False, accelerator="cpu")
    two = load_network(tmp_path / "two" / "weights.safetensors").model.state_dict()
    for name, expected in weights(alone).items():
        torch.testing.assert_close(two[name], expected, atol=1e-4, rtol=1e-3)
