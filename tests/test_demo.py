from functools import partial

import pytest
from click.testing import CliRunner

from kinetoscope import demo
from kinetoscope.cli.main import main
from kinetoscope.clips.worlds.shapes import make_shapes
from kinetoscope.clips.worlds.world import ClipsPerLabel
from kinetoscope.demo import World
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.look.looking import Looking

FEW = ClipsPerLabel(train=2, validation=1, test=1)
SMALL = Looking(
    layers=("fusion",),
    units_per_layer=1,
    slowness=(0.0,),
    maximizing=Maximizing(steps=1),
    only=("scan", "retrieval", "stimuli"),
)


@pytest.fixture
def small(monkeypatch):
    """One world of few videos, one epoch, one unit."""
    world = World(
        about="a few shapes",
        make=partial(make_shapes, clips_per_label=FEW, frames=16),
        training={"epochs": 1},
    )
    monkeypatch.setattr(demo, "WORLDS", {"shapes": world})
    monkeypatch.setattr(demo, "LOOKING", SMALL)


@pytest.mark.slow
def test_makes_trains_and_looks_and_goes_on_where_it_was(small, tmp_path):
    pytest.importorskip("pybullet_data", reason="needs the recordings of motion")
    told = CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "demo")])
    assert told.exit_code == 0, told.output
    page = tmp_path / "demo" / "shapes" / "look" / "index.html"
    assert told.stdout.splitlines()[-2:] == ["open in a browser:", f"  {page.as_uri()}"]
    assert "test accuracy" in told.stdout

    weights = tmp_path / "demo" / "shapes" / "trained" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    assert CliRunner().invoke(main, ["demo", "--out", str(tmp_path / "demo")]).exit_code == 0
    assert weights.stat().st_mtime_ns == before


def test_the_worlds_are_the_two_that_are_promised():
    assert list(demo.WORLDS) == ["shapes", "figures"]
