import json

import pytest

from kinetoscope.errors import RecipeError
from kinetoscope.training.recipe import Augmentation, Recipe
from kinetoscope.training.result import TrainResult, read_result

RECIPE = Recipe(network="c3d", catalog="videos", options={"channels": (1, 2)})


def written(folder, recipe=RECIPE, **values):
    result = TrainResult(folder=folder, epochs=3, kept_epoch=2, train_accuracy=0.5, **values)
    (folder / "recipe.toml").write_text(recipe.to_toml())
    (folder / "result.json").write_text(json.dumps(result.to_json()))
    return result


def test_a_result_written_and_read_is_the_same(tmp_path):
    errors = ({"path": "a.mp4", "error": "no video"},)
    result = written(tmp_path, test_accuracy=0.25, errors=errors)
    assert read_result(tmp_path, RECIPE) == result
    assert result.weights == tmp_path / "weights.safetensors"


def test_there_is_none_before_a_training_has_ended(tmp_path):
    assert read_result(tmp_path, RECIPE) is None
    (tmp_path / "recipe.toml").write_text(RECIPE.to_toml())
    assert read_result(tmp_path, RECIPE) is None


def test_refuses_the_folder_of_another_recipe(tmp_path):
    written(tmp_path, Recipe(network="c3d", catalog="videos", augmentation=Augmentation(flip=0.5)))
    with pytest.raises(RecipeError, match="other values of options, augmentation"):
        read_result(tmp_path, RECIPE)


def test_refuses_a_folder_whose_recipe_can_not_be_read(tmp_path):
    written(tmp_path)
    (tmp_path / "recipe.toml").write_text("epochs = many")
    with pytest.raises(RecipeError, match="can't be read"):
        read_result(tmp_path, RECIPE)
