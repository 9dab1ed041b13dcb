"""Maps lie where their places look."""

import torch

from kinetoscope.evidence.attribution.methods.lineage import lineage_of, part_of
from kinetoscope.evidence.attribution.methods.placing import brought_to
from kinetoscope.units.receptive import ReceptiveField
from tests.evidence.attribution.methods.pooled import BOTH, Fused, network_of


def line(native, extent, field=None):
    """Along time alone."""
    return brought_to((extent, 1, 1), torch.tensor(native)[:, None, None], field)[:, 0, 0]


def test_a_map_is_interpolated_between_the_middles_of_its_places():
    field = ReceptiveField(size=(3, 1, 1), stride=(2, 1, 1), start=(0, 0, 0))  # middles 1, 3, 5
    found = line([0.0, 1.0, 3.0], 8, field)
    torch.testing.assert_close(found, torch.tensor([0, 0, 0.5, 1, 2, 3, 3, 3]))


def test_without_a_field_places_tile_the_clip():
    found = line([0.0, 1.0], 4)  # middles 0.5 and 2.5
    torch.testing.assert_close(found, torch.tensor([0.0, 0.25, 0.75, 1.0]))


def test_as_torch_stretches_where_places_tile_the_clip():
    native = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(0))
    expected = torch.nn.functional.interpolate(
        native[None, None], (8, 12, 12), mode="trilinear", align_corners=False
    )
    torch.testing.assert_close(brought_to((8, 12, 12), native), expected[0, 0])


def test_one_place_is_everywhere():
    assert line([0.7], 5).tolist() == torch.full((5,), 0.7).tolist()


def test_the_field_of_a_layer_with_a_step_puts_its_first_place_at_the_first_pixel():
    field = lineage_of(network_of(Fused(), BOTH)).receptive_field(
        "motion"
    )  # a step of 2, padded by 1
    native = torch.zeros(3, 6, 6)
    native[1, 2, 3] = 1.0
    found = brought_to((6, 12, 12), native, field)
    assert found[2, 4, 6] == 1.0
    assert found.sum() == 8.0


def test_a_layer_tells_of_the_stream_that_it_hears():
    network = network_of(Fused(), BOTH)
    assert [part_of(network, name) for name in ("appearance", "motion.conv1", "fusion")] == [
        "frames",
        "flow",
        "both",
    ]
