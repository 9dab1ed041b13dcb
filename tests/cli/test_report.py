from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.evidence.evidence import Provenance, writing_evidence


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def with_network(folder):
    provenance = Provenance(network="n", weights_hash="h")
    with writing_evidence(folder / "evidence" / "network", "network", provenance) as (_, answer):
        answer.update(name="n", labels=["a"], expects=ClipSpec().to_json(), weights_count=1)
        answer["layers"] = []
    return folder


def test_the_report_is_written_where_it_is_asked_for_and_its_page_is_named(tmp_path):
    look = with_network(tmp_path / "look")
    done = run("report", look, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(tmp_path / "out" / "index.html")
    assert (tmp_path / "out" / "index.html").exists()
    assert not (look / "index.html").exists()


def test_a_folder_without_evidence_is_refused(tmp_path):
    done = run("report", tmp_path)
    assert done.exit_code == 1
    assert "holds no evidence" in done.output
    assert "Traceback" not in done.output
