"""A catalog of light boxes, and a scan of it."""

import pytest

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.networks.network import Network
from tests.evidence.boxes import PLACES, SPEC, Brightness, write_video


@pytest.fixture
def network():
    labels = ["light", "dark"]
    return Network(Brightness(), labels=labels, expects=SPEC, name="planted", layers=("relu",))


@pytest.fixture(scope="session")
def catalog(tmp_path_factory):
    """Seven videos, each with a box lighter than the one before; the fourth is not a video."""
    folder = tmp_path_factory.mktemp("videos")
    entries = []
    for number, place in enumerate(PLACES):
        path = folder / f"{number} <b>'é.mp4"
        if number == 3:
            path.write_text("not a video")
        else:
            write_video(path, 0.6 + 0.05 * number, place)
        label = "light" if number > 3 else "dark"
        entries.append(Entry(path=path, label=label, where=f"index.csv:{number + 2}"))
    labels = ("light", "dark")
    return Catalog(name="boxes", root=folder, labels=labels, entries=tuple(entries))


@pytest.fixture
def scanned(network, catalog, tmp_path):
    from kinetoscope.evidence.scan import scan

    return scan(network, catalog, tmp_path / "scan", clips_per_shard=3, batch=2)
