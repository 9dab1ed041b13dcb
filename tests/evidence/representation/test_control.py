import torch

from kinetoscope.evidence.representation.control import scan_with_random_weights


def test_the_same_clips_and_layers_are_answered_otherwise(colour_scan, random_scan, colours):
    assert list(random_scan.layers) == list(colour_scan.layers)
    assert random_scan.clips["path"].to_list() == colour_scan.clips["path"].to_list()
    assert random_scan.provenance.catalog == colour_scan.provenance.catalog
    assert random_scan.provenance.weights_hash != colours.weights_hash
    assert colour_scan.provenance.weights_hash == colours.weights_hash
    difference = random_scan.means("colour") - colour_scan.means("colour")
    assert difference.nan_to_num().abs().max() > 0.1


def test_the_same_seed_gives_the_same_answers(colours, colour_videos, random_scan, tmp_path):
    again = scan_with_random_weights(colours, colour_videos, tmp_path / "scan", layers=["colour"])
    torch.testing.assert_close(again.means("colour"), random_scan.means("colour"), equal_nan=True)
