"""What happens where a process cannot measure."""

import pytest

from bench.process import Process


def test_a_process_that_ends_at_once_says_where_it_wrote_why(tmp_path, monkeypatch):
    # What it needs is not on its path.
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match=r"has ended: see .*worker\.log"):
        Process(tmp_path, "off", tmp_path / "worker.log")
    assert "No module named" in (tmp_path / "worker.log").read_text()
