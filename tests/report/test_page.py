import base64
import hashlib
import json
import re
import shutil
import subprocess

import pytest

from kinetoscope.report.page import (
    LIBRARIES,
    START,
    VIEWER,
    embedded_json,
    handing_over,
    module_files,
    modules,
    page,
)

UNFRIENDLY = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    '"quotes" and \\backslashes\\',
    "<img src=x onerror=alert(1)>",
    "日本語 \u2028 \u2029 é",
    "not UTF-8: \udcff",
]


@pytest.mark.parametrize("text", UNFRIENDLY, ids=ascii)
def test_any_text_comes_back_from_a_script_element(text):
    embedded = embedded_json({"label": text})
    assert json.loads(embedded)["label"] == text
    assert "<" not in embedded
    embedded.encode("utf-8")


def test_a_page_says_of_its_title_only_text():
    written = page({}, title="</title><script>", version="1", libraries=[])
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in written


def test_a_page_is_the_same_each_time():
    first, second = (page({"a": [1]}, title="t", version="1", libraries=["x"]) for _ in range(2))
    assert first == second


def test_the_policy_allows_the_page_its_own_scripts_and_no_others():
    written = page({}, title="t", version="1", libraries=["viewer/d3.js"])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', written)[1]
    allowed = set(re.findall(r"sha256-([^&]+)&#x27;", policy))
    inline = re.findall(r'<script type="(?:importmap|module)">(.*?)</script>', written, re.DOTALL)
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline}
    assert allowed == hashes
    assert "default-src &#x27;none&#x27;" in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy


def test_every_module_that_is_imported_is_in_the_map():
    known = modules()
    for path in module_files():
        for name in re.findall(r'\bfrom "([^"]+)";', path.read_text()):
            assert name in known, f"{path.name} imports {name}"
    assert re.search('"(.+)"', START)[1] in known


@pytest.mark.parametrize("path", module_files(), ids=lambda path: path.stem)
def test_a_module_parses_is_checked_and_makes_no_markup_of_text(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// @ts-check\n//")
    for forbidden in ("innerHTML =", "outerHTML", "insertAdjacentHTML", "document.write"):
        assert forbidden not in text
    assert not re.search(
        r"\bfetch\(|\beval\(|XMLHttpRequest|https?://(?!www\.w3\.org/2000/svg)", text
    )
    if not (node := shutil.which("node")):
        pytest.skip("needs node to parse the viewer's modules")
    checked = subprocess.run(
        [node, "--input-type=module", "--check"], input=text, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


def test_vendored_libraries_come_with_their_licence_and_version():
    notes = (VIEWER / "vendor" / "README.md").read_text()
    for name in LIBRARIES:
        stem = name.split(".")[0]
        head = (VIEWER / "vendor" / name).read_text(encoding="utf-8")[:200]
        version = re.search(r" v([0-9.]+) ", head)[1]
        assert f"| {name} |" in notes
        assert f"| {version} |" in notes
        assert "Permission to use" in (VIEWER / "vendor" / f"{stem}.LICENSE").read_text()


def test_a_part_is_handed_over_as_data_alone():
    assert handing_over(["</script>"]) == 'kinetoscope.take(["\\u003c/script>"]);\n'
