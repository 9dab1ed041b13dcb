"""What every test may ask for."""

import os
from collections.abc import Iterator
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


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory) -> Iterator[None]:
    """Leave the user's cache as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KINETOSCOPE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
