"""How is a network trained from the command line?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kinetoscope.training.recipe import Recipe
    from kinetoscope.training.result import TrainResult


@click.command("train")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--out", "folder", type=click.Path(path_type=Path), required=True, help="Where to write it."
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="SETTING=VALUE",
    help="In place of the recipe's own; as often as wanted.",
)
@click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda", "mps"]),
    default="auto",
    help="Where to train; auto takes what is there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    recipe: Path, folder: Path, changes: tuple[str, ...], accelerator: str, as_json: bool
) -> None:
    """Train a network by RECIPE, a TOML file.

    The folder gets the weights, with labels, ClipSpec and recipe inside (weights.safetensors), the
    recipe with every setting written out (recipe.toml), a line for each epoch (history.jsonl) and
    the result (result.json). A training that was interrupted goes on after its last whole epoch
    when the same command is given again, and ends with the same weights. Videos that can't be
    opened are listed in the result.

    On several devices: torchrun --nproc-per-node 2 -m kinetoscope train RECIPE --out FOLDER

    Example: kinetoscope train recipes/depth_actions.toml --out trained --set epochs=5
    """
    from kinetoscope.training.recipe import read_recipe

    wanted = read_recipe(recipe, changes)

    from kinetoscope.training.loop import train

    result = train(wanted, folder, accelerator=accelerator)
    if as_json:
        import json

        click.echo(json.dumps(result.to_json(), ensure_ascii=False, indent=1))
    else:
        _show(wanted, result)


def _show(recipe: "Recipe", result: "TrainResult") -> None:
    click.echo(
        f"trained {recipe.network} on {result.videos} videos of {recipe.catalog} "
        f"for {result.epochs} epochs in {result.seconds:.0f} seconds"
    )
    click.echo(f"kept epoch           {result.kept_epoch}")
    for name, accuracy in (
        ("training accuracy", result.train_accuracy),
        ("validation accuracy", result.validation_accuracy),
        ("test accuracy", result.test_accuracy),
    ):
        if accuracy is not None:
            click.echo(f"{name:<20} {accuracy:.1%}")
    click.echo(f"weights              {result.weights}")
    if result.errors:
        click.echo(f"{len(result.errors)} videos could not be opened:", err=True)
        for row in result.errors:
            click.echo(f"  {row['path']}: {row['error'].splitlines()[0]}", err=True)
