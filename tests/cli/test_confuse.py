import pytest
from click.testing import CliRunner

from kinetoscope.cli.main import main
from kinetoscope.evidence.evidence import read_evidence

pytestmark = pytest.mark.slow


def confuse(*arguments):
    return CliRunner().invoke(main, ["confuse", *map(str, arguments)])


def test_tells_what_is_mixed_up_and_what_removing_units_does(catalog, weights, tmp_path):
    out = ("--out", tmp_path / "look", "--layer", "conv4")
    pair = ("--pair", "red", "green", "--cost", "red", "green", 2)
    answered = confuse(weights, catalog, *out, *pair, "--units", 1)
    assert answered.exit_code == 1
    assert "Traceback" not in answered.stderr
    for word in ("confused", "conv4:", "margin", "maximize NETWORK"):
        assert word in answered.stdout
    found = read_evidence(tmp_path / "look" / "evidence" / "confusion", "confusion")
    (told,) = found.answer["worst"]
    assert {told["one"], told["other"]} == {"red", "green"}
    assert found.answer["layers"] == ["conv4"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("--pair", "red", "gren"), "not two labels", id="a label that is not there"),
        pytest.param(("--cost", "red", "gren", 2), "near: green", id="a cost of another label"),
        pytest.param(("--cost", "red", "green", "two"), "is no cost", id="a cost that is none"),
    ],
)
def test_refuses_what_can_not_be_told(catalog, weights, tmp_path, arguments, said):
    answered = confuse(weights, catalog, "--out", tmp_path / "look", *arguments)
    assert answered.exit_code != 0
    assert said in answered.stderr
    assert not (tmp_path / "look" / "evidence" / "confusion").exists()
