"""What tests of figures need."""

import importlib.util

import pytest


@pytest.fixture
def recordings() -> None:
    """Motion capture; tests that need it are skipped without the package that carries it."""
    if importlib.util.find_spec("pybullet_data") is None:
        pytest.skip('needs motion capture: pip install "kinetoscope[mocap]"')
