"""Motion that is known, and a cache that forgets what it must."""

import multiprocessing
import os

import pytest
import torch

from kinetoscope.errors import UnknownNameError, VideoError
from kinetoscope.video.flow import FlowCache, _estimator, cached_flow, flow_between

CONTENT = "0" * 32


def texture(right, down):
    """A smooth pattern, a value at every point of the plane [pixels]."""
    waves = [
        torch.sin(right * 0.9 + down * 0.31 + 1.0) + torch.sin(right * 0.23 - down * 0.7),
        torch.sin(right * 0.5 - down * 0.2) + torch.sin(right * 0.11 + down * 0.83 + 2.0),
        torch.sin(right * 0.37 + down * 0.61) + torch.sin(-right * 0.7 + down * 0.29 + 0.5),
    ]
    return 0.5 + torch.stack(waves, dim=-1) / 5


def moving(right, down, *, time=3, height=64, width=80):
    """Frames of a texture that moves so much each frame, right and down [pixels]."""
    rows, columns = torch.meshgrid(
        torch.arange(height).double(), torch.arange(width).double(), indexing="ij"
    )
    frames = [texture(columns - t * right, rows - t * down) for t in range(time)]
    return (torch.stack(frames) * 255).round().to(torch.uint8)


@pytest.mark.parametrize("motion", [(0.5, 0.0), (1.3, -0.7), (-2.25, 1.5), (0.0, 0.0)])
@pytest.mark.parametrize("method", ["dis", "tvl1"])
def test_a_texture_moves_by_what_it_was_moved(method, motion):
    time = 3 if method == "dis" else 2
    flow = flow_between(moving(*motion, time=time), method=method)
    assert (flow.dtype, tuple(flow.shape)) == (torch.float32, (2, time, 64, 80))
    inside = flow[:, :, 6:-6, 6:-6].flatten(1)
    assert inside.median(dim=1).values.tolist() == pytest.approx(motion, abs=0.1)
    assert (inside.mean(dim=1) - torch.tensor(motion)).abs().max() < 0.15


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (32, 24), (64, 64), (240, 320)])
def test_small_and_odd_frames_have_flow_too(size):
    height, width = size
    flow = flow_between(moving(0.5, -0.25, time=2, height=height, width=width))
    inside = flow[:, 0, 4:-4, 4:-4].flatten(1)
    assert inside.median(dim=1).values.tolist() == pytest.approx([0.5, -0.25], abs=0.1)


def test_the_last_is_repeated_and_one_frame_stands_still():
    flow = flow_between(moving(1.0, 0.0, time=4))
    assert torch.equal(flow[:, -1], flow[:, -2])
    assert not flow_between(moving(1.0, 0.0, time=1)).any()


def test_each_pair_of_frames_is_looked_at_alone():
    frames = moving(1.5, 0.5, time=4)
    assert torch.equal(flow_between(frames)[:, 1], flow_between(frames[1:3])[:, 0])


def test_frames_that_are_not_contiguous_are_taken():
    frames = moving(1.0, 0.5)
    stepped = frames.repeat_interleave(2, dim=0)[::2]
    turned = frames.transpose(1, 2).contiguous().transpose(1, 2)
    assert not any(frames.is_contiguous() for frames in (stepped, turned))
    assert torch.equal(flow_between(stepped), flow_between(frames))
    assert torch.equal(flow_between(turned), flow_between(frames))


@pytest.mark.parametrize("size", [(15, 64), (64, 8), (1, 1)])
def test_frames_below_a_patch_are_refused(size):
    frames = torch.zeros(2, *size, 3, dtype=torch.uint8)
    with pytest.raises(VideoError, match="too small for optical flow"):
        flow_between(frames)


def test_a_method_that_is_not_there_is_refused():
    with pytest.raises(UnknownNameError, match="expected: one of dis, tvl1"):
        _estimator("diss")


def _counting(flow):
    calls = []

    def compute():
        calls.append(1)
        return flow

    return compute, calls


def test_what_is_kept_is_not_computed_again(tmp_path):
    cache, flow = FlowCache(tmp_path / "flow"), flow_between(moving(1.0, 0.5))
    compute, calls = _counting(flow)
    first = cached_flow(cache, CONTENT, ("dis", 64), compute)
    again = cached_flow(FlowCache(tmp_path / "flow"), CONTENT, ("dis", 64), compute)
    assert (len(calls), first.dtype) == (1, torch.float16)
    assert torch.equal(first, again)
    assert torch.equal(cached_flow(None, CONTENT, ("dis", 64), compute), first)
    assert (first.float() - flow).abs().max() < 0.005


@pytest.mark.parametrize(("content", "settings"), [("1" * 32, ("dis", 64)), (CONTENT, ("dis", 65))])
def test_other_content_and_other_settings_are_computed(tmp_path, content, settings):
    cache = FlowCache(tmp_path)
    compute, calls = _counting(torch.zeros(2, 1, 16, 16))
    cached_flow(cache, CONTENT, ("dis", 64), compute)
    cached_flow(cache, content, settings, compute)
    assert len(calls) == 2


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "other"])
def test_a_spoilt_file_is_computed_again(tmp_path, harm):
    cache, flow = FlowCache(tmp_path), torch.rand(2, 3, 16, 16)
    compute, calls = _counting(flow)
    kept = cached_flow(cache, CONTENT, "s", compute)
    (path,) = tmp_path.glob("*/*.safetensors")
    data = bytearray(path.read_bytes())
    data[-100] ^= 0x10
    spoilt = {"cut": data[:500], "flipped": data, "emptied": b"", "other": b"not flow" * 99}
    path.write_bytes(spoilt[harm])
    assert torch.equal(cached_flow(cache, CONTENT, "s", compute), kept)
    assert len(calls) == 2
    assert torch.equal(cached_flow(cache, CONTENT, "s", compute), kept)
    assert len(calls) == 2


def test_the_cache_stays_within_its_bound_and_forgets_what_was_not_used(tmp_path):
    limit = 20 * 4300  # a flow of 4,096 bytes and its header
    cache = FlowCache(tmp_path, limit_bytes=limit)
    compute, calls = _counting(torch.zeros(2, 4, 16, 16))
    for number in range(60):
        cached_flow(cache, CONTENT, number, compute)
        if number >= 10:
            cached_flow(cache, CONTENT, 0, compute)  # used all along
        size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
        assert size <= limit * 17 // 16 + 4300
        _age(tmp_path)
    before = len(calls)
    cached_flow(cache, CONTENT, 0, compute)
    cached_flow(cache, CONTENT, 59, compute)
    assert len(calls) == before
    cached_flow(cache, CONTENT, 12, compute)
    assert len(calls) == before + 1


def test_a_folder_that_can_not_be_written_costs_only_time(tmp_path):
    (tmp_path / "flow").write_text("a file, where the folder should be")
    compute, calls = _counting(torch.zeros(2, 1, 16, 16))
    cached_flow(FlowCache(tmp_path / "flow"), CONTENT, "s", compute)
    assert len(calls) == 1


def _fill(folder, seed):
    cache = FlowCache(folder, limit_bytes=60_000)
    for number in range(40):
        flow = torch.full((2, 4, 16, 16), float(number))
        found = cached_flow(cache, CONTENT, number, lambda flow=flow: flow)
        assert torch.equal(found, flow.half()), (seed, number)


@pytest.mark.slow
def test_several_processes_share_a_folder(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_fill, args=(tmp_path, seed)) for seed in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert not list(tmp_path.rglob(".aside-*"))


def _age(folder):
    """Let a second pass for every file."""
    for path in folder.rglob("*.safetensors"):
        stat = path.stat()
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**9))
