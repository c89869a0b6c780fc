"""`everloop new`: a definition from a file."""

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from everloop.contracts.definition import load_definitions
from everloop.errors import DefinitionError
from local import cli
from local.project import Project

ROWS = "age,plan,note,left\n" + "".join(
    f"{20 + n * 7 % 50},{'abc'[n % 3]},same,{'yes' if n * 13 % 7 < 2 else 'no'}\n" for n in range(300)
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "customers.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def new(file: Path, models: Path, *options: str, target: str = "left") -> Result:
    return CliRunner().invoke(
        cli.app, ["new", "churn", str(file), "--target", target, "--models", str(models), *options]
    )


def test_a_definition_is_written_and_shown(file: Path, models: Path) -> None:
    done = new(file, models)
    assert done.exit_code == 0, done.output
    assert [definition.name for definition in load_definitions(models)] == ["churn"]
    assert "customers.csv: 300 rows, binary-classification of left (true or false)" in done.output
    assert "note: always 'same'" in done.output
    assert f"everloop upload churn {file}" in done.output


def test_a_definition_is_never_overwritten_unasked(file: Path, models: Path) -> None:
    models.mkdir()
    (models / "churn.toml").write_text("mine")
    refused = new(file, models)
    assert isinstance(refused.exception, DefinitionError)
    assert "overwrite it with --force" in str(refused.exception)
    assert (models / "churn.toml").read_text() == "mine"
    assert new(file, models, "--force").exit_code == 0
    assert (models / "churn.toml").read_text() != "mine"


@pytest.mark.parametrize("option", ["--print", "--dry-run"])
def test_the_definition_can_be_printed_alone(file: Path, models: Path, option: str) -> None:
    done = new(file, models, option)
    assert tomllib.loads(done.output)["name"] == "churn"
    assert not models.exists()


def test_the_document_says_all_that_the_table_says(file: Path, models: Path) -> None:
    document = json.loads(new(file, models, "--json").output)
    assert document["path"] == str(models / "churn.toml")
    assert document["toml"] == (models / "churn.toml").read_text("utf-8")
    assert {column["name"]: column["role"] for column in document["columns"]} == {
        "age": "input",
        "plan": "input",
        "note": "left out",
        "left": "target",
    }


def test_a_wrong_target_leaves_nothing_behind(file: Path, models: Path) -> None:
    refused = new(file, models, target="lest")
    assert "did you mean 'left'?" in str(refused.exception)
    assert not models.exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path, models: Path) -> None:
    refused = new(tmp_path / "customers.csv", models)
    assert refused.exit_code == 2
    assert "there is no file" in refused.output


def test_the_task_can_be_said(file: Path, models: Path) -> None:
    assert new(file, models, "--task", "multiclass-classification").exit_code == 0
    assert next(load_definitions(models)).task == "multiclass-classification"


def test_the_checkouts_models_are_the_default(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Project, "here", lambda: Project(root=tmp_path, home=tmp_path / "home"))
    done = CliRunner().invoke(cli.app, ["new", "churn", str(file), "--target", "left"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "models" / "churn.toml").exists()
