"""A look with all of its stages, and its pages in a browser."""

from dataclasses import replace

import pytest
import torch

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.evidence.stimuli.settings import Maximizing
from kinetoscope.look.look import look
from kinetoscope.look.looking import QUICK
from kinetoscope.look.stages import STAGES
from kinetoscope.networks.weights import save_network
from kinetoscope.networks.zoo import build_network
from kinetoscope.report.chapters.chapters import CHAPTERS
from tests.squares import COLOURS, videos_of_squares
from tests.watched import Watched

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def looked(tmp_path_factory):
    """All stages, of a network that has learnt nothing, over two checkpoints that never were."""
    folder = tmp_path_factory.mktemp("whole")
    catalog = read_catalog(videos_of_squares(folder / "videos", train=0, test=4))
    for epoch in (0, 1):
        torch.manual_seed(epoch)
        network = build_network("two_stream_small_toy", labels=sorted(COLOURS)).eval()
        save_network(network, folder / "epochs" / f"{epoch:04}.safetensors")
    how = replace(
        QUICK,
        layers=("motion.conv1", "fusion"),
        units_per_layer=1,
        slowness=(0.0,),
        maximizing=Maximizing(steps=2),
        sample=6,
        attributed=3,
        checked=2,
        top=2,
        training=catalog,
        checkpoints=folder / "epochs",
    )
    look(network, catalog, folder / "out", how=how)
    return folder / "out"


def test_all_stages_are_done(looked):
    told = read_evidence(looked / "evidence" / "stages", "stages").answer
    assert told["failures"] == []
    assert told["done"] == list(STAGES)


@pytest.mark.parametrize("width", [1280, 400])
def test_every_chapter_has_a_page_that_fits(looked, browser, width):
    context = browser.new_context(viewport={"width": width, "height": 900})
    watched = Watched(context, (looked / "index.html").as_uri())
    for hash_ in [
        "overview",
        "chapters",
        "unit/fusion:0",
        *(f"chapter/{kind}" for kind in CHAPTERS),
    ]:
        watched.go(hash_)
        text = watched.page.locator("main").inner_text()
        assert "Nothing here" not in text, (hash_, text)
        assert "undefined" not in text, hash_
        assert "NaN" not in text, hash_
        wide = watched.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, hash_
    watched.check()
    context.close()
