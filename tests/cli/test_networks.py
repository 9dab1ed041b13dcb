import json
import subprocess
import sys
import time

from click.testing import CliRunner

from kinetoscope.cli.networks import command
from kinetoscope.networks.zoo import ZOO


def test_every_network_is_listed_with_its_weights():
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    for name, row in ZOO.items():
        (line,) = [line for line in result.output.splitlines() if line.split()[0] == name]
        assert f"{row.weights:,}" in line
        assert row.source in line


def test_the_table_is_printed_as_json():
    listed = json.loads(CliRunner().invoke(command, ["--json"]).output)
    assert list(listed) == list(ZOO)
    assert listed["two_stream_vgg16"]["weights"] == 283_514_762
    assert listed["two_stream_vgg16"]["streams"] == ["frames", "flow"]


def test_it_answers_at_once_without_torch():
    code = (
        "import sys; from kinetoscope.cli.main import main;"
        "main(['networks'], standalone_mode=False); print('torch' in sys.modules)"
    )
    times = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        assert done.stdout.endswith("False\n"), done.stderr
    assert min(times) < 0.5
