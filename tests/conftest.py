"""What every test may ask for."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real videos that do not belong to the repository; tests that need them are skipped."""
    folder = Path(os.environ.get("KINETOSCOPE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"needs the real videos in {folder} (or set KINETOSCOPE_SHARED_DATA)")
    return folder
