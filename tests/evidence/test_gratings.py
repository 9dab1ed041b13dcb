"""Do the best clips of a planted unit, from a made world on disk, move as the unit likes?"""

import pytest

from kinetoscope.clips.catalog import read_catalog
from kinetoscope.clips.worlds.shapes import Combination, ShapeClass, make_shapes
from kinetoscope.clips.worlds.world import ClipsPerLabel
from kinetoscope.evidence.retrieval import top_clips
from kinetoscope.evidence.scan import scan
from kinetoscope.units.unit import Unit
from tests.evidence.planted import drifting_gratings, planted

ANGLES = {"right": 0, "up": 90, "left": 180, "down": 270}


@pytest.mark.slow
def test_the_best_clips_of_a_drifting_grating_move_its_way(tmp_path):
    moving = Combination(motions=("line",), directions=tuple(ANGLES))
    world = ShapeClass(label="moving", told_by="motion", combinations=(moving,))
    make_shapes(
        tmp_path / "videos",
        clips_per_label=ClipsPerLabel(train=0, validation=0, test=48),
        classes=[world],
        frames=12,
    )
    catalog = read_catalog(tmp_path / "videos")
    directions = {catalog.relative_path(each): each.more["direction"] for each in catalog}
    layer = drifting_gratings(ANGLES.values(), speed=1.5, wavelength=12.0, side=13)
    network = planted(layer, 4, frames=12, short_side=64, size=(64, 64))
    network.labels = ("moving", "b", "c", "d")
    found = scan(network, catalog, tmp_path / "scan", workers=1)
    agree = []
    for channel, direction in enumerate(ANGLES):
        best = top_clips(found, Unit("layer", channel), count=5)
        assert directions[best[0].path] == direction
        agree += [directions[hit.path] == direction for hit in best]
    assert sum(agree) >= 15, f"{sum(agree)} of {len(agree)}, where 5 are chance"
