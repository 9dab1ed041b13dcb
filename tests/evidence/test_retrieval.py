import copy
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from kinetoscope.clips.catalog import Catalog, Entry
from kinetoscope.clips.open import open_entry
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import EvidenceError, UnknownNameError
from kinetoscope.evidence.examples.kept import kept_clip
from kinetoscope.evidence.examples.views import kept_views
from kinetoscope.evidence.retrieval import class_means, dead_units, top_clips, write_retrieval
from kinetoscope.evidence.scan import scan
from kinetoscope.networks.network import Network
from kinetoscope.units.objective import label
from kinetoscope.units.unit import Unit
from tests.evidence.boxes import PLACES, SPEC, Brightness, write_video

LIGHT, DARK, DEAD = (Unit("relu", channel) for channel in range(3))


# Known answer


def test_the_lightest_clips_come_first_with_the_box_that_is_light(scanned):
    best, second, *_ = top_clips(scanned, LIGHT)
    assert (best.clip, second.clip) == (6, 5)
    assert best.place == PLACES[6]
    assert best.box == ((2, 4), (0, 16), (16, 32))
    assert best.second == pytest.approx(2 / 8)
    assert best.activation == pytest.approx(0.9, abs=0.01)
    assert (best.label, best.predicted) == ("light", "light")
    assert best.path == "6 <b>'é.mp4"


def test_the_least_exciting_clips_come_last(scanned):
    hits = top_clips(scanned, LIGHT, 2, lowest=True)
    assert [hit.clip for hit in hits] == [0, 1]


def test_units_that_nothing_excites_are_dead(scanned):
    assert dead_units(scanned) == [DEAD]
    assert dead_units(scanned, epsilon=0.7) == [DARK, DEAD]


def test_the_mean_of_each_label(scanned):
    means = class_means(scanned, LIGHT)
    assert list(means) == ["light", "dark"]
    assert means["light"] == pytest.approx(np.mean([0.8, 0.85, 0.9]), abs=0.01)
    assert means["dark"] == pytest.approx(np.mean([0.6, 0.65, 0.7]), abs=0.01)


def test_a_video_is_among_the_top_clips_only_once(network, catalog, tmp_path):
    network.expects = replace(network.expects, frames=2)
    found = scan(network, catalog, tmp_path / "scan", clips=4)
    hits = top_clips(found, LIGHT, 4)
    assert [hit.path[0] for hit in hits] == ["6", "5", "4", "2"]
    assert hits[0].clip == 4 * 6 + 1
    assert hits[0].second == pytest.approx(2 / 8)


# Slow twin


def test_agrees_with_sorting_the_largest_answers(scanned):
    for unit in (LIGHT, DARK):
        answers = scanned.maxima("relu")[:, unit.channel]
        seen = [clip for clip in range(len(answers)) if not answers[clip].isnan()]
        expected = sorted(seen, key=lambda clip: (-answers[clip].item(), clip))
        assert [hit.clip for hit in top_clips(scanned, unit, 99)] == expected


# Promises


@pytest.fixture
def written(network, catalog, scanned, tmp_path):
    units, folder = [LIGHT, DARK, DEAD], tmp_path / "retrieval"
    return write_retrieval(network, catalog, scanned, units, folder, 2, others=0)


def test_the_evidence_holds_what_each_unit_likes(written):
    light, _, dead = written.answer["units"]
    assert (light["unit"], light["layer"], light["channel"]) == ("relu:0", "relu", 0)
    assert light["largest"] == pytest.approx(0.9, abs=0.01)
    assert light["dead"] is False
    assert dead["dead"] is True
    assert light["top_labels"] == {"dark": 3, "light": 3}
    assert list(light["profile"]) == ["light", "dark"]
    assert [hit["clip"] for hit in light["top"]] == [6, 5]
    assert light["top"][0]["box"] == [[2, 4], [0, 16], [16, 32]]
    assert light["top"][0]["place"] == list(PLACES[6])


def test_the_evidence_holds_the_clips_themselves(written, catalog, network):
    clips = written.answer["clips"]
    wanted = {hit["clip"] for unit in written.answer["units"] for hit in unit["top"]}
    assert set(clips) == {str(clip) for clip in wanted}
    assert clips["6"]["path"] == "6 <b>'é.mp4"
    assert clips["6"]["error"] is None
    arrays = kept_clip(written.folder / clips["6"]["arrays"])
    assert set(arrays) == {"frames"}
    expected = open_entry(catalog.entries[6], network.expects).frames
    torch.testing.assert_close(arrays["frames"].permute(3, 0, 1, 2) / 255, expected)
    files = {path.name for path in (written.folder / "clips").iterdir()}
    assert files == {f"{clip}.npz" for clip in wanted}


def test_the_motion_is_kept_where_the_network_sees_it(catalog, network, tmp_path):
    class Both(Brightness):
        def forward(self, frames, flow):
            return super().forward(frames) + flow.mean()

    spec = ClipSpec(**{**network.expects.to_json(), "streams": ("frames", "flow")})
    both = Network(Both(), labels=network.labels, expects=spec, name="both", layers=["relu"])
    found = scan(both, catalog, tmp_path / "scan")
    written = write_retrieval(both, catalog, found, [LIGHT], tmp_path / "retrieval", 1)
    arrays = kept_clip(written.folder / written.answer["clips"]["6"]["arrays"])
    assert arrays["flow"].shape == (2, 8, 32, 32)
    assert arrays["flow"].dtype == torch.float16


def test_evidence_that_is_there_is_read(network, catalog, scanned, written):
    before = written.folder.stat().st_ctime_ns
    units = [LIGHT, DARK, DEAD]
    again = write_retrieval(network, catalog, scanned, units, written.folder, 2, others=0)
    assert again == written
    assert written.folder.stat().st_ctime_ns == before


def test_a_video_that_has_gone_since_is_told_and_the_rest_is_written(network, tmp_path):
    entries = []
    for number in range(2):
        path = tmp_path / f"{number}.mp4"
        write_video(path, 0.7 + 0.1 * number, (0, 0, 0))
        entries.append(Entry(path=path, label="light"))
    made = Catalog(name="two", root=tmp_path, labels=("light", "dark"), entries=tuple(entries))
    found = scan(network, made, tmp_path / "scan")
    entries[1].path.unlink()
    clips = write_retrieval(network, made, found, [LIGHT], tmp_path / "retrieval").answer["clips"]
    assert clips["1"]["arrays"] is None
    assert "1.mp4" in clips["1"]["error"]
    assert clips["0"]["error"] is None


@pytest.fixture
def viewed(network, catalog, scanned, tmp_path):
    asked = [LIGHT, DEAD, label("light") - label("dark")]
    return write_retrieval(
        *(network, catalog, scanned, asked, tmp_path / "retrieval", 2),
        others=2,
        also=[4],
        views=[LIGHT, DEAD],
    )


def test_the_middle_the_least_and_further_clips_are_kept(viewed):
    light, _ = viewed.answer["units"]
    assert [hit["clip"] for hit in light["middle"]] == [4, 2]
    assert [hit["clip"] for hit in light["bottom"]] == [0, 1]
    assert (light["excited"], light["videos"]) == (6, 6)
    assert set(viewed.answer["clips"]) == {"0", "1", "2", "4", "5", "6"}
    table = pl.read_csv(viewed.folder / "clips-of-units.csv")
    assert table.filter(unit="relu:0", which="middle", rank=1)["clip"].to_list() == [4]


def test_objectives_are_told_beside_units(viewed):
    (found,) = viewed.answer["objectives"]
    assert found["objective"] == "label:light - label:dark"
    assert [hit["clip"] for hit in found["top"]] == [6, 5]
    assert found["top"][0]["place"] is None


def test_what_excites_a_unit_is_led_back_within_its_box(viewed):
    light, dead = viewed.answer["units"]
    found = kept_views(viewed.folder / light["views"])
    rules = ("deconvolved", "gradient")
    assert set(found) == {f"{rule} {number} frames" for rule in rules for number in (0, 1)}
    for view in found.values():
        torch.testing.assert_close(view, torch.full((3, 2, 16, 16), 1 / (3 * 2 * 16 * 16)))
    assert dead["views"] is None
    assert viewed.answer["refused"] == []


def test_a_rule_without_meaning_is_told_and_the_others_are_written(catalog, tmp_path):
    class Smooth(Brightness):
        def __init__(self):
            super().__init__()
            self.relu = torch.nn.GELU()

    made = Network(Smooth(), labels=["light", "dark"], expects=SPEC, name="smooth", layers=["relu"])
    found = scan(made, catalog, tmp_path / "scan")
    answer = write_retrieval(
        made, catalog, found, [LIGHT], tmp_path / "retrieval", 1, views=[LIGHT]
    ).answer
    (refused,) = answer["refused"]
    assert (refused["layer"], refused["rule"]) == ("relu", "deconvolved")
    assert "Gelu" in refused["error"]
    names = set(kept_views(tmp_path / "retrieval" / answer["units"][0]["views"]))
    assert names == {"gradient 0 frames"}


# Refusals


def test_refuses_further_clips_that_the_scan_does_not_have(network, catalog, scanned, tmp_path):
    with pytest.raises(UnknownNameError, match="no such clips"):
        write_retrieval(network, catalog, scanned, [LIGHT], tmp_path / "retrieval", also=[7])


@pytest.mark.parametrize(
    ("unit", "message"),
    [(Unit("rely", 0), "near: relu"), (Unit("relu", 3), "a channel from 0 to 2 of relu")],
)
def test_refuses_a_unit_that_was_not_scanned(scanned, unit, message):
    with pytest.raises(UnknownNameError, match=message):
        top_clips(scanned, unit)


def test_refuses_a_scan_of_another_network(network, catalog, scanned, tmp_path):
    other = copy.deepcopy(network.model)
    other.boxes.bias.data += 1
    changed = Network(other, labels=network.labels, expects=network.expects, name="other")
    with pytest.raises(EvidenceError, match="is not of other and boxes"):
        write_retrieval(changed, catalog, scanned, [LIGHT], tmp_path / "retrieval")


def test_refuses_a_scan_of_another_catalog(network, catalog, scanned, tmp_path):
    fewer = replace(catalog, entries=catalog.entries[:2])
    with pytest.raises(EvidenceError, match="is not of planted and boxes"):
        write_retrieval(network, fewer, scanned, [LIGHT], tmp_path / "retrieval")
