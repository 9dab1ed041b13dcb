"""A look with its report, made once, and a browser to open it."""

import os
import shutil

import pytest

ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def evidence_folder(tmp_path_factory):
    """A folder of evidence; not to be written to."""
    from .made_look import make_look

    return make_look(tmp_path_factory.mktemp("evidence"))


@pytest.fixture
def look_folder(evidence_folder, tmp_path):
    """A copy of the evidence, to write to."""
    folder = tmp_path / "look"
    shutil.copytree(evidence_folder / "evidence", folder / "evidence")
    return folder


@pytest.fixture(scope="session")
def report_folder(evidence_folder, tmp_path_factory):
    """A report without its evidence; not to be written to."""
    from kinetoscope.report.report import write_report

    out = tmp_path_factory.mktemp("report of a <look> & more")
    return write_report(evidence_folder, out).parent


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
