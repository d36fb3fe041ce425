# /// script
# requires-python = ">=3.10"
# dependencies = ["nox[uv]>=2025.2.9", "rich", "tomlkit", "unearth"]
# ///
"""The project's sessions: tests on installed patched trees, their control, and the checks."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from demo import results, subjects  # noqa: E402
from scoreboard import trees  # noqa: E402
from scripts import gates as upstream_gates  # noqa: E402
from scripts import git, lock, series  # noqa: E402
from scripts import pins as pinned  # noqa: E402
from scripts.errors import Failure  # noqa: E402
from scripts.index import pip_settings  # noqa: E402

CI = bool(os.environ.get("CI"))
try:
    RELEASES = lock.load()
    SERIES = series.load(ROOT / "patches", RELEASES)
except Failure as failure:
    sys.exit(f"error: {failure}")
OURS = ("noxfile.py", "bench", "demo", "pr", "scoreboard", "scripts", "service", "soak", "tests")
REGRESSION = "tests/regression"

# The release of the report and the newest: `tests` has them on every Python that they declare.
NEWEST = list(RELEASES)[-1]
ENDS = ("0.6.0", NEWEST)
# Many examples or rounds of one situation: `make test` runs them where `runs_broad` says.
NARROW = ("-m", "not broad")
# Both releases run on it, with the newest MLflow.
CONTROL_PYTHON = "3.11"
# What is measured is the newest release; what the benchmarks need besides is pinned with it.
BENCH_RELEASE = NEWEST
PUBLISHED, PATCHED = (trees.Tree(BENCH_RELEASE, patched) for patched in (False, True))
SCRIPTS_PYTHONS = ("3.10", "3.13")
# After Ctrl-C, for those that have processes of their own to end; nox gives half a second.
GRACE = 30.0

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = CI
nox.options.reuse_venv = "yes"
nox.options.stop_on_first_error = False


@dataclass(frozen=True)
class Cell:
    """One release on one Python.

    Attributes:
        release: The release of guardrails-ai.
        python: The minor version of Python.
    """

    release: str
    python: str

    @property
    def id(self) -> str:
        """The cell's name among the sessions."""
        return f"{self.release}-py{self.python}"


def cells(releases: Iterable[str]) -> tuple[Cell, ...]:
    """The cells of some releases: all Pythons for the two ends, else the control's."""
    return tuple(
        Cell(release, python)
        for release in releases
        for python in (RELEASES[release].pythons if release in ENDS else (CONTROL_PYTHON,))
    )


CELLS = cells(ENDS)
# The releases whose patches are not those of the next newer one.
DIFFERENT = SERIES.eras()[::-1]
REST = cells(release for release in RELEASES if release not in ENDS)


# --- environment ---------------------------------------------------------------------------


def prepare_environment() -> None:
    """Sets what every session relies on, whatever the shell has.

    Interpreters that pyenv manages are behind shims, which answer only for the versions that
    are active; nox would skip the others.
    """
    # With it set, every import of guardrails compiles anew: 14 seconds instead of 4.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Where downloads cannot work uv would try for half a minute.
    os.environ.setdefault("UV_PYTHON_DOWNLOADS", "never")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(path for path in (pyenv / "versions").glob("3.*/bin") if path.is_dir())
    kept = [
        entry for entry in os.environ["PATH"].split(os.pathsep) if entry != str(pyenv / "shims")
    ]
    os.environ["PATH"] = os.pathsep.join([*kept, *map(str, found)])


def report_missing(cells: Iterable[Cell]) -> None:
    """Says at the very end which cells were not tested, since nox skips them quietly."""
    missing = [cell for cell in cells if shutil.which(f"python{cell.python}") is None]
    listing = {"-l", "--list", "--list-sessions"} & set(sys.argv)
    chosen = {"-s", "-e", "--session", "--sessions"} & set(sys.argv)
    wanted = not chosen or any(argument.startswith("tests") for argument in sys.argv)
    if missing and wanted and not listing:
        names = ", ".join(cell.id for cell in missing)
        atexit.register(print, f"\n!!! NOT TESTED, no interpreter: {names}\n", file=sys.stderr)


prepare_environment()
report_missing(CELLS)


@functools.cache
def index() -> dict[str, str]:
    """The index that pip uses, for uv, which does not read pip's configuration.

    Only the index itself: extra indexes and folders would change what is resolved.
    """
    if any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")):
        return {}
    url = pip_settings().index_url
    return {"UV_DEFAULT_INDEX": url} if url else {}


def install(session: nox.Session, *arguments: str) -> None:
    """Installs with the user's index."""
    session.install(*arguments, env=index())


def environment(home: Path) -> dict[str, str | None]:
    """What guardrails and MLflow run with: nothing of the user's own, and nothing is sent out."""
    home.mkdir(parents=True, exist_ok=True)
    # Without this file in HOME, guardrails sends usage metrics.
    (home / ".guardrailsrc").write_text("enable_metrics=false\n", encoding="utf-8")
    return {
        "HOME": str(home),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # A trace is in the store when its root has ended, and not some time later.
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
        "MLFLOW_TRACKING_URI": None,
        "MLFLOW_USE_DEFAULT_TRACER_PROVIDER": None,
        "GUARDRAILS_RUN_SYNC": None,
    }


def own_home(session: nox.Session) -> dict[str, str | None]:
    """The same, with a HOME among the session's own files."""
    return environment(Path(session.create_tmp()).resolve() / "home")


# --- trees ---------------------------------------------------------------------------------


def make_tree(session: nox.Session, release: str) -> Path:
    """Brings a release's patched tree up to date, and says where it is."""
    command = (sys.executable, "-m", "scripts", "apply-patches", "--release", release)
    session.run(*command, external=True, silent=False)
    return ROOT / "guardrails" / release


def lay_both_out(session: nox.Session, folder: Path, release: str = BENCH_RELEASE) -> list[Path]:
    """Puts a release into a folder, as published and patched, to be imported from."""
    checkout = make_tree(session, release)
    both = (trees.Tree(release, patched) for patched in (False, True))
    return [trees.lay_out(tree, checkout, folder) for tree in both]


def install_release(session: nox.Session, release: str) -> None:
    """Installs what a release is tested with: everything but guardrails-ai itself, pinned."""
    install(session, "--no-deps", "-r", f"requirements/{pinned.of(release)}.txt")


def install_tree(session: nox.Session, tree: Path) -> None:
    """Installs a tree as a user does, not as a link to it."""
    install(session, "--no-deps", "--reinstall-package", "guardrails-ai", str(tree))


def install_patched(session: nox.Session, release: str) -> Path:
    """Installs a release's patched tree, and what it is tested with; says where the tree is."""
    tree = make_tree(session, release)
    install_release(session, release)
    install_tree(session, tree)
    return tree


def pytest(
    session: nox.Session, release: str, *arguments: str, codes: Sequence[int] = (0,), **env: str
) -> None:
    """Runs the regression tests from a folder that has no `guardrails/` in it."""
    session.chdir(ROOT / REGRESSION)
    options = ("--numprocesses", "2", "--release", release, *arguments, *session.posargs)
    session.run(
        *("python", "-m", "pytest", *options),
        env=env,
        success_codes=list(codes),
        interrupt_timeout=GRACE,
        terminate_timeout=GRACE,
    )
    session.chdir(ROOT)


# --- regression tests ----------------------------------------------------------------------


def test_release(session: nox.Session, release: str) -> None:
    """Installs a release's patched tree and runs the regression tests on it.

    The patches' own tests besides, where `units` does not come.
    """
    origin = install_patched(session, release)
    whole = session.posargs or runs_broad(Cell(release, str(session.python)))
    if not whole:
        session.log("left out: tests that are marked as broad; `nox -s matrix` runs all of them")
    pytest(session, release, *(() if whole else NARROW))
    if release not in ENDS:
        run_units(session, _clone(session, origin, "HEAD"), "tests")


def runs_broad(cell: Cell) -> bool:
    """Tell whether `make test` runs a cell's broad tests.

    They do on the oldest and the newest Python of the newest release, and on the control's of
    every other release: what they repeat differs between releases and at the ends, if it does.
    """
    pythons = RELEASES[cell.release].pythons
    ends = (pythons[0], pythons[-1])
    return cell.python in (ends if cell.release == NEWEST else (CONTROL_PYTHON,))


def parameters(chosen: Iterable[Cell]) -> list[object]:
    """Cells as nox's parameters."""
    return [nox.param(cell.release, cell.python, id=cell.id) for cell in chosen]


def by_name(releases: Iterable[str]) -> list[object]:
    """Releases as nox's parameters."""
    return [nox.param(release, id=release) for release in releases]


@nox.session
@nox.parametrize(("release", "python"), parameters(CELLS))
def tests(session: nox.Session, release: str) -> None:
    """Regression tests on an installed patched tree."""
    test_release(session, release)


@nox.session(venv_backend="none", default=False)
def matrix(session: nox.Session) -> None:
    """The regression tests on every release that is locked, the broad ones everywhere."""
    everything = ("-m", "")
    for cell in CELLS:
        session.notify(f"tests({cell.id})", everything)
    for cell in REST:
        session.notify(f"rest({cell.id})", everything)


@nox.session(default=False)
@nox.parametrize(("release", "python"), parameters(REST))
def rest(session: nox.Session, release: str) -> None:
    """Regression tests on a release between the two that `tests` covers."""
    test_release(session, release)


@nox.session(python=CONTROL_PYTHON, default=False)
@nox.parametrize("release", by_name(ENDS))
def parity(session: nox.Session, release: str) -> None:
    """Random programs on the published and the patched release: `-- --programs 5000 --seed 1`."""
    install_release(session, release)
    folder = Path(session.create_tmp()).resolve()
    published, patched = lay_both_out(session, folder, release)
    named = ("--published", str(published), "--patched", str(patched))
    command = ("python", "-m", "pytest", "tests/parity", "-p", "no:cacheprovider", *named)
    session.run(*command, *session.posargs, env=environment(folder / "home"))


@dataclass(frozen=True)
class Ledger:
    """What the tests did on a tree with the first patches.

    Attributes:
        applied: The number of the last patch that the tree had.
        failed: How often each test failed as it must, by patch.
        passed: How often each test passed as it must, by patch.
        wrong: The tests that did not do what their mark says.
    """

    applied: int
    failed: dict[int, Counter[str]]
    passed: dict[int, Counter[str]]
    wrong: tuple[str, ...]

    @classmethod
    def read(cls, applied: int, folder: Path) -> Ledger:
        """Adds up what the processes that ran the tests wrote."""
        written = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
        failed, passed = ([each[name] for each in written] for name in ("failed", "passed"))
        wrong = tuple(fault for each in written for fault in each["wrong"])
        return cls(applied, _added_up(failed), _added_up(passed), wrong)


def _added_up(counts: Iterable[dict[str, dict[str, int]]]) -> dict[int, Counter[str]]:
    total: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for each in counts:
        for patch, tests in each.items():
            total[int(patch)].update(tests)
    return total


@nox.session(python=CONTROL_PYTHON, default=False)
@nox.parametrize("release", by_name(ENDS))
def control(session: nox.Session, release: str) -> None:
    """The same tests with the first patches only: each must fail until its own is there."""
    commits = _commits(make_tree(session, release))
    install_release(session, release)
    ledgers = [_run_with(session, release, place, commits) for place in range(len(commits))]
    _print_control(release, commits, ledgers)
    faults = [f"{ledger.applied} applied: {fault}" for ledger in ledgers for fault in ledger.wrong]
    faults += [fault for place in range(1, len(commits)) for fault in _gaps(place, ledgers)]
    if faults:
        session.error("the control is broken:\n  " + "\n  ".join(faults))


def _gaps(place: int, ledgers: Sequence[Ledger]) -> list[str]:
    """What is missing to say that a patch is needed, and that it suffices for its tests."""
    number = ledgers[place].applied
    tests = ledgers[0].failed[number]
    if not tests:
        return [f"patch {number} has no test that needs it"]
    before, after = ledgers[place - 1].failed[number], ledgers[place].passed[number]
    missing = [test for test in tests if not tests[test] == before[test] == after[test]]
    return [f"patch {number}: not every run of {test} came to its end" for test in missing]


def _commits(tree: Path) -> list[tuple[int, str, str]]:
    """A tree's commits, the pristine release and each patch: number, commit and subject."""
    numbers = [0, *(int(patch.name[:4]) for patch in SERIES.patches(tree.name))]
    log = git.run(tree, "log", "--reverse", "--format=%H %s", "upstream..HEAD")
    upstream = git.run(tree, "rev-parse", "upstream^{commit}").strip()
    rows = [row.partition(" ") for row in (f"{upstream} pristine", *log.splitlines())]
    return [(n, commit, subject) for n, (commit, _, subject) in zip(numbers, rows, strict=True)]


def _run_with(
    session: nox.Session, release: str, place: int, commits: Sequence[tuple[int, str, str]]
) -> Ledger:
    """Runs the tests on a tree with the first patches."""
    applied, commit, subject = commits[place]
    # Not every release has every patch.
    following = next((number for number, _, _ in commits[place + 1 :]), 0)
    session.log(f"guardrails-ai {release} with {place} patches, up to: {subject}")
    tree = _clone(session, ROOT / "guardrails" / release, commit)
    ledgers = tree.with_name(f"applied-{applied}")
    shutil.rmtree(ledgers, ignore_errors=True)
    ledgers.mkdir(parents=True)
    install_tree(session, tree)
    edge = (f"--applied={applied}", f"--following={following}")
    options = (*edge, f"--ledgers={ledgers}", "-q", "--no-summary", "--tb=no")
    # 1: tests failed, as some must; 5: this patch and the next have none.
    # Whatever hangs without its patch need not hang for long.
    pytest(session, release, *options, codes=(0, 1, 5), GUARDRAILS_CONTEXT_PATIENCE="20")
    return Ledger.read(applied, ledgers)


def _clone(session: nox.Session, origin: Path, commit: str) -> Path:
    """Lays one of a tree's commits out in the session's own folder; says where."""
    tree = Path(session.create_tmp()).resolve() / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    git.run(origin, "clone", "--quiet", "--no-checkout", ".", str(tree))
    git.run(tree, "checkout", "--quiet", "--detach", commit)
    return tree


def _print_control(
    release: str, commits: Sequence[tuple[int, str, str]], ledgers: Sequence[Ledger]
) -> None:
    """Prints how often each patch's tests fail without it and pass with it."""
    row = "{:<88} {:>13} {:>12} {:>11}".format
    print(f"\n{row(f'guardrails-ai {release}', 'fail pristine', 'fail before', 'pass after')}")
    for place, (number, _, subject) in enumerate(commits[1:], start=1):
        columns = [ledgers[0].failed, ledgers[place - 1].failed, ledgers[place].passed]
        counts = [column[number] for column in columns]
        print(row(f"{number} {subject}"[:88], *(count.total() for count in counts)))
        for test in sorted(counts[0]):
            print(row(f"    {test.replace('::', ' ')}"[:88], *(count[test] for count in counts)))
    print(f"runs: {len(ledgers)}, wrong: {sum(len(ledger.wrong) for ledger in ledgers)}\n")


# --- the patches' own tests ----------------------------------------------------------------


@nox.session(python=CONTROL_PYTHON, default=False)
@nox.parametrize("release", by_name(DIFFERENT))
def units(session: nox.Session, release: str) -> None:
    """The unit tests inside the patches: each patch's fail before it, and pass from then on."""
    origin = install_patched(session, release)
    commits = _commits(origin)
    for place, (number, commit, subject) in enumerate(commits):
        tree = _clone(session, origin, commit)
        if number:
            last = place == len(commits) - 1
            paths = ("tests",) if last else tuple(_tests_of(tree, commit))
            session.log(f"with {number}, {subject}, {'all' if last else 'its'} tests pass")
            run_units(session, tree, *paths)
        for _, after, _ in commits[place + 1 : place + 2]:
            git.run(tree, "checkout", "--quiet", after, "--", "tests")
            for test in _tests_of(tree, after):
                session.log(f"with {number}, {test} fails")
                # 1: a test failed; 2: what it imports is not there yet.
                run_units(session, tree, test, codes=(1, 2))


def _tests_of(tree: Path, commit: str) -> list[str]:
    changed = git.run(tree, "diff", "--name-only", f"{commit}~", commit, "--", "tests")
    return [name for name in changed.splitlines() if Path(name).name.startswith("test_")]


def run_units(session: nox.Session, tree: Path, *paths: str, codes: Sequence[int] = (0,)) -> None:
    """Runs unit tests inside a tree, where its own package comes before the installed one."""
    home = own_home(session)
    session.chdir(tree)
    options = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "ignore")
    passing = ("--tb=short", "--numprocesses", "2")
    output = passing if codes == (0,) else ("--tb=no", "--no-summary")
    command = ("python", "-m", "pytest", *options, *output, *paths)
    session.run(*command, env=home, success_codes=list(codes))
    session.chdir(ROOT)


# --- wheels --------------------------------------------------------------------------------


@nox.session(python=CONTROL_PYTHON, default=False, reuse_venv=False)
@nox.parametrize("release", by_name(ENDS))
def wheels(session: nox.Session, release: str) -> None:
    """A wheel next to MLflow: over the published release, tested, and away without a trace.

    The doctor is asked what it thinks of each state.
    """
    session.run(sys.executable, "-m", "scripts", "wheelhouse", "--release", release, external=True)
    install_release(session, release)
    before = _files(session)
    _ask_doctor(session, status=2)
    install(session, "--no-deps", f"guardrails-ai=={release}")
    _ask_doctor(session, status=3)
    # As a user does who has the published release: pip finds the wheel in the index of wheels.
    pip = (sys.executable, "-m", "pip", "--python", f"{session.bin}/python")
    wheelhouse = ("--extra-index-url", (ROOT / "dist/simple").as_uri())
    wanted = ("--upgrade", "--no-deps", f"guardrails-ai=={release}")
    session.run(*pip, "install", "--quiet", *wheelhouse, *wanted, external=True)
    _check_label(session, release)
    session.run(*pip, "uninstall", "--quiet", "--yes", "guardrails-ai", external=True)
    _check_files(session, before)
    install(session, "--no-deps", "--find-links", str(ROOT / "dist"), f"guardrails-ai=={release}")
    _check_label(session, release)
    _ask_doctor(session, status=0)
    pytest(session, release, *NARROW)
    session.run("uv", "pip", "uninstall", "--quiet", "guardrails-ai", external=True)
    _check_files(session, before)


def _ask_doctor(session: nox.Session, status: int) -> None:
    """Has the doctor look at the session's environment, and checks what it says."""
    command = (sys.executable, "-m", "tests.doctor.installed", f"{session.bin}/python", str(status))
    # The session's own folder for temporary files is inside of the environment.
    session.run(*command, env={"TMPDIR": None}, external=True)


def _check_label(session: nox.Session, release: str) -> None:
    """The wheel is what is installed, and says that it is upstream's release."""
    asked = (
        "import importlib.metadata as metadata, guardrails.version as own;"
        "print(metadata.version('guardrails-ai'), own.GUARDRAILS_VERSION)"
    )
    home = own_home(session)
    session.chdir(ROOT / REGRESSION)
    said = session.run("python", "-c", asked, env=home, silent=True)
    session.chdir(ROOT)
    wanted = f"{release}+context.{RELEASES[release].revision} {release}"
    if not said or said.strip().splitlines()[-1] != wanted:
        session.error(f"guardrails says {said!r}, not {wanted!r}")


def _files(session: nox.Session) -> set[str]:
    """What is in the session's environment, but for what Python compiled."""
    folder = Path(session.virtualenv.location)
    found = (str(path.relative_to(folder)) for path in folder.rglob("*"))
    return {path for path in found if "__pycache__" not in path}


def _check_files(session: nox.Session, before: set[str]) -> None:
    # The session's own folder is in there, too.
    left = {path for path in _files(session) ^ before if not path.startswith("tmp")}
    if left:
        session.error(f"the wheel left traces: {', '.join(sorted(left)[:5])}")


# --- upstream ------------------------------------------------------------------------------

# The gates that every commit has to pass; the others take a while.
STYLE = upstream_gates.GATES[:2]
TOKENIZERS = "lib/python*/site-packages/litellm/litellm_core_utils/tokenizers"


@nox.session(python=CONTROL_PYTHON, default=False)
@nox.parametrize("release", by_name(DIFFERENT))
def stack(session: nox.Session, release: str) -> None:
    """`make pr` in a clone: its commits keep upstream's style, its branches pass their tests."""
    origin = install_patched(session, release)
    install(session, *upstream_gates.tools(origin))
    clone, names = _submitted(session, origin)
    base = {gate.name: _found(session, gate, clone, "base") for gate in STYLE}
    commits = git.run(clone, "rev-list", "--reverse", *names, "^upstream").split()
    for commit in commits:
        git.run(clone, "checkout", "--quiet", "--detach", commit)
        for gate in STYLE:
            found = _found(session, gate, clone, commit[:8])
            new = upstream_gates.new(base[gate.name], found)
            _refuse(session, [f"{commit[:8]}: {gate.name}: {fault}" for fault in new])
    for name in names:
        session.log(f"branch {name} passes its tests")
        git.run(clone, "checkout", "--quiet", "--detach", name)
        run_units(session, clone, "tests")


def _submitted(session: nox.Session, origin: Path) -> tuple[Path, list[str]]:
    """Run `make pr` in a clone, as a submitter with a release's tag checked out; its branches."""
    clone = _clone(session, origin, "upstream")
    who = {"NAME": "Submitter", "EMAIL": "submitter@example.org"}
    env = {f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who}
    # The tree's own branch has the name of the folder of ours.
    git.run(clone, "branch", "--quiet", "-D", "context")
    session.run(sys.executable, "-m", "scripts", "pr", str(clone), env=env, external=True)
    asked = ("for-each-ref", "--format=%(refname:short)", "refs/heads/context/")
    return clone, git.run(clone, *asked).split()


@nox.session(python=CONTROL_PYTHON, default=False)
def branches(session: nox.Session) -> None:
    """Each branch of `make pr` by itself: its regression tests pass, its script prints its part."""
    origin = install_patched(session, NEWEST)
    numbers = {subject: number for number, _, subject in _commits(origin)}
    clone, names = _submitted(session, origin)
    folder = Path(session.create_tmp()).resolve()
    published = trees.lay_out(PUBLISHED, clone, folder)
    for name in names:
        applied = git.run(clone, "log", "--format=%s", f"upstream..{name}").splitlines()
        session.log(f"branch {name}: {len(applied)} patches")
        git.run(clone, "checkout", "--quiet", "--detach", name)
        install_tree(session, clone)
        has = ",".join(str(numbers[subject]) for subject in applied)
        pytest(session, NEWEST, f"--branch={has}", *NARROW, "-q", "--tb=short")
        patched = trees.lay_out(PATCHED, clone, folder)
        _check_scripts(session, published, patched, "--topic", name.rpartition("/")[2])


def _check_scripts(session: nox.Session, published: Path, patched: Path, *options: str) -> None:
    """Run the pull requests' scripts on two trees, from the folder that they are in."""
    session.chdir(published.parent)
    home = {"PYTHONPATH": str(ROOT), **environment(published.with_name("home"))}
    command = ("python", "-m", "pr.check", str(published), str(patched))
    session.run(*command, *options, env=home)
    session.chdir(ROOT)


# Releases have different pins: what is left of another's would fail upstream's tests.
@nox.session(python=CONTROL_PYTHON, default=False, reuse_venv=False)
def gates(session: nox.Session) -> None:
    """Upstream's own gates on some commits of a tree; part of `make pr GATES=1`, which names them.

    Of the commits the first is what the others are compared with.
    """
    release, folder, *named = session.posargs
    tree = Path(folder).resolve()
    install_release(session, release)
    install(session, *upstream_gates.tools(tree))
    install_tree(session, tree)
    before: dict[str, list[str]] = {}
    faults: list[str] = []
    for name, _, commit in (each.partition("=") for each in named):
        git.run(tree, "checkout", "--quiet", "--detach", commit)
        for gate in upstream_gates.GATES:
            found = _found(session, gate, tree, name)
            new = upstream_gates.new(before.setdefault(gate.name, found), found)
            faults += [f"{name}: {gate.name}: {fault}" for fault in new]
    _refuse(session, faults)


def _refuse(session: nox.Session, faults: Sequence[str]) -> None:
    if faults:
        session.error("upstream's gates find more than before:\n  " + "\n  ".join(faults))


def _found(session: nox.Session, gate: upstream_gates.Gate, tree: Path, name: str) -> list[str]:
    """What a gate complains of in a tree; says how much it is."""
    command = gate.call(tree)
    if not command:
        return []
    # litellm's package has the files that tiktoken would fetch.
    tokenizers = next(Path(session.virtualenv.location).glob(TOKENIZERS), tree)
    home = {**own_home(session), "TIKTOKEN_CACHE_DIR": str(tokenizers)}
    session.chdir(tree)
    output = str(session.run(*command, env=home, silent=True, success_codes=[0, 1]))
    session.chdir(ROOT)
    found = list(gate.found(output, tree))
    session.log(f"{name}: {gate.name}: {len(found)} found{upstream_gates.ran(output)}")
    return found


@nox.session(python=CONTROL_PYTHON, default=False)
def pr_scripts(session: nox.Session) -> None:
    """What the pull requests' scripts print, published and patched: `-- --write` notes it anew."""
    install_release(session, BENCH_RELEASE)
    folder = Path(session.create_tmp()).resolve()
    published, patched = lay_both_out(session, folder)
    _check_scripts(session, published, patched, *session.posargs)


# --- checks --------------------------------------------------------------------------------


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Style and format of our own code."""
    _install_tools(session)
    session.run("ruff", "check", *OURS)
    session.run("ruff", "format", "--check", *OURS)


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Types of our own code; the regression tests' own world is not installed here."""
    _install_tools(session)
    session.run("mypy", "scripts", "noxfile.py", "pr/check.py")
    # From where no folder is called guardrails, which mypy would take for the package.
    session.chdir(ROOT / "tests")
    session.run("mypy", "--config-file", "regression/mypy.ini", "-p", "regression")
    session.chdir(ROOT)
    session.run("mypy", "--config-file", "tests/parity/mypy.ini", "-p", "tests.parity")
    session.run("mypy", "--config-file", "demo/mypy.ini", "demo")
    session.run("mypy", "--config-file", "scoreboard/mypy.ini", "scoreboard")
    session.run("mypy", "--config-file", "service/mypy.ini", "service")
    session.run("mypy", "--config-file", "soak/mypy.ini", "soak")
    session.run("mypy", "--config-file", "bench/mypy.ini", "bench")


# The tooling asks pip for its index, and uv leaves pip out unless it is told otherwise.
@nox.session(python=SCRIPTS_PYTHONS, venv_params=["--seed"], default=False)
def scripts(session: nox.Session) -> None:
    """The tooling's own tests, on the oldest Python and the newest."""
    _install_tools(session)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(venv_params=["--seed"], default=False)
def check(session: nox.Session) -> None:
    """The patch set: its style, and that every tree can be made from it and back."""
    _install_tools(session)
    session.run("python", "-m", "scripts", "check-patches", *session.posargs)


@nox.session(default=False)
def pins(session: nox.Session) -> None:
    """Resolves what the regression environments hold anew: `nox -s pins -- --upgrade`."""
    for name in (*pinned.releases(), "bench", "browser", "service"):
        release = name if lock.valid_version(name) else BENCH_RELEASE
        overrides = ROOT / "requirements" / f"{release.rpartition('.')[0]}.overrides"
        session.run(
            *("uv", "pip", "compile", "--quiet", "--universal", "--no-annotate", "--no-header"),
            *("--no-emit-index-url", "--no-emit-package", "guardrails-ai"),
            # With it, to import guardrails is to download its data; LlamaIndex can do without.
            *("--no-emit-package", "nltk"),
            *("--python-version", RELEASES[release].pythons[0]),
            *(("--override", str(overrides)) if overrides.exists() else ()),
            *(f"requirements/{name}.in", "-o", f"requirements/{name}.txt", *session.posargs),
            external=True,
            env=index(),
        )


def _install_tools(session: nox.Session) -> None:
    install(session, "--require-hashes", "-r", "requirements.txt")


# --- demo ----------------------------------------------------------------------------------

# With MLflow 3, as pinned: 3.10 has MLflow 2 for 0.6.0, and 0.6.1 has no lxml for 3.13.
DEMO_PYTHON = next((v for v in ("3.11", "3.12") if shutil.which(f"python{v}")), "3.11")


@nox.session(venv_backend="none", default=False)
def demo(session: nox.Session) -> None:
    """The report's scenario on released and on patched trees, their traces side by side."""
    shutil.rmtree(results.FOLDER, ignore_errors=True)
    for subject in subjects.SUBJECTS:
        session.notify(f"demo_subject({subject.slug})")
    session.notify("demo_report")


@nox.session(python=DEMO_PYTHON, default=False)
@nox.parametrize("subject", [nox.param(each, id=each.slug) for each in subjects.SUBJECTS])
def demo_subject(session: nox.Session, subject: subjects.Subject) -> None:
    """One tree's part of the demo."""
    fresh = ("--reinstall-package", "guardrails-ai") if subject.patched else ()
    if subject.patched:
        make_tree(session, subject.release)
    # Up to 0.6.1 guardrails imports pkg_resources, which setuptools has no longer.
    old = ("setuptools<81",) if lock.order(subject.release) < (0, 6, 2) else ()
    install(session, *fresh, subject.requirement, "mlflow", *old, "-c", subject.pins)
    result, store = results.path(results.FOLDER, subject), f"sqlite:///{ROOT / results.STORE}"
    log, home = result.with_suffix(".log"), environment(ROOT / results.FOLDER)
    session.log(f"playing the scenario; what it prints goes to {log}")
    with log.open("w", encoding="utf-8") as output:
        command = ("python", "-m", "demo.scenario", subject.slug, store, str(result))
        session.run(*command, env=home, stdout=output)


@nox.session(venv_backend="none", default=False)
def demo_report(session: nox.Session) -> None:
    """The last demo's traces and table once more."""
    session.run(sys.executable, "-m", "demo.report")


@nox.session(python=DEMO_PYTHON, default=False)
def ui(session: nox.Session) -> None:
    """The demo's traces in MLflow's own pages; UI_PORT= chooses the port."""
    if not results.STORE.exists():
        session.error("there are no traces to show yet: run `make demo` first")
    install(session, "mlflow", "tomlkit", "-c", subjects.SUBJECTS[-1].pins)
    command = ("python", "-m", "demo.ui", *filter(None, [os.environ.get("UI_PORT")]))
    home = environment(ROOT / results.FOLDER)
    session.run(*command, env=home, interrupt_timeout=GRACE, terminate_timeout=GRACE)


BROWSER = ROOT / "out/browser"


@nox.session(python=DEMO_PYTHON, default=False)
def browser(session: nox.Session) -> None:
    """The demo's page and MLflow's own, as Chromium shows them; `make demo` comes first."""
    if not (ROOT / results.FOLDER / "index.html").exists():
        session.error("there is nothing to look at yet: run `make demo` first")
    if shutil.which("chromium") is None:
        session.error("there is no chromium: apt-get install chromium")
    install(session, "--no-deps", "-r", "requirements/browser.txt")
    shutil.rmtree(BROWSER, ignore_errors=True)
    command = ("python", "-m", "pytest", "tests/browser", *session.posargs)
    home = environment(ROOT / results.FOLDER)
    session.run(*command, env=home, interrupt_timeout=GRACE, terminate_timeout=GRACE)


# --- load ----------------------------------------------------------------------------------


@nox.session(python=CONTROL_PYTHON, default=False)
@nox.parametrize("release", by_name(ENDS))
def soak(session: nox.Session, release: str) -> None:
    """Very many calls at once, in every mode: `-- --calls 2000`."""
    install_patched(session, release)
    # From a folder that has no `guardrails/` in it.
    session.chdir(ROOT / "soak")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    session.run("python", "-m", "soak", *session.posargs, env={"PYTHONPATH": path})
    session.chdir(ROOT)


# --- service -------------------------------------------------------------------------------

SERVICE = ROOT / "out/service"
# The patched release in every way; the published one, to see the difference.
SERVICE_RUNS = (
    ("published", "opentelemetry", "asyncio", 500),
    ("published", "mlflow", "asyncio", 200),
    ("patched", "opentelemetry", "asyncio", 2500),
    ("patched", "opentelemetry", "uvloop", 2500),
    ("patched", "mlflow", "asyncio", 250),
    ("patched", "mlflow", "uvloop", 250),
)


@nox.session(python=CONTROL_PYTHON, default=False)
def service(session: nox.Session) -> None:
    """A web service under load, its traces in MLflow's store: `nox -s service -- --quick`."""
    install(session, "--no-deps", "-r", "requirements/service.txt")
    shutil.rmtree(SERVICE, ignore_errors=True)
    lay_both_out(session, SERVICE / "trees")
    named = {"published": PUBLISHED, "patched": PATCHED}
    home = environment(SERVICE / "home")
    quick = "--quick" in session.posargs
    # Every other one: published, and patched with either backend.
    for which, backend, loop, requests in SERVICE_RUNS[::2] if quick else SERVICE_RUNS:
        number = 200 if quick else requests
        session.log(f"{which}, {backend}, {loop}: {number} requests")
        session.chdir(SERVICE)
        kind = (which, backend, loop, str(number), str(SERVICE))
        path = os.pathsep.join([str(SERVICE / "trees" / named[which].name), str(ROOT)])
        session.run(
            *("python", "-m", "service", *kind),
            env={**home, "PYTHONPATH": path},
            interrupt_timeout=GRACE,
            terminate_timeout=GRACE,
        )
    session.run("python", "-m", "service.report", str(SERVICE), env={"PYTHONPATH": str(ROOT)})
    for tree in named.values():
        path = os.pathsep.join([str(SERVICE / "trees" / tree.name), str(ROOT)])
        session.run("python", "-W", "ignore", "-m", "service.api", env={**home, "PYTHONPATH": path})
    session.chdir(ROOT)


# --- scoreboard ----------------------------------------------------------------------------

SCOREBOARD = ROOT / "out/scoreboard"
SCOREBOARD_TREES = trees.every(list(RELEASES))
SCOREBOARD_PINS = tuple(dict.fromkeys(tree.pins for tree in SCOREBOARD_TREES))


@nox.session(venv_backend="none", default=False)
def scoreboard(session: nox.Session) -> None:
    """Every release, as published and patched, before the same probes: docs/scoreboard.md."""
    session.run(sys.executable, "-m", "scripts", "apply-patches", external=True)
    shutil.rmtree(SCOREBOARD, ignore_errors=True)
    for tree in SCOREBOARD_TREES:
        trees.lay_out(tree, ROOT / "guardrails" / tree.release, SCOREBOARD)
    for pins in SCOREBOARD_PINS:
        session.notify(f"scoreboard_trees({pins})")
    session.notify("scoreboard_page")


@nox.session(python=CONTROL_PYTHON, default=False)
@nox.parametrize("release", [nox.param(pins, id=pins) for pins in SCOREBOARD_PINS])
def scoreboard_trees(session: nox.Session, release: str) -> None:
    """The trees that are imported with one release's dependencies; part of `scoreboard`."""
    install_release(session, release)
    # guardrails is never installed: each tree is put on the path of a process of its own.
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    names = [tree.name for tree in SCOREBOARD_TREES if tree.pins == release]
    session.chdir(SCOREBOARD)
    command = ("python", "-m", "scoreboard.play", str(SCOREBOARD), *names)
    session.run(*command, env={"PYTHONPATH": path, **environment(SCOREBOARD / "home")})


@nox.session(venv_backend="none", default=False)
def scoreboard_page(session: nox.Session) -> None:
    """The page of the last scoreboard's results once more."""
    command = ("scoreboard.board", str(SCOREBOARD), "docs/scoreboard.md", *RELEASES)
    session.run(sys.executable, "-m", *command)


# --- benchmarks ----------------------------------------------------------------------------

BENCH = ROOT / "out/bench"


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """What the patches cost and save: docs/performance.md; `nox -s bench -- --quick`."""
    shutil.rmtree(BENCH, ignore_errors=True)
    lay_both_out(session, BENCH)
    quick = "--quick" in session.posargs
    for python in (CONTROL_PYTHON,) if quick else RELEASES[BENCH_RELEASE].pythons:
        session.notify(f"bench_hops-{python}", session.posargs)
    for part in ("bench_guards", "bench_keeping", "bench_tools", "bench_report"):
        session.notify(part, session.posargs)


def _bench(session: nox.Session, *command: str, tree: trees.Tree | None = None) -> None:
    """Runs a part of the benchmarks where no folder is called guardrails."""
    install(session, "--no-deps", "-r", "requirements/bench.txt")
    path = [*([str(BENCH / tree.name)] if tree else []), str(ROOT), str(ROOT / "tests")]
    session.chdir(BENCH)
    session.run("python", "-m", *command, env={"PYTHONPATH": os.pathsep.join(path)})
    session.chdir(ROOT)


@nox.session(python=RELEASES[BENCH_RELEASE].pythons, default=False)
def bench_hops(session: nox.Session) -> None:
    """One hop to a worker thread, against peers; part of `bench`."""
    module = BENCH / PATCHED.name / "guardrails/utils/context_executor.py"
    _bench(session, "bench.turns", str(module), f"hop-{session.python}.json", *session.posargs)


@nox.session(python=CONTROL_PYTHON, default=False)
def bench_guards(session: nox.Session) -> None:
    """Whole Guards and streams, patched against published; part of `bench`."""
    folders = (str(BENCH / PUBLISHED.name), str(BENCH / PATCHED.name), str(BENCH))
    _bench(session, "bench.rounds", *folders, *session.posargs)


@nox.session(python=CONTROL_PYTHON, default=False)
def bench_keeping(session: nox.Session) -> None:
    """What a process holds after many calls; part of `bench`."""
    calls = ("--calls=2000",) if "--quick" in session.posargs else ()
    for name, tree in (("published", PUBLISHED), ("patched", PATCHED)):
        _bench(session, "bench.keeping", f"keeping-{name}.json", *calls, tree=tree)


@nox.session(venv_backend="none", default=False)
def bench_tools(session: nox.Session) -> None:
    """How long this project's own commands take; part of `bench`."""
    command = ("bench.tools", str(ROOT), str(BENCH / "tools.json"), *session.posargs)
    session.run(sys.executable, "-m", *command)


@nox.session(python=CONTROL_PYTHON, default=False)
def bench_report(session: nox.Session) -> None:
    """The last benchmarks' tables and pictures once more; the page is a full run's only."""
    page = () if "--quick" in session.posargs else (str(ROOT / "docs/performance.md"),)
    _bench(session, "bench.report", str(BENCH), *page)


if __name__ == "__main__":
    nox.main()
