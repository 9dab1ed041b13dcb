import torch

from kinetoscope.clips.clip import Clip
from kinetoscope.evidence.examples.kept import keep_clip, kept_clip


def test_frames_are_kept_to_the_byte_and_flow_to_a_64th_of_a_pixel(tmp_path):
    frames = torch.randint(256, (3, 4, 6, 5)) / 255
    flow = torch.linspace(-9, 9, 2 * 4 * 6 * 5).reshape(2, 4, 6, 5)
    keep_clip(tmp_path / "0.npz", Clip(frames=frames, flow=flow))
    found = kept_clip(tmp_path / "0.npz")
    assert torch.equal(found["frames"].permute(3, 0, 1, 2) / 255, frames)
    assert found["flow"].dtype == torch.float16
    torch.testing.assert_close(found["flow"].float(), flow, rtol=0, atol=0.5 / 64 + 1e-6)


def test_the_same_clip_gives_the_same_bytes(tmp_path):
    clip = Clip(frames=torch.rand(3, 4, 6, 5))
    for name in ("0", "1"):
        keep_clip(tmp_path / name, clip)
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
    assert set(kept_clip(tmp_path / "0")) == {"frames"}
