import pytest
import torch

from kinetoscope.clips.clip import ClipBatch
from kinetoscope.errors import ClipError
from kinetoscope.networks.zoo import build_network
from kinetoscope.units.reading import read
from kinetoscope.units.receptive import receptive_fields

TOY = "st_resnet50_toy"

TWO_TOWERS = 23_714_981 + 23_768_293
"""ResNet-50 of 101 labels, over frames and over the stacked flow of ten."""


@pytest.fixture
def toy():
    torch.manual_seed(0)
    return build_network(TOY).eval()


def on_meta(name, **options):
    with torch.device("meta"):
        return build_network(name, **options)


def test_weights_are_those_of_two_towers_and_of_filters_over_time():
    # two of three parts of the first and last convolution of four units, in both towers
    more = 2 * sum(2 * 2 * inside * 4 * inside for inside in (64, 128, 256, 512))
    assert on_meta("st_resnet50").weights_count == TWO_TOWERS + more
    assert on_meta("st_resnet50", time=1).weights_count == TWO_TOWERS


def test_shapes_are_those_of_the_table(shapes_of, table_of):
    shapes, table = shapes_of(on_meta("st_resnet50")), table_of("st_resnet")
    assert shapes["fusion_res2a"] == table.pop("fusion_res2a")
    for layer in table.keys() & {name.partition(".")[2] for name in shapes}:
        assert shapes[f"appearance.{layer}"] == shapes[f"motion.{layer}"] == table[layer]


@pytest.mark.slow
def test_the_last_unit_sees_seventeen_chunks():
    """255 frames in the paper, whose chunks are 15 frames apart; here they lie 10 apart."""
    network = build_network(TOY, chunks=19, chunk=1, gathered=19)
    fields = receptive_fields(network, ["appearance.res5b_relu", "motion.res5b_relu"])
    assert [field.size[0] for field in fields.values()] == [17, 17]


@pytest.mark.slow
@torch.no_grad()
def test_motion_is_added_to_what_appearance_looks_at_and_not_to_what_it_carries(toy, clips_for):
    batch = clips_for(toy)
    for stage in ("res2", "res3", "res4", "res5"):
        first, second = f"{stage}a", f"{stage}b"
        names = [f"appearance.{first}", f"motion.{first}", f"appearance.{second}"]
        appearance, motion, answer = read(toy, batch, names).values()
        seen = appearance + motion.relu()
        fused = read(toy, batch, [f"fusion_{first}"])[f"fusion_{first}"]
        torch.testing.assert_close(fused, seen)
        unit = toy.layer(f"appearance.{second}")
        residue = unit.c(unit.b(unit.a(seen)))
        torch.testing.assert_close(answer, appearance.relu() + residue)


@torch.no_grad()
def test_appearance_sees_motion_and_motion_does_not_see_appearance(toy, clips_for):
    batch = clips_for(toy)
    still = ClipBatch(frames=batch.frames, flow=torch.zeros_like(batch.flow))
    blind = ClipBatch(frames=torch.zeros_like(batch.frames), flow=batch.flow)
    appearance, motion = toy.branches(batch)
    assert not torch.allclose(toy.branches(still)[0], appearance)
    assert torch.equal(toy.branches(blind)[1], motion)


@torch.no_grad()
def test_the_answer_is_the_mean_of_both_predictions(toy, clips_for):
    batch = clips_for(toy, 2)
    appearance, motion = (branch.softmax(dim=1) for branch in toy.branches(batch))
    torch.testing.assert_close(toy(batch), (appearance + motion) / 2)


@pytest.mark.slow
@torch.no_grad()
def test_eleven_chunks_are_gathered_by_fives_every_second_time(clips_for):
    network = build_network(TOY, chunks=11, gathered=5).eval()
    (found,) = read(network, clips_for(network), ["appearance.gather"]).values()
    assert found.shape[2] == 4
    (before,) = read(network, clips_for(network), ["appearance.res5b_relu"]).values()
    torch.testing.assert_close(found[:, :, 1], before[:, :, 2:7].amax(dim=2))


def test_refuses_clips_of_too_few_chunks(toy):
    with pytest.raises(ClipError, match="9 frames of 32 x 32 or more"):
        toy.model(torch.rand(1, 3, 6, 64, 64), torch.rand(1, 2, 6, 64, 64))
