import pytest
from safetensors.numpy import load_file

from kinetoscope.clips.catalog import Entry
from kinetoscope.errors import EvidenceError, VideoError
from kinetoscope.evidence.representation.embedding import Laying, write_embedding
from kinetoscope.evidence.representation.placed import belongs, write_placed
from tests.evidence.representation.made import colour_network, write_colour


@pytest.fixture(scope="module")
def embedding(colour_scan, colour_videos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("look") / "embedding"
    return write_embedding(colour_scan, colour_videos, folder, layers=["colour"])


@pytest.fixture(scope="module")
def new_videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("new")
    for number, label in enumerate(("blue", "red")):
        write_colour(folder / f"{label}.mp4", label, 2000 + number)
    (folder / "broken.mp4").write_text("not a video")
    return [Entry(path=folder / f"{name}.mp4") for name in ("blue", "broken", "red")]


@pytest.fixture(scope="module")
def placed(colours, embedding, new_videos, tmp_path_factory):
    return write_placed(colours, embedding, new_videos, tmp_path_factory.mktemp("look") / "placed")


# Known answers


def test_new_clips_lie_among_those_of_their_colour(placed, embedding):
    (found,) = placed.answer["maps"]
    blue, red = found["clips"]
    assert next(iter(blue["labels"])) == "blue"
    assert next(iter(red["labels"])) == "red"
    assert [clip["predicted"] for clip in placed.answer["clips"]] == ["blue", "red"]
    labels = {clip["row"]: clip["label"] for clip in embedding.answer["clips"]}
    assert labels[blue["near"][0]] == "blue"
    assert len(blue["point"]) == 2


def test_a_clip_that_is_in_the_map_is_no_distance_from_itself(
    colours, embedding, colour_videos, tmp_path
):
    found = write_placed(colours, embedding, colour_videos.entries[:1], tmp_path / "placed")
    (each,) = found.answer["maps"][0]["clips"]
    assert each["near"][0] == 0
    assert each["far"] == pytest.approx(0, abs=1e-3)


def test_what_can_not_be_read_is_told_and_the_rest_is_placed(placed):
    (failure,) = placed.answer["failures"]
    assert "broken.mp4" in failure["path"]
    pictures = load_file(placed.folder / placed.answer["pictures"])["pictures"]
    assert pictures.shape == (2, 48, 48, 3)


# Promises


def test_clips_belong_to_the_maps_that_they_were_put_into(
    placed, embedding, colour_scan, colour_videos, tmp_path
):
    assert belongs(placed, embedding)
    other = write_embedding(
        colour_scan, colour_videos, tmp_path / "other", layers=["colour"], how=Laying(most=12)
    )
    assert not belongs(placed, other)


def test_evidence_that_is_there_is_read(placed, colours, embedding, new_videos):
    before = placed.folder.stat().st_ctime_ns
    assert write_placed(colours, embedding, new_videos, placed.folder) == placed
    assert placed.folder.stat().st_ctime_ns == before


# Refusals


def test_refuses_maps_of_another_network(embedding, new_videos, tmp_path):
    other = colour_network()
    other.model.colour.bias.data += 1
    with pytest.raises(EvidenceError, match="are not of colours"):
        write_placed(other, embedding, new_videos, tmp_path / "placed")


def test_refuses_videos_of_which_none_can_be_read(colours, embedding, new_videos, tmp_path):
    with pytest.raises(VideoError, match="no video can be put"):
        write_placed(colours, embedding, new_videos[1:2], tmp_path / "placed")
    assert not (tmp_path / "placed").exists()
