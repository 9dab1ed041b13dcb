"""What every test may ask for."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.quick_types import check_types_quickly

check_types_quickly()

ROOT = Path(__file__).parents[1]
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


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


@pytest.fixture(scope="session")
def browser():
    """A chromium on the PATH, else Playwright's own, else the test is skipped."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with playwright.sync_playwright() as started:
        try:
            opened = started.chromium.launch(executable_path=found, args=ARGUMENTS)
        except playwright.Error as error:
            if os.environ.get("KINETOSCOPE_NO_BROWSER_SKIP") == "1":
                raise
            pytest.skip(f"needs a chromium on the PATH, or Playwright's own: {error.message[:200]}")
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def cluster():
    """Ray with two cores, and little memory for what is shared; it takes long to begin."""
    ray = pytest.importorskip("ray", reason="needs the extra `ray`")
    ray.init(
        num_cpus=2, object_store_memory=100_000_000, include_dashboard=False, log_to_driver=False
    )
    yield ray
    ray.shutdown()
