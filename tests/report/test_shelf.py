import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kinetoscope.report.shelf import Shelf, _columns


def pictures(count=5, height=12, width=20):
    generator = torch.Generator().manual_seed(count)
    return torch.randint(0, 256, (count, height, width, 3), generator=generator, dtype=torch.uint8)


def test_a_strip_holds_every_frame_where_the_player_looks_for_it(tmp_path):
    smooth = torch.linspace(0, 240, 5, dtype=torch.float64).to(torch.uint8)
    frames = smooth.reshape(5, 1, 1, 1).expand(5, 16, 32, 3).contiguous()
    track = Shelf(tmp_path).strip("clip", frames)
    grid = np.asarray(Image.open(tmp_path / track["src"]).convert("RGB")).astype(int)
    for frame in range(track["count"]):
        row, column = divmod(frame, track["columns"])
        top, left = row * track["height"], column * track["width"]
        cell = grid[top : top + track["height"], left : left + track["width"]]
        assert abs(cell.mean() - smooth[frame].item()) < 4


def test_a_file_is_named_by_its_content_and_written_once(tmp_path):
    first = Shelf(tmp_path).strip("clip", pictures())
    path = tmp_path / first["src"]
    before = path.stat().st_mtime_ns
    assert Shelf(tmp_path).strip("clip", pictures()) == first
    assert path.stat().st_mtime_ns == before
    assert Shelf(tmp_path).strip("clip", pictures(6))["src"] != first["src"]
    assert Shelf(tmp_path).strip("clip", pictures(), quality=50)["src"] != first["src"]


def test_what_is_kept_no_longer_is_removed_and_other_files_are_not(tmp_path):
    old = Shelf(tmp_path)
    gone, stays = old.text("data/a.js", "1"), old.text("data/b.js", "2")
    (tmp_path / "data" / "notes.js").write_text("mine")
    new = Shelf(tmp_path)
    assert new.text("data/b.js", "2") == stays
    new.remove_others()
    assert not (tmp_path / gone).exists()
    assert (tmp_path / stays).read_text() == "2"
    assert (tmp_path / "data" / "notes.js").exists()


@given(st.integers(1, 300), st.integers(1, 256), st.integers(1, 256))
def test_a_grid_has_room_for_all_frames_and_is_not_much_longer_than_wide(count, height, width):
    columns = _columns(count, height, width)
    assert 1 <= columns <= count
    rows = -(-count // columns)
    if count > 16 and 0.5 < height / width < 2:
        assert 0.4 < (rows * height) / (columns * width) < 2.5


@pytest.mark.parametrize("name", ["fusion-17.0.frames", "layer~2f1-3.flow"])
def test_a_name_with_dots_stays_whole(tmp_path, name):
    assert Shelf(tmp_path).strip(name, pictures())["src"].startswith(f"media/{name}.")
