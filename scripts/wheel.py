"""`wheel`: builds wheels of the patched releases, the same bytes on every machine.

A wheel's version is the release's with a label, such as `0.11.0+context.1`, so that pip, uv and
poetry take it as `guardrails-ai==0.11.0`. Changed files say so, as section 4(b) of the Apache
License asks, and a notice lists them and the patches.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from scripts import apply, files, git, parallel, pyproject
from scripts.errors import Failure
from scripts.layout import Layout
from scripts.lock import Release

FOLDER = "dist"
_NOTICE = "NOTICE"
# The oldest date that a zip file can hold, for every file.
_DATE = (1980, 1, 1, 0, 0, 0)
_SOURCE_DATE_EPOCH = "315532800"
_MODE = 0o100644 << 16
# guardrails asks for its own version at run time; the label is none of its users' business.
_VERSION = "guardrails/version.py"
_ASKED = 'importlib_version("guardrails-ai")'


@dataclass(frozen=True)
class Change:
    """What the patches do to a file of the package.

    Attributes:
        path: The file, relative to the tree.
        added: Whether it is new; else it is upstream's, modified.
    """

    path: str
    added: bool


@dataclass(frozen=True)
class Outcome:
    """What became of one release.

    Attributes:
        version: The release.
        wheel: The wheel; None after a failure.
        failure: What went wrong; empty if nothing.
    """

    version: str
    wheel: Path | None = None
    failure: str = ""


def name(release: Release) -> str:
    """The file name of a release's wheel."""
    return f"guardrails_ai-{label(release)}-py3-none-any.whl"


def command(release: Release) -> str:
    """The command that installs a release's wheel from `dist/`.

    A file's name in its place would be installed as well, but `pip freeze` would show its path.
    """
    return f"pip install --upgrade --find-links {FOLDER} guardrails-ai=={label(release)}"


def label(release: Release) -> str:
    """The version of a release's wheel: upstream's, and how many trees the series has made."""
    return f"{release.version}+context.{release.revision}"


def wheels(
    layout: Layout, locked: Mapping[str, Release], versions: Sequence[str], sdists: Path | None
) -> list[Outcome]:
    """Build the wheels of some releases; one that fails does not stop the others.

    Args:
        layout: The checkout; the trees are brought up to date first.
        locked: The lock.
        versions: The releases.
        sdists: A folder of sdists to use instead of cache and index.

    Returns:
        The outcomes, in the order of the versions; the wheels are in `dist/`.
    """
    trees = apply.apply(layout, locked, versions, apply.Options(sdists=sdists))
    folder = layout.root / FOLDER
    folder.mkdir(exist_ok=True)

    def made(tree: apply.Outcome) -> Outcome:
        if tree.failure:
            return Outcome(tree.version, failure=tree.failure)
        try:
            content = build(layout, locked[tree.version])
        except Failure as failure:
            return Outcome(tree.version, failure=f"{tree.version}: {failure}")
        wheel = folder / name(locked[tree.version])
        files.write_atomic(wheel, content)
        return Outcome(tree.version, wheel)

    return parallel.each(made, trees)


def build(layout: Layout, release: Release) -> bytes:
    """Build the wheel of a release from its tree's commits; edits in the tree have no say.

    Raises:
        Failure: If the package is not as expected, or its build fails.
    """
    tree = layout.tree(release.version)
    with tempfile.TemporaryDirectory(prefix="wheel-") as scratch:
        source, out = Path(scratch).resolve() / "source", Path(scratch).resolve() / "out"
        archive = git.output(tree, "archive", "--format=tar", release.tree)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            # git wrote it, from trees whose paths were checked when they were unpacked.
            tar.extractall(source)  # noqa: S202
        changes = _changes(tree, release)
        _relabel(source, release)
        for change in [*changes, Change(_VERSION, added=False)]:
            _mark(source, change, release)
        (source / _NOTICE).write_text(_notice(tree, release, changes), encoding="utf-8")
        return _stored(_built(source, out))


def _changes(tree: Path, release: Release) -> list[Change]:
    rows = git.run(tree, "diff", "--name-status", "upstream", release.tree, "--", "guardrails")
    pairs = (row.split("\t") for row in rows.splitlines())
    return [Change(path, added=status == "A") for status, path in pairs if status != "D"]


def _relabel(source: Path, release: Release) -> None:
    """Gives the package its label, and keeps the label from what the package says of itself."""
    project = source / "pyproject.toml"
    document = tomlkit.parse(project.read_text(encoding="utf-8"))
    table = pyproject.package(document)
    if table.get("version") != release.version:
        raise Failure(f"pyproject.toml: its version is not {release.version}")
    table["version"] = label(release)
    if "license-files" in table:
        table["license-files"].append(_NOTICE)
    project.write_text(tomlkit.dumps(document), encoding="utf-8")
    version = source / _VERSION
    text = version.read_text(encoding="utf-8") if version.exists() else ""
    if text.count(_ASKED) != 1:
        raise Failure(f"{_VERSION}: does not ask for {_ASKED} once: teach scripts/wheel.py how")
    version.write_text(text.replace(_ASKED, f'{_ASKED}.partition("+")[0]'), encoding="utf-8")


def _mark(source: Path, change: Change, release: Release) -> None:
    """Writes into the first line of a file that it was changed."""
    path = source / change.path
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py" or text.startswith("#!"):
        raise Failure(f"{change.path}: cannot be marked as changed: teach scripts/wheel.py how")
    what = "Added" if change.added else "Modified"
    mark = f"# {what} by guardrails-context: see the NOTICE of guardrails-ai {label(release)}\n"
    path.write_text(mark + text, encoding="utf-8")


def _notice(tree: Path, release: Release, changes: Sequence[Change]) -> str:
    log = ("log", "--reverse", "--format=%s (%(trailers:key=Defects,valueonly,separator=))")
    patches = git.run(tree, *log, "upstream..HEAD").splitlines()
    modified = [change.path for change in changes if not change.added]
    added = [change.path for change in changes if change.added]
    return f"""\
guardrails-ai {label(release)}

This is guardrails-ai {release.version} by Guardrails AI with changes by the guardrails-context
project, which make it keep its caller's context. It is not a release of Guardrails AI. Both the
package and the changes are under the Apache License, Version 2.0: see LICENSE.

Made from {release.sdist},
sha256 {release.sha256}, with these patches:

{_rows([f"{number}. {patch}" for number, patch in enumerate(patches, start=1)])}
Files that were modified:

{_rows(modified)}
Files that were added:

{_rows(added)}
Besides, {_VERSION} leaves out the label "+context.{release.revision}", so that
guardrails.version tells upstream's version.
"""


def _rows(texts: Sequence[str]) -> str:
    return "".join(f"  {text}\n" for text in texts)


def _built(source: Path, out: Path) -> Path:
    """Has the package's own backend build it, in the version that requirements.txt pins."""
    from build import BuildBackendException, ProjectBuilder
    from pyproject_hooks import quiet_subprocess_runner

    # The backend asks git which files to leave out; a checkout around it has no say.
    settings = {
        "GIT_CEILING_DIRECTORIES": str(source.parent),
        "SOURCE_DATE_EPOCH": _SOURCE_DATE_EPOCH,
    }

    def run(
        cmd: Sequence[str],
        cwd: str | None = None,
        extra_environ: Mapping[str, str] | None = None,
    ) -> None:
        quiet_subprocess_runner(cmd, cwd, {**(extra_environ or {}), **settings})

    try:
        return Path(ProjectBuilder(source, runner=run).build("wheel", out))
    except BuildBackendException as error:
        raise Failure(f"its build failed: {git.first_line(str(error).encode())}") from None


def _stored(wheel: Path) -> bytes:
    """A wheel's content in an archive without compression, whose result depends on the zlib."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(buffer, "w") as new:
        # Installers read a wheel's metadata from its end.
        for entry in sorted(old.namelist(), key=lambda name: (".dist-info/" in name, name)):
            info = zipfile.ZipInfo(entry, _DATE)
            info.create_system, info.external_attr = 3, _MODE
            new.writestr(info, old.read(entry))
    return buffer.getvalue()
