import pytest
import torch

from kinetoscope.clips.clip import Clip, ClipBatch
from kinetoscope.clips.spec import ClipSpec
from kinetoscope.errors import ClipError

BOTH = ClipSpec(streams=("frames", "flow"))


def clip_of(*, time=2, height=4, width=5, flow=True) -> Clip:
    return Clip(
        frames=torch.rand(3, time, height, width),
        flow=torch.randn(2, time, height, width) if flow else None,
        source=f"{time} frames",
    )


# known answers


def test_a_clip_knows_its_extent():
    clip = clip_of(time=3)
    assert (clip.time, clip.size) == (3, (4, 5))


def test_a_batch_has_the_streams_that_the_spec_names():
    clips = [clip_of(), clip_of()]
    batch = ClipBatch.of(clips, ClipSpec())
    assert batch.flow is None
    assert torch.equal(batch.stream("frames")[1], clips[1].frames)
    assert len(batch) == 2
    assert ClipBatch.of(clips, BOTH).stream("flow").shape == (2, 2, 2, 4, 5)


def test_a_batch_without_spec_has_the_flow_that_every_clip_has():
    assert ClipBatch.of([clip_of(), clip_of()]).flow is not None
    assert ClipBatch.of([clip_of(), clip_of(flow=False)]).flow is None


def test_a_batch_is_the_same_in_any_layout_of_memory():
    clips = [clip_of(), clip_of()]
    plain = ClipBatch.of(clips, BOTH)
    found = ClipBatch.of(clips, BOTH, layout=torch.channels_last_3d)
    for stream in BOTH.streams:
        assert torch.equal(found.stream(stream), plain.stream(stream))
        assert plain.stream(stream).is_contiguous()
        assert found.stream(stream).is_contiguous(memory_format=torch.channels_last_3d)


def test_a_batch_moves_to_another_precision():
    batch = ClipBatch.of([clip_of()]).to("cpu", torch.float64)
    assert batch.stream("frames").dtype == batch.stream("flow").dtype == torch.float64


# refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": torch.rand(2, 4, 5)}, "frames of the clip from a.mp4 must be 3 x time"),
        ({"frames": torch.rand(4, 2, 4, 5)}, "must be 3 x time"),
        ({"frames": torch.rand(3, 0, 4, 5)}, "none of them empty"),
        ({"frames": torch.full((3, 2, 4, 5), -0.1)}, r"(?s)display space.*denormalize"),
        ({"frames": torch.full((3, 2, 4, 5), torch.nan)}, "display space"),
        ({"flow": torch.zeros(3, 2, 4, 5)}, "flow of the clip from a.mp4 must be 2 x time"),
        ({"flow": torch.zeros(2, 1, 4, 5)}, "flow and frames of the clip from a.mp4 differ"),
        ({"flow": torch.full((2, 2, 4, 5), torch.nan)}, "is not a number everywhere"),
        ({"seconds": (0.0,)}, "got:      1 times"),
    ],
    ids=[
        "rank",
        "channels",
        "empty",
        "dark",
        "nan",
        "flow channels",
        "flow size",
        "flow nan",
        "seconds",
    ],
)
def test_a_clip_that_is_none_is_refused(change, message):
    right = {
        "frames": torch.rand(3, 2, 4, 5),
        "flow": torch.zeros(2, 2, 4, 5),
        "seconds": (0.0, 1.0),
    }
    with pytest.raises(ClipError, match=message):
        Clip(**(right | change), source="a.mp4")


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ClipError, match="an empty list"):
        ClipBatch.of([])
    with pytest.raises(ClipError, match="no stream"):
        ClipBatch()


def test_clips_of_different_sizes_are_refused():
    with pytest.raises(ClipError, match="clip from 3 frames does not fit in a batch"):
        ClipBatch.of([clip_of(), clip_of(time=3)])


def test_a_stream_that_is_missing_is_refused():
    with pytest.raises(ClipError, match="clip from 2 frames has no flow"):
        ClipBatch.of([clip_of(flow=False)], BOTH)
    with pytest.raises(ClipError, match="the network takes flow"):
        ClipBatch.of([clip_of(flow=False)]).stream("flow")
