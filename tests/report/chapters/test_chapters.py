import re

import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evidence import Provenance, write_table, writing_evidence
from kinetoscope.report.chapters.chapters import CHAPTERS, Chapter, Told, chapters_part
from kinetoscope.report.page import VIEWER
from kinetoscope.report.shelf import Shelf


def tell(found, shelf):
    return Told(summary={"half": found.answer["all"] / 2}, data={"all": found.answer["all"]})


@pytest.fixture
def look_folder(tmp_path, monkeypatch):
    """A look with a kind of evidence that has a chapter, and a table beside it."""
    for kind in list(CHAPTERS):
        monkeypatch.delitem(CHAPTERS, kind)
    for kind in ("weights", "dreams"):
        chapter = Chapter(title=kind.title(), asks="How many?", question=1, tell=tell)
        monkeypatch.setitem(CHAPTERS, kind, chapter)
    folder = tmp_path / "evidence" / "weights"
    with writing_evidence(folder, "weights", Provenance(network="n", weights_hash="w")) as found:
        aside, answer = found
        answer["all"] = 8
        write_table(aside, "many", {"unit": ["a:0", "a:1"], "value": [1.5, float("nan")]})
    return tmp_path


def test_what_there_is_evidence_for_has_a_chapter_and_its_tables(look_folder):
    shelf = Shelf(look_folder)
    (found,) = chapters_part(look_folder, shelf)
    assert (found["kind"], found["title"], found["question"]) == ("weights", "Weights", 1)
    assert found["summary"] == {"half": 4}
    assert (look_folder / found["data"]).read_text() == 'kinetoscope.take({"all":8});\n'
    (table,) = found["tables"]
    assert table["name"] == "many"
    assert (look_folder / table["address"]).read_text() == "unit,value\na:0,1.5\na:1,\n"


def test_a_table_that_is_spoken_of_no_more_is_removed(look_folder):
    (found,) = chapters_part(look_folder, Shelf(look_folder))
    Shelf(look_folder).remove_others()
    assert not (look_folder / found["tables"][0]["address"]).exists()


def test_evidence_of_another_kind_is_refused(look_folder):
    (look_folder / "evidence" / "weights").rename(look_folder / "evidence" / "dreams")
    with pytest.raises(EvidenceError, match="other evidence"):
        chapters_part(look_folder, Shelf(look_folder))


def test_every_chapter_belongs_to_a_question_and_is_shown_by_a_module():
    shown = (VIEWER / "chapters.js").read_text()
    for kind, chapter in CHAPTERS.items():
        assert chapter.question in range(4)
        assert chapter.asks.endswith("?") or chapter.asks.endswith(".")
        assert (VIEWER / "chapters" / f"{kind}.js").exists()
        assert re.search(rf"\b{kind}\b", shown)
