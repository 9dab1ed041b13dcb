import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.evidence.evolution.checkpoints import checkpoints_in


def files(folder, *names):
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_finds_those_that_a_training_kept_in_the_order_of_their_epochs(tmp_path):
    files(tmp_path, "weights.safetensors", "last.pt")
    files(tmp_path / "epochs", "0010.safetensors", "0000.safetensors", "0002.safetensors")
    found = checkpoints_in(tmp_path)
    assert [each.epoch for each in found] == [0, 2, 10]
    assert found[1].path == tmp_path / "epochs" / "0002.safetensors"


def test_takes_the_number_at_the_end_of_any_name_of_weights(tmp_path):
    files(tmp_path, "r3d_18_epoch_2.pth", "r3d_18_epoch_11.pth", "notes_3.txt", "best.pth")
    assert [each.epoch for each in checkpoints_in(tmp_path)] == [2, 11]


@pytest.mark.parametrize(
    "names",
    [(), ("weights.safetensors",), ("1.pt",), ("1.pt", "01.pth")],
    ids=["none", "without a number", "one", "twice the same"],
)
def test_refuses_what_can_not_be_followed(tmp_path, names):
    with pytest.raises(EvidenceError, match="keep_every"):
        checkpoints_in(files(tmp_path / "run", *names))
