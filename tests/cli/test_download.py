import hashlib

from click.testing import CliRunner
from torchvision.models.video import R3D_18_Weights

from kinetoscope.cli.main import main


def run(*arguments):
    return CliRunner().invoke(main, ["download", *arguments])


def test_says_where_the_weights_are(tmp_path, monkeypatch):
    content = b"weights"
    name = f"r3d_18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(R3D_18_Weights.KINETICS400_V1.value, "url", f"file://{tmp_path / name}")
    answered = run("torchvision:r3d_18")
    assert answered.exit_code == 0, answered.output
    kept = tmp_path / "torch" / "hub" / "checkpoints" / name
    assert answered.stdout.splitlines()[-1] == str(kept)
    assert kept.read_bytes() == content


def test_refuses_a_network_that_nobody_released(tmp_path):
    answered = run("c3d")
    assert answered.exit_code == 1
    assert "no weights of c3d are published" in answered.stderr
