"""`wheelhouse`: a static folder that pip and uv take as an index: PEP 503, with hashes.

The wheels stay where `wheel` puts them, so that the folder also serves `--find-links`.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from email.parser import HeaderParser
from html import escape
from pathlib import Path
from urllib.parse import quote

from scripts import files

PROJECT = "guardrails-ai"
_WHEELS = "guardrails_ai-*.whl"
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="1.0">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
<ul>
{links}
</ul>
</body>
</html>
"""


def write(folder: Path) -> Path:
    """Write the index of the wheels in a folder.

    Args:
        folder: The folder; every wheel of guardrails-ai in it is listed, older revisions too.

    Returns:
        The index's root, to give to `--extra-index-url`; the project's page is below it.
    """
    root = folder / "simple"
    project = root / PROJECT
    project.mkdir(parents=True, exist_ok=True)
    links = [_link(wheel) for wheel in sorted(folder.glob(_WHEELS))]
    files.write_atomic(project / "index.html", _page(PROJECT, links))
    top = [f'<li><a href="{PROJECT}/">{PROJECT}</a></li>']
    files.write_atomic(root / "index.html", _page("Patched releases", top))
    return root


def _page(title: str, links: Sequence[str]) -> bytes:
    return _PAGE.format(title=escape(title), links="\n".join(links)).encode()


def _link(wheel: Path) -> str:
    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    python = f' data-requires-python="{escape(_requires_python(wheel))}"'
    href = f"../../{quote(wheel.name)}#sha256={sha256}"
    return f'<li><a href="{href}"{python}>{escape(wheel.name)}</a></li>'


def _requires_python(wheel: Path) -> str:
    with zipfile.ZipFile(wheel) as archive:
        path = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        headers = HeaderParser().parsestr(archive.read(path).decode("utf-8"))
    return headers["Requires-Python"] or ""
