"""A world of lamps, scanned once."""

import pytest

from .lamps import lamp_catalog, lamp_network


@pytest.fixture(scope="session")
def lamps():
    """The network; it comes back from every test as it went."""
    return lamp_network()


@pytest.fixture(scope="session")
def lamp_videos(tmp_path_factory):
    """The catalog; not to be written to."""
    return lamp_catalog(tmp_path_factory.mktemp("lamps"))


@pytest.fixture(scope="session")
def lamps_scanned(lamps, lamp_videos, tmp_path_factory):
    """Its scan; not to be written to."""
    from kinetoscope.evidence.scan import scan

    return scan(lamps, lamp_videos, tmp_path_factory.mktemp("scan") / "scan")
