import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence
from kinetoscope.evidence.scan import read_scan
from tests.cli.two_classes import save_weights, write_videos

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KINETOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def given(tmp_path):
    return save_weights(tmp_path / "weights"), write_videos(tmp_path / "videos")


def probe(*arguments):
    return CliRunner().invoke(main, ["probe", *map(str, arguments)])


def test_probes_layers_and_tells_what_could_not_be_read(given, tmp_path):
    weights, videos = given
    (videos / "dark" / "broken.mp4").write_text("not a video")
    out = tmp_path / "look"
    answered = probe(weights, videos, "--out", out, "--layer", "fusion", "--folds", 2)
    assert answered.exit_code == 1
    assert "broken.mp4" in answered.stderr
    assert "Traceback" not in answered.stderr
    assert "fusion" in answered.stdout
    assert "chance is 0.50" in answered.stdout
    found = read_evidence(out / "evidence" / "probes", "probes").answer
    assert [probe["machine"] for probe in found["probes"]] == ["logistic", "svm"]
    assert all(probe["random"] for probe in found["probes"])


def test_layers_of_a_scan_that_is_there_stay_in_it(given, tmp_path):
    weights, videos = given
    out = tmp_path / "look"
    quick = ("--out", out, "--no-control", "--machine", "svm", "--folds", 2)
    assert probe(weights, videos, *quick, "--layer", "fusion").exit_code == 0
    assert probe(weights, videos, *quick, "--layer", "conv4").exit_code == 0
    assert list(read_scan(out / "evidence" / "scan").layers) == ["fusion", "conv4"]
    before = (out / "evidence" / "scan").stat().st_ctime_ns
    assert probe(weights, videos, *quick, "--layer", "fusion").exit_code == 0
    assert (out / "evidence" / "scan").stat().st_ctime_ns == before


def test_fits_to_one_split_and_tests_on_another(given, tmp_path):
    weights, videos = given
    rows = ["path,label,split"]
    for path in sorted(videos.rglob("*.mp4")):
        split = "test" if path.stem.endswith("2") else "train"
        rows.append(f"{path.relative_to(videos).as_posix()},{path.parent.name},{split}")
    (videos / "index.csv").write_text("\n".join(rows))
    answered = probe(
        *(weights, videos, "--split", "test", "--fit-to", "train", "--out", tmp_path / "look"),
        *("--layer", "fusion", "--no-control", "--machine", "svm"),
    )
    assert answered.exit_code == 0, answered.output
    found = read_evidence(tmp_path / "look" / "evidence" / "probes").answer
    assert found["clips"] == 2
    assert found["folds"] is None


def test_refuses_a_catalog_of_one_class(given, tmp_path):
    weights, videos = given
    for path in (videos / "light").iterdir():
        path.unlink()
    answered = probe(weights, videos, "--out", tmp_path / "look", "--no-control")
    assert answered.exit_code == 1
    assert "two labels" in answered.stderr
    assert "Traceback" not in answered.stderr
