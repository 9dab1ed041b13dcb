import subprocess
import sys

import pytest

from kinetoscope.networks.listings import ZOO


def test_the_table_is_read_without_loading_torch_or_numpy():
    code = (
        "import sys, kinetoscope.networks.listings;"
        " print([name for name in ('torch', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", [name for name, row in ZOO.items() if row.published])
def test_an_accuracy_comes_with_its_protocol(name):
    published = ZOO[name].published
    assert 0 < published.top1 < 100
    assert published.on
    assert published.protocol
