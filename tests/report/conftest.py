"""A look with its report, made once."""

import shutil

import pytest


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
