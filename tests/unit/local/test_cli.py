"""Commands end with a result or with one readable message."""

import json
from pathlib import Path

import pytest

from local import cli


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERLOOP_HOME", str(tmp_path))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr("sys.argv", ["everloop", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


def test_an_error_is_one_line_on_stderr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EVERLOOP_TARGET", "local")
    assert run(monkeypatch, "status") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: EVERLOOP_TARGET is 'local'")
    assert printed.err.count("\n") == 1


def test_down_without_a_cloud_is_no_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "down", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": None}
