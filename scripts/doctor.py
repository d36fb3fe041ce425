"""Tells whether the guardrails-ai of an environment loses its caller's context.

`python -B scripts/doctor.py [--json]`, with that environment's own Python; nothing else is needed
and nothing is changed there. The exit status is 0 where context is kept, and 3 where it is lost;
with any other that cannot be told.
"""

# Python 3.6 would refuse the whole file for a `from __future__ import annotations`, and not even
# come to the line below. Without it, unions are in quotes: Python 3.9 has none yet.
import sys

if sys.version_info < (3, 9):  # noqa: UP036 - it is the user's Python, not this project's
    print(
        "cannot tell: this is Python {}.{}, guardrails-ai 0.6.0 needs 3.9 or newer; "
        "use the Python of the environment that guardrails-ai is in".format(*sys.version_info[:2])
    )
    sys.exit(2)

import os

# Our neighbours, git.py for one, must not be found in place of the user's packages.
if __name__ == "__main__":
    # A trial is told of a place for it, where the next trial finds what this one has compiled.
    sys.dont_write_bytecode = "--trial" not in sys.argv
    _HERE = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - pathlib is not safe yet
    sys.path[:] = [each for each in sys.path if os.path.realpath(each) != _HERE]

import argparse
import asyncio
import contextvars
import importlib
import importlib.metadata
import importlib.util
import json
import platform
import re
import shlex
import shutil
import signal
import site
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

WHOLE, LOSES, CANNOT_TELL = "whole", "loses context", "cannot tell"
# A Python that cannot read this file at all, such as 2.7, ends with 1.
STATUS = {WHOLE: 0, LOSES: 3, CANNOT_TELL: 2}

RELEASES = (
    *("0.6.0", "0.6.1", "0.6.2", "0.6.3", "0.6.4", "0.6.5", "0.6.6", "0.6.7", "0.6.8"),
    *("0.7.0", "0.7.1", "0.7.2", "0.7.3", "0.8.0", "0.8.1", "0.8.2"),
    *("0.9.0", "0.9.1", "0.9.2", "0.9.3", "0.10.0", "0.10.2", "0.11.0"),
)
MLFLOW = ("mlflow", "mlflow-skinny", "mlflow-tracing")
UVLOOP, LLAMA = ("uvloop",), ("llama-index-core",)
NAMES = ("guardrails-ai", *MLFLOW, "opentelemetry-sdk", "opentelemetry-api", *UVLOOP, *LLAMA)
Json = dict[str, Any]
LOCK = Path(__file__).resolve().parents[1] / "guardrails" / "upstream.toml"


class Row(NamedTuple):
    """A defect of the audit.

    Attributes:
        id: Its id there.
        text: What a user sees of it.
        needs: Packages of which one must be installed for it to matter, if any.
        first: The oldest release that has it.
        last: The newest one.
    """

    id: str
    text: str
    needs: tuple[str, ...] = ()
    first: str = RELEASES[0]
    last: str = RELEASES[-1]

    def applies(self, release: str, told: Json) -> bool:
        """Whether it shows in a release that is known, in such an environment."""
        first, last, at = map(RELEASES.index, (self.first, self.last, release))
        matters = not self.needs or any(name in told["packages"] for name in self.needs)
        return matters and first <= at <= last and not told["patched"]


ROWS = (
    Row("D1", "validators lose the current span, ContextVars and baggage, or see another call's"),
    Row("D2", "LLM callables, validators and on_fail handlers lose the caller's ContextVars"),
    Row("D3", "after an AsyncGuard call its API key stays readable in the caller's task"),
    Row("D4", "streams lose the guard's name and the call's kwargs"),
    Row("D5", "streams fail under MlFlowInstrumentor", MLFLOW),
    Row("D6", "MlFlowInstrumentor reads a stream to its end before the first chunk", MLFLOW),
    Row("D7", "spans of streams have wrong parents, end too early, or stay current"),
    Row("D8", "under MLflow, LLM text is written to the caller's OpenTelemetry span", MLFLOW),
    Row("D9", "MLflow records a validator's attributes, secrets included, as its input", MLFLOW),
    Row("D10", "a second instrument() doubles every MLflow span", MLFLOW),
    Row("D11", "a validator that runs by itself has no span under MLflow, or a wrong one", MLFLOW),
    Row("D12", "validators that are not from the hub have no span under MLflow", MLFLOW),
    Row("D13", "a validator's MLflow span is an orphan, or missing", MLFLOW, last="0.6.0"),
    Row("D14", "event loops and open files pile up in worker threads", first="0.11.0"),
    Row("D15", "event loops and their policy are replaced by uvloop's, at every call", UVLOOP),
    Row("D16", "what is left of one user's stream is given to the next user's validator"),
    Row("D17", "one user's logs are in another's history"),
    Row("D18", "with metrics on, all calls are one trace"),
    Row("D19", "when one validator raises, the spans of the others outlast the call"),
    Row("D20", "where users share a Guard, one user's prompt is on another's span"),
    Row("D21", "users who share a LlamaIndex engine get each other's answers", LLAMA, "0.6.1"),
    Row("D22", "where nobody traces, half of a call's CPU goes into what spans would record"),
    Row("D23", "a tenth of Guard.validate goes into a description of its schema, for no LLM"),
    Row("D24", "what spans record is parsed twice to be redacted", first="0.6.3"),
    Row("D26", "where users share a Guard, one user's messages reach another's LLM or server"),
    Row("D27", "spans show secrets among validators' arguments, metadata and call kwargs"),
)

# --- the diagnosis -------------------------------------------------------------------------


def examine(timeout: float) -> Json:
    """Looks at this Python's environment; returns what `--json` prints.

    Args:
        timeout: How many seconds each of the two trials may take.
    """
    told = installed()
    if told["patched"] is None:
        where = f"guardrails-ai is not installed for {sys.executable}"
        return concluded(told, f"{where}; use the Python of the environment that it is in")
    return concluded(told, _tried_out(told, timeout))


def installed() -> Json:
    """Reads the metadata of this Python's environment; imports nothing of it."""
    told, versions = blank(), {name: _version(name) for name in NAMES}
    told["packages"] = {name: version for name, version in versions.items() if version}
    if versions[NAMES[0]]:
        # An installer notes nothing of a package that comes from an index.
        noted = importlib.metadata.distribution(NAMES[0]).read_text("direct_url.json")
        told["source"] = json.loads(noted)["url"] if noted else None
        told["patched"] = "+context." in versions[NAMES[0]] or _has_executor()
    return told


def blank() -> Json:
    """A report on an environment of which nothing is known yet."""
    told: Json = {"python": platform.python_version(), "executable": sys.executable}
    return {**told, "packages": {}, "source": None, "patched": None, "checks": [], "refused": []}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name) or ""
    except importlib.metadata.PackageNotFoundError:
        return ""


def _has_executor() -> bool:
    """Whether the package has the patches' own module; an editable one does not list its files."""
    spec = importlib.util.find_spec("guardrails")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return any(Path(each, "utils", "context_executor.py").is_file() for each in folders)


def _tried_out(told: Json, timeout: float) -> str:
    """Adds what was tried; returns why nothing could be, or an empty text."""
    compiled = tempfile.mkdtemp(prefix="doctor-")
    try:
        return _tried_both(told, timeout, compiled)
    finally:
        shutil.rmtree(compiled, ignore_errors=True)


def _tried_both(told: Json, timeout: float, compiled: str) -> str:
    answer = ask("guards", timeout, compiled)
    told.update(checks=answer["checks"], refused=answer["refused"])
    if answer["error"]:
        advice = "see whether `import guardrails` works there"
        if "pkg_resources" in answer["error"]:
            advice = "up to 0.6.1 it needs setuptools<81"
        return f"guardrails-ai could not be tried: {answer['error']}; {advice}"
    if any(name in told["packages"] for name in MLFLOW):
        answer = ask("mlflow", timeout, compiled)
        told["checks"] += answer["checks"] or [_check(ONE_TRACE, None, answer["error"])]
        told["refused"] += answer["refused"]
    return ""


def concluded(told: Json, error: str = "") -> Json:
    """Adds what follows; what was tried decides, not what is installed.

    Args:
        told: What is installed, and what was tried.
        error: Why nothing could be tried and what to do, if so.
    """
    verdict, reason = (CANNOT_TELL, error) if error else judge(told)
    release = released(told)
    known = release in RELEASES
    here = [row for row in ROWS if row.applies(release, told)] if known else []
    return {
        **told,
        "rows": [{"id": row.id, "text": row.text} for row in here],
        "wheel": wheel(release) if known and verdict == LOSES else None,
        "verdict": verdict,
        "reason": reason,
        "status": STATUS[verdict],
    }


def released(told: Json) -> str:
    """The release of guardrails-ai, without what this project adds to its version."""
    return str(told["packages"].get("guardrails-ai", "")).split("+")[0]


def judge(told: Json) -> tuple[str, str]:
    """The verdict on what was tried, and a line that says why."""
    checks = told["checks"]
    lost, unclear = ([each for each in checks if each["held"] is it] for it in (False, None))
    if lost:
        but = "it is patched, and still " if told["patched"] else ""
        return LOSES, f"{but}{len(lost)} of {len(checks)} checks found something lost"
    # MLflow may be there and not be usable; the rest tells enough without it.
    for check in unclear:
        if check["name"] != ONE_TRACE:
            return CANNOT_TELL, f"{check['name']} could not be tried: {check['detail']}"
    besides = "; what MLflow records could not be tried" if unclear else ""
    return WHOLE, f"nothing was lost in {len(checks) - len(unclear)} checks{besides}"


def wheel(release: str, lock: Path = LOCK) -> str:
    """The file name of the wheel that mends a release; its revision is in the lock."""
    table = re.escape(f'[release."{release}"]') + r"\n(?:[^\[\n].*\n)*?revision = (\d+)"
    noted = re.search(table, lock.read_text(encoding="utf-8")) if lock.is_file() else None
    revision = noted.group(1) if noted else "*"
    return f"guardrails_ai-{release}+context.{revision}-py3-none-any.whl"


# --- the trials, seen from outside ---------------------------------------------------------

# Settings of the user's that would change what is tried, or where it is sent.
UNWANTED = ("DATABRICKS_", "GUARDRAILS_", "MLFLOW_", "OTEL_", "PYTHONDONTWRITEBYTECODE", "XDG_")
SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A trace is in the store when its root has ended, and not some time later.
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "PYTHONWARNINGS": "ignore",
}


def ask(trial: str, timeout: float, compiled: str) -> Json:
    """Runs a trial in a process of its own; returns `checks`, `refused` and `error`.

    Args:
        trial: Its name.
        timeout: How many seconds it may take.
        compiled: A folder for bytecode, which one trial leaves to the next.
    """
    print(f"trying {trial}, for {timeout:g} s at most …", file=sys.stderr, flush=True)
    scratch = Path(tempfile.mkdtemp(prefix="doctor-"))
    try:
        # Without this file in HOME, guardrails sends usage metrics.
        (scratch / ".guardrailsrc").write_text("enable_metrics=false\n", encoding="utf-8")
        command = [sys.executable, __file__, "--trial", trial]
        error = _run(command, scratch, compiled, timeout)
        answer: Json = {"checks": [], "refused": [], "error": error}
        return answer if error else json.loads((scratch / RESULT).read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(command: list[str], scratch: Path, compiled: str, timeout: float) -> str:
    """Runs a command that writes a result; returns why there is none, or an empty text."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(UNWANTED)}
    environment["PYTHONPYCACHEPREFIX"] = compiled
    # With another HOME, what was installed for this user only would not be found any more.
    environment.update(SETTINGS, PYTHONUSERBASE=site.getuserbase())
    environment.update(dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR"), str(scratch)))
    with (scratch / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"it took more than {timeout:g} s, allow it more with --timeout"
        finally:
            _end(process)
    said = (scratch / "log").read_text(encoding="utf-8", errors="replace").split()
    broke_off = f"it broke off, status {process.returncode}: {' '.join(said[-20:])}"
    return "" if (scratch / RESULT).is_file() else broke_off


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process that still runs, and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
        process.wait()


# --- the trials, seen from inside ----------------------------------------------------------

RESULT, ONE_TRACE = "result.json", "MLflow: one trace"
ALIAS, OWN, CALLER, VALUE, KEY = "doctor/witness", "own", "caller", "the caller's", "no-real-key"
REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("doctor_request", default="")
Found = dict[str, tuple[bool, str]]


def try_out(trial: str) -> None:
    """Runs a trial here, and writes what came of it into the working directory."""
    result, refused = Path(RESULT).resolve(), _stay_here()
    try:
        answer = {"checks": TRIALS[trial](), "error": ""}
    except BaseException as error:
        answer = {"checks": [], "error": _line(error)}
    result.write_text(json.dumps({**answer, "refused": refused}), encoding="utf-8")
    # What libraries have left running is not waited for.
    os._exit(0)


def _stay_here() -> list[str]:
    """From now on who wants to leave this machine, or looks up a name, is refused and noted."""
    refused: list[str] = []
    ways = ("socket.connect", "socket.sendto", "socket.sendmsg")
    lookups = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")

    def guard(event: str, arguments: tuple[Any, ...]) -> None:
        wanted = arguments[1] if event in ways else arguments[:1] if event in lookups else None
        # An address that is no tuple is a file's, and stays here as well.
        if isinstance(wanted, tuple) and wanted[0] not in ("127.0.0.1", "::1"):
            refused.append(f"{event} {wanted[0]}")
            raise ConnectionRefusedError("there is no network in this trial")

    sys.addaudithook(guard)
    return refused


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".split("\n")[0]


def _check(name: str, held: "bool | None", detail: str) -> Json:
    return {"name": name, "held": held, "detail": detail}


def _checks(name: str, aspects: Sequence[str], play: Callable[[], Found]) -> list[Json]:
    """Plays in a context that nobody else sees; what cannot be played held neither way."""
    try:
        found = contextvars.copy_context().run(play)
    except Exception as error:
        return [_check(f"{name}: {aspect}", None, _line(error)) for aspect in aspects]
    return [_check(f"{name}: {aspect}", *found[aspect]) for aspect in aspects]


def _guard(kind: str, work: Callable[[], None]) -> Any:
    """A Guard or AsyncGuard for text, with a validator that does some work."""
    guardrails = importlib.import_module("guardrails")
    base = importlib.import_module("guardrails.validator_base")

    def _validate(_self: Any, _value: Any, _metadata: Any) -> Any:
        work()
        return base.PassResult()

    cls = type("Witness", (base.Validator,), {"_validate": _validate})
    witness = base.register_validator(name=ALIAS, data_type="string")(cls)
    return getattr(guardrails, kind).for_string([witness(on_fail="noop")], name="doctor")


class Stage:
    """A caller with a span, a ContextVar and baggage, and a validator that looks for them."""

    def __init__(self) -> None:
        load = importlib.import_module
        memory = load("opentelemetry.sdk.trace.export.in_memory_span_exporter")
        processor = load("opentelemetry.sdk.trace.export").SimpleSpanProcessor
        provider = load("opentelemetry.sdk.trace").TracerProvider()
        self.exporter = memory.InMemorySpanExporter()
        provider.add_span_processor(processor(self.exporter))
        load("opentelemetry.trace").set_tracer_provider(provider)
        self.tracer = provider.get_tracer("doctor")
        self.baggage, self.context = load("opentelemetry.baggage"), load("opentelemetry.context")
        self.found: Found = {}

    def caller(self) -> Any:
        """Sets up what a validator should see; the caller's span lasts as long as the block."""
        self.exporter.clear()
        self.found.clear()
        REQUEST.set(VALUE)
        self.context.attach(self.baggage.set_baggage("caller", VALUE))
        return self.tracer.start_as_current_span(CALLER)

    def look(self) -> None:
        """The validator's work: to look around, and to open a span of its own."""
        seen = {"ContextVar": REQUEST.get(), "baggage": self.baggage.get_baggage("caller")}
        for name, value in seen.items():
            self.found[name] = (value == VALUE, "seen by the validator" if value else "not seen")
        with self.tracer.start_as_current_span(OWN):
            pass

    def validate(self) -> Found:
        """Guard.validate where an event loop is set, as a plain script's main thread has one."""
        asyncio.set_event_loop(asyncio.new_event_loop())
        with self.caller():
            _guard("Guard", self.look).validate("text")
        return self.all_found()

    async def async_validate(self) -> Found:
        """AsyncGuard.validate."""
        with self.caller():
            await _guard("AsyncGuard", self.look).validate("text")
        return self.all_found()

    async def call(self) -> Found:
        """An AsyncGuard's call, and what it leaves in its caller's context."""

        async def llm(**_kwargs: Any) -> str:
            return "text"

        guard, messages = _guard("AsyncGuard", self.look), [{"role": "user", "content": "text"}]
        await guard(llm, messages=messages, api_key=KEY)
        left = [var.name for var, held in contextvars.copy_context().items() if _has_key(held)]
        told = f"readable in the caller's {', '.join(left)}" if left else "not left behind"
        return {"API key": (not left, told)}

    def all_found(self) -> Found:
        """What the validator found, and whether its own span is where it belongs."""
        if not self.found:
            raise LookupError("the validator did not run")
        spans = self.exporter.get_finished_spans()
        known = {span.context.span_id: span for span in spans}
        at, path = next(span for span in spans if span.name == OWN), [OWN]
        while at.parent and at.parent.span_id in known:
            at = known[at.parent.span_id]
            path.insert(0, at.name)
        right = path[0] == CALLER and path[-2] == f"{ALIAS}.validate"
        where = " > ".join(path) if path[1:] else "a trace of its own"
        return {**self.found, "span": (right, where)}


def _has_key(held: object) -> bool:
    return held == KEY or (isinstance(held, dict) and KEY in held.values())


def try_guards() -> list[Json]:
    """What OpenTelemetry records, and what a caller hands down."""
    importlib.import_module("guardrails")
    stage, aspects = Stage(), ("span", "ContextVar", "baggage")
    return [
        *_checks("Guard.validate", aspects, stage.validate),
        *_checks("AsyncGuard.validate", aspects, lambda: asyncio.run(stage.async_validate())),
        *_checks("AsyncGuard call", ["API key"], lambda: asyncio.run(stage.call())),
    ]


def try_mlflow() -> list[Json]:
    """What MLflow records."""
    name, aspect = ONE_TRACE.split(": ")
    return _checks(name, [aspect], lambda: {aspect: _count_traces()})


def _count_traces() -> tuple[bool, str]:
    mlflow = importlib.import_module("mlflow")
    # Not every edition of MLflow has what SQLite needs.
    database = all(importlib.util.find_spec(name) for name in ("alembic", "sqlalchemy"))
    mlflow.set_tracking_uri("sqlite:///mlflow.db" if database else Path.cwd().as_uri() + "/mlruns")
    integration = importlib.import_module("guardrails.integrations.databricks")
    integration.MlFlowInstrumentor(experiment_name="doctor").instrument()

    def work() -> None:
        with mlflow.start_span(OWN):
            pass

    async def call() -> None:
        await _guard("AsyncGuard", work).validate("text")

    asyncio.set_event_loop(asyncio.new_event_loop())
    with mlflow.start_span(CALLER):
        _guard("Guard", work).validate("text")
        asyncio.run(call())
    experiment = mlflow.get_experiment_by_name("doctor").experiment_id
    count = len(mlflow.MlflowClient().search_traces([experiment]))
    if not count:
        raise LookupError("MLflow recorded nothing")
    return count == 1, f"{count} for a caller of Guard and AsyncGuard"


TRIALS = {"guards": try_guards, "mlflow": try_mlflow}

# --- what is printed -----------------------------------------------------------------------

WORDS = {True: "ok", False: "LOST", None: "?"}


def shown(told: Json) -> str:
    """The report for people: one line where there is no guardrails-ai."""
    verdict, packages = f"{told['verdict']}: {told['reason']}", told["packages"]
    if told["patched"] is None:
        return verdict
    # MLflow's parts have the version of the whole.
    names = [name for name in NAMES[1:] if not ("mlflow" in packages and name in MLFLOW[1:])]
    others = [f"{name} {packages[name]}" for name in names if name in packages]
    lines = [
        f"guardrails-ai {packages[NAMES[0]]}, {'patched' if told['patched'] else 'as published'}",
        *([f"from {told['source']}"] if told["source"] else []),
        ", ".join([f"Python {told['python']}", *others]),
    ]
    if told["checks"]:
        lines += ["", "Tried in a process of its own, without a network:"]
    for check in told["checks"]:
        lines.append(f"  {WORDS[check['held']]:4}  {check['name']:31} {check['detail']}")
    return "\n".join([*lines, *_shown_rows(told), "", verdict, *_remedy(told)])


def _shown_rows(told: Json) -> list[str]:
    if released(told) not in RELEASES:
        return ["", f"Its defects are not known; those of {RELEASES[0]} to {RELEASES[-1]} are."]
    lines = [f"  {row['id']:4} {row['text']}" for row in told["rows"]] or ["  none"]
    what = "that the patches do not mend" if told["patched"] else "of this release"
    return ["", f"Defects {what}, with what is installed here:", *lines]


def _remedy(told: Json) -> list[str]:
    if told["verdict"] != LOSES:
        return []
    if not told["wheel"]:
        return [
            f"There are wheels for {RELEASES[0]} to {RELEASES[-1]} only: move to one of these "
            "releases, or look whether a newer version of this project has one."
        ]
    python, release = shlex.quote(told["executable"]), released(told)
    how = "--force-reinstall" if told["patched"] else "--upgrade"
    return [
        "To mend it, in a checkout of this project:",
        f"  make wheel RELEASE={release}",
        f"  {python} -m pip install {how} --no-deps --find-links dist guardrails-ai=={release}",
    ]


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Prints a report on this Python's environment; returns the exit status.

    Args:
        arguments: The command line; by default the process's own.
    """
    parser = argparse.ArgumentParser(prog="doctor.py", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for each of two trials")
    parser.add_argument("--trial", choices=TRIALS, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.trial:
        try_out(chosen.trial)
    try:
        told = examine(chosen.timeout)
    except Exception as error:
        told = concluded(blank(), f"the doctor failed, please report it: {_line(error)}")
    print(json.dumps(told, indent=1) if chosen.json else shown(told))
    return int(told["status"])


if __name__ == "__main__":
    sys.exit(main())
