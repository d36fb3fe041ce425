import json
import socket
from pathlib import Path

import pytest

import made
from demo import results, ui
from demo.subjects import SUBJECTS
from made import PATCHED, PUBLISHED, call, result, with_orphan


def test_the_telling_traces_are_the_callers_and_the_orphans() -> None:
    found = list(ui.addresses([result(PUBLISHED, with_orphan())], "http://127.0.0.1:1"))

    assert found == [
        (
            "9.9.9 as published, Guard: handle request",
            "http://127.0.0.1:1/#/experiments/1/traces?startTimeLabel=ALL&selectedEvaluationId=a",
        ),
        (
            "9.9.9 as published, Guard: ORPHAN lonely",
            "http://127.0.0.1:1/#/experiments/1/traces?startTimeLabel=ALL&selectedEvaluationId=b",
        ),
    ]


def test_a_whole_trace_has_one_address() -> None:
    assert len(list(ui.addresses([result(PATCHED, call())], "http://127.0.0.1:1"))) == 1


def test_without_a_store_there_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert ui.main([]) == 1
    assert "run `make demo` first" in capsys.readouterr().err


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    results.FOLDER.mkdir(parents=True)
    results.STORE.touch()
    for subject in SUBJECTS:
        results.path(results.FOLDER, subject).write_text(json.dumps(made.content(call())))
    return results.STORE


def test_an_interrupted_demos_store_is_one_clear_line(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.path(results.FOLDER, SUBJECTS[-1]).unlink()

    assert ui.main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no result of 0.11.0 patched: run `make demo`" in line


def test_a_taken_port_is_one_clear_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert ui.main([str(port)]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert f"port {port}" in line
    assert "choose another" in line


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "5 000"])
def test_what_is_no_port_is_one_clear_line(
    text: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ui.main([text]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is no port" in line
