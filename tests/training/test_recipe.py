import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import RecipeError
from kinetoscope.training.recipe import Augmentation, Optimizer, Recipe, read_recipe, recipe_from

SMALL = {"network": "two_stream_small", "catalog": "videos"}


def refused(**values):
    with pytest.raises(RecipeError) as caught:
        recipe_from({**SMALL, **values})
    return str(caught.value)


def written(folder, text):
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_recipe_of_two_lines_has_defaults_for_the_rest(tmp_path):
    recipe = read_recipe(written(tmp_path, 'network = "c3d"\ncatalog = "videos"\n'))
    assert recipe == Recipe(network="c3d", catalog="videos")


def test_every_table_of_a_recipe_is_read(tmp_path):
    text = """
        network = "two_stream_small"
        catalog = "videos"
        learning_rate = 1
        [options]
        fusion = "sum"
        [clip]
        frames = 8
        [augmentation]
        scale = [0.5, 2]
        flip = 0.5
    """
    recipe = read_recipe(written(tmp_path, text))
    assert recipe.options == {"fusion": "sum"}
    assert recipe.learning_rate == 1.0
    assert recipe.augmentation == Augmentation(scale=(0.5, 2.0), flip=0.5)
    assert recipe.spec(ClipSpec(stride=3)) == ClipSpec(stride=3, frames=8)


def test_changes_take_the_place_of_the_files_settings(tmp_path):
    path = written(tmp_path, 'network = "c3d"\ncatalog = "videos"\nepochs = 2\n')
    changes = ["epochs=5", "augmentation.flip = 0.5", "clip.size=[32, 32]", "catalog=my films"]
    recipe = read_recipe(path, changes)
    assert (recipe.epochs, recipe.augmentation.flip) == (5, 0.5)
    assert (recipe.clip, recipe.catalog) == ({"size": [32, 32]}, "my films")


@pytest.mark.parametrize(
    ("text", "changes", "expected"),
    [
        ("", [], Optimizer()),
        ('optimizer = "sgd"', [], Optimizer(name="sgd")),
        ('[optimizer]\nupstream = "meta"', [], Optimizer(upstream="meta")),
        ("", ["optimizer.upstream=meta"], Optimizer(upstream="meta")),
        ("", ["optimizer=sgd"], Optimizer(name="sgd")),
        (
            'optimizer = "sgd"',
            ["optimizer.upstream=meta-finite-difference"],
            Optimizer(name="sgd", upstream="meta-finite-difference"),
        ),
    ],
    ids=["default", "a name", "a table", "changed", "another name", "a name and a change"],
)
def test_an_optimizer_is_a_name_or_a_table(tmp_path, text, changes, expected):
    path = written(tmp_path, f'network = "c3d"\ncatalog = "videos"\n{text}\n')
    recipe = read_recipe(path, changes)
    assert recipe.optimizer == expected
    assert recipe_from(tomllib.loads(recipe.to_toml())) == recipe


def test_mirroring_is_off_unless_asked_for():
    assert Augmentation().flip == 0


TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
ANY = st.fixed_dictionaries(
    {"network": TEXT, "catalog": TEXT},
    optional={
        "epochs": st.integers(1, 1000),
        "learning_rate": st.floats(1e-6, 10),
        "class_balance": st.sampled_from(["none", "loss", "sampling"]),
        "options": st.dictionaries(TEXT, st.integers(-5, 5) | st.booleans() | TEXT),
        "augmentation": st.fixed_dictionaries(
            {"flip": st.floats(0, 1), "scale": st.just([0.5, 1])}
        ),
    },
)


@settings(max_examples=50, deadline=None)
@given(ANY)
def test_a_recipe_written_and_read_is_the_same(values):
    recipe = recipe_from(values)
    assert recipe_from(tomllib.loads(recipe.to_toml())) == recipe


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("epoch", 3, "near: epochs"),
        ("batch_size", 3, "hint:     clips_per_batch"),
        ("augmentation", {"flop": 1.0}, "augmentation.flop"),
        ("augmentation", {"reverse": True}, "another action"),
        ("clip", {"frame": 3}, "near: frames"),
        ("optimizer", {"upstrem": "meta"}, "near: upstream"),
    ],
    ids=[
        *("misspelt", "another's name", "misspelt inside", "reverse", "misspelt clip"),
        "misspelt optimizer",
    ],
)
def test_refuses_settings_that_no_recipe_has(name, value, says):
    message = refused(**{name: value})
    assert "no recipe has the setting" in message
    assert says in message


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("epochs", "ten", "a whole number"),
        ("epochs", 2.5, "a whole number"),
        ("epochs", 0, "1 or more"),
        ("epochs", True, "a whole number"),
        ("learning_rate", "fast", "a number"),
        ("learning_rate", float("nan"), "a number from"),
        ("optimizer", "adam", "adamw, sgd"),
        ("optimizer", 3, "a name or a table [optimizer]"),
        ("optimizer", {"upstream": "metta"}, "none, meta, meta-finite-difference"),
        ("precision", "16-mixed", "32-true, bf16-mixed"),
        ("label_smoothing", -0.1, "a number from 0"),
        ("network", "", "a network"),
        ("options", 3, "a table"),
        ("augmentation", 3, "a table [augmentation]"),
        ("augmentation", {"scale": 2.0}, "two numbers"),
        ("augmentation", {"scale": [2.0, 1.0]}, "the smaller first"),
        ("augmentation", {"flip": 2.0}, "from 0 to 1"),
    ],
)
def test_refuses_values_that_can_not_be_used(name, value, says):
    message = refused(**{name: value})
    assert (name if not isinstance(value, dict) else next(iter(value))) in message
    assert says in message


def test_refuses_a_recipe_without_a_network():
    with pytest.raises(RecipeError, match="no network"):
        recipe_from({"catalog": "videos"})


def test_refuses_a_clip_that_can_not_be():
    recipe = recipe_from({**SMALL, "clip": {"frames": 0}})
    with pytest.raises(RecipeError, match=r"\[clip\]"):
        recipe.spec(ClipSpec())


@pytest.mark.parametrize("text", ["epochs = ", "\x00", None], ids=["no toml", "binary", "no file"])
def test_refuses_a_file_that_is_no_recipe_and_names_it(tmp_path, text):
    path = tmp_path / "recipe.toml" if text is None else written(tmp_path, text)
    with pytest.raises(RecipeError, match=r"recipe\.toml is not a recipe"):
        read_recipe(path)


def test_names_the_file_of_a_bad_setting(tmp_path):
    path = written(tmp_path, 'network = "c3d"\ncatalog = "videos"\nepochs = -1\n')
    with pytest.raises(RecipeError, match=r"recipe\.toml: epochs is out of its range"):
        read_recipe(path)


@pytest.mark.parametrize("change", ["epochs", "=3", "epochs.more=3"])
def test_refuses_a_change_that_is_none(tmp_path, change):
    path = written(tmp_path, 'network = "c3d"\ncatalog = "videos"\nepochs = 1\n')
    with pytest.raises(RecipeError, match=r"recipe\.toml"):
        read_recipe(path, [change])
