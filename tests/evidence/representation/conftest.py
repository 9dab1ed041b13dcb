"""A scan of colours, and one with random weights; made once, not to be written to."""

import pytest

from kinetoscope.evidence.representation.control import scan_with_random_weights
from kinetoscope.evidence.scan import scan
from tests.evidence.representation.made import colour_catalog, colour_network


@pytest.fixture(scope="session")
def colours():
    return colour_network()


@pytest.fixture(scope="session")
def colour_videos(tmp_path_factory):
    return colour_catalog(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def colour_scan(colours, colour_videos, tmp_path_factory):
    return scan(colours, colour_videos, tmp_path_factory.mktemp("scans") / "scan")


@pytest.fixture(scope="session")
def random_scan(colours, colour_videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans") / "random"
    return scan_with_random_weights(colours, colour_videos, folder)
