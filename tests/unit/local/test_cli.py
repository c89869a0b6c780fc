"""Commands end with a result or with one readable message."""

import json
import re
from pathlib import Path

import pytest
import typer
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import NoRegionError

from everloop.contracts.definition import Definition
from local import cli
from local.commands.traffic import _rows
from local.console import MODEL_NAME, MODEL_NAME_LENGTH
from local.errors import ApiError


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["versions", "a b"], "expected a model's name such as flight-delay, got 'a b'"),
        (["versions", "a" * 64], "expected a model's name such as flight-delay"),
        (["up", "--port", "70000"], "65535"),
        (["monitor", "churn", "--at", "2026-01-01T00:00:00Z"], "--at goes with --check"),
        (["monitor", "churn", "--check", "--at", "noon"], "expected a moment such as 2026-01-31T00:00:00Z, got 'noon'"),
        (["train", "churn", "--as-of", "noon"], "expected a moment such as 2026-01-31T00:00:00Z, got 'noon'"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_told_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(monkeypatch, *arguments) == 2
    printed = re.sub(r"[\s│]+", " ", capsys.readouterr().err)
    assert words in printed


def test_a_model_is_named_as_its_definition_may_name_it() -> None:
    rule = Definition.model_json_schema()["properties"]["name"]
    assert (rule["pattern"], rule["maxLength"]) == (f"^{MODEL_NAME.pattern}$", MODEL_NAME_LENGTH)


def test_a_negative_outcome_is_no_option() -> None:
    command = typer.main.get_command(cli.app).commands["outcome"]  # type: ignore[attr-defined]  # it is a group
    context = command.make_context("outcome", ["churn", "p1", "-5.5", "--json"])
    assert (context.params["actual"], context.params["as_json"]) == ("-5.5", True)


def test_an_error_of_the_aws_libraries_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVERLOOP_TARGET", "aws")
    monkeypatch.setenv("AWS_PROFILE", "there-is-no-such-profile")
    assert run(monkeypatch, "promote", "churn", "1") == 1
    assert capsys.readouterr().err == "error: The config profile (there-is-no-such-profile) could not be found\n"


@pytest.mark.parametrize(
    ("error", "is_from_aws"),
    [(NoRegionError(), True), (S3UploadFailedError(), True), (ZeroDivisionError(), False)],
    ids=lambda value: type(value).__name__,
)
def test_only_errors_of_the_aws_libraries_lose_their_traceback(error: Exception, is_from_aws: bool) -> None:
    assert cli._is_from_aws(error) is is_from_aws


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"age": 41}\n{"age": 42}\n', "expected one JSON array or object, got more after it in line 2"),
        ('[{"plan": "größer"}]'.encode("latin-1"), "expected one JSON array or object in UTF-8, got byte 0xf6"),
        (b"{age: 41}", "expected one JSON array or object: Expecting property name"),
    ],
    ids=["json lines", "latin-1", "no json"],
)
def test_rows_of_an_unreadable_file_name_the_file(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(ApiError, match=re.escape(f"{path}: {words}")):
        _rows(f"@{path}")
