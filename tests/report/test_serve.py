import threading
import urllib.request

import pytest

from kinetoscope.errors import EvidenceError
from kinetoscope.report.serve import address_of, serving


def test_a_report_is_served_to_this_machine_only(tmp_path):
    (tmp_path / "index.html").write_text("<h1>here</h1>")
    with serving(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert address_of(server).startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address_of(server)) as answer:
            assert answer.read() == b"<h1>here</h1>"
            assert answer.headers["Cache-Control"] == "no-cache"
        server.shutdown()


def test_a_folder_without_a_report_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match="holds no report"), serving(tmp_path):
        pass
