"""How does a page open by double click, and load nothing from outside its folder?

Browsers refuse module scripts and `fetch` from disk. So the viewer's modules stand in the page, as
`data:` addresses that an import map gives their names; data stands in the page as JSON, or in
scripts beside it that hand over JSON; libraries are classic scripts. A content security policy
names what may run.
"""

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VIEWER = Path(__file__).parent / "viewer"
LIBRARIES = ("d3.min.js", "plot.min.js")
STYLES = (
    "colours",
    "text",
    "topbar",
    "page",
    "overview",
    "player",
    "plate",
    "measures",
    "unit",
    "cards",
    "charts",
    "attribution",
    "narrow",
)
START = 'import "kinetoscope/main";'

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Kinetoscope {version}">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
<script type="importmap">{imports}</script>
{libraries}
</head>
<body>
<noscript>This report needs JavaScript. It loads nothing from outside its folder.</noscript>
<script type="application/json" id="look">{look}</script>
<script type="module">{start}</script>
</body>
</html>
"""


def page(look: Any, *, title: str, version: str, libraries: Sequence[str]) -> str:
    """The report's index.html.

    Args:
        look: what the viewer shows first, as plain values.
        title: of the window, any text.
        version: of Kinetoscope.
        libraries: addresses of the classic scripts, relative to the page.
    """
    imports = embedded_json({"imports": modules()})
    return _PAGE.format(
        policy=html.escape(_policy(imports, START)),
        version=html.escape(version),
        title=html.escape(title),
        style=style(),
        imports=imports,
        libraries="\n".join(f'<script src="{html.escape(each)}"></script>' for each in libraries),
        look=embedded_json(look),
        start=START,
    )


def embedded_json(value: Any) -> str:
    r"""JSON that can stand in a script element or in a script, whatever text is in it.

    >>> embedded_json({"label": "</script><script>alert(1)"})
    '{"label":"\\u003c/script>\\u003cscript>alert(1)"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # A file name that is not UTF-8 comes as lone surrogates; JSON has an escape for them.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def handing_over(value: Any) -> str:
    """A script that hands a part of the data to the viewer, which knows it by its address."""
    return f"kinetoscope.take({embedded_json(value)});\n"


def modules() -> dict[str, str]:
    """The name of each of the viewer's modules, and the module itself as a `data:` address."""
    return {
        f"kinetoscope/{path.relative_to(VIEWER).with_suffix('').as_posix()}": _address(path)
        for path in module_files()
    }


def module_files() -> list[Path]:
    """The viewer's own modules, without the libraries."""
    return [path for path in sorted(VIEWER.rglob("*.js")) if "vendor" not in path.parts]


def style() -> str:
    """The viewer's style sheets as one, each after those it builds on."""
    sheets = (VIEWER / "style" / f"{name}.css" for name in STYLES)
    return "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def _address(path: Path) -> str:
    name = path.relative_to(VIEWER).as_posix()
    text = f"{path.read_text(encoding='utf-8')}\n//# sourceURL=kinetoscope/{name}\n"
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"


def _policy(*inline: str) -> str:
    """What may run and load: this page's own scripts, and files beside it.

    From disk no policy can say "this folder only"; `file:` is the narrowest there is. Pages that
    are served can't reach `file:`. Observable Plot writes style elements.
    """
    hashes = " ".join(f"'sha256-{_digest(text)}'" for text in inline)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' file: data: {hashes}",
            "style-src 'unsafe-inline'",
            "img-src 'self' file: data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
