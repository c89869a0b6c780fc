"""What the README tells a newcomer to type, typed; and what every command prints for a model that lives."""

import csv
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from local import cli
from local.loop import Loop
from tests.docs.markdown import README, SHELLS, blocks, commands

pytestmark = pytest.mark.server

MODEL = "churn"
FILE = "customers.csv"
TYPED = [
    command
    for block in blocks(*SHELLS)
    for command in commands(block)
    if block.page == README and command[0] == "everloop" and MODEL in command
]


def write_customers(path: Path) -> None:
    """Expensive plans lose young customers; one row is not readable as the README's definition says."""
    chance = random.Random(1)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["age", "plan", "monthly_fee", "churned"])
        rows.writerow(["old", "pro", 29, "true"])
        for _ in range(800):
            age, plan = chance.randint(18, 80), chance.choice(["basic", "plus", "pro"])
            fee = {"basic": 9, "plus": 19, "pro": 29}[plan]
            rows.writerow([age, plan, fee, str(chance.random() < fee / 40 * (1 - age / 100)).lower()])


@pytest.fixture(scope="module")
def environment(loop: Loop, cloud_folder: Path) -> dict[str, str]:
    return {"EVERLOOP_HOME": str(cloud_folder / "home"), "EVERLOOP_TARGET": "local"}


@pytest.fixture(scope="module")
def typed(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each command of the README printed, by its first word; all in the order of the page."""
    folder = tmp_path_factory.mktemp("newcomer")
    write_customers(folder / FILE)
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    printed = {}
    for command in TYPED:
        elsewhere = ["--models", str(folder / "models")] if command[1] == "new" else []
        done = subprocess.run(
            [*command, *elsewhere],  # not into this checkout
            cwd=folder,
            env={"PATH": programs, "HOME": str(folder), **environment},
            check=False,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        printed[command[1]] = done.stdout
    return printed


@pytest.fixture
def run(typed: dict[str, str], environment: dict[str, str]) -> Callable[..., Any]:
    """`everloop …` in this process, after the README was typed."""
    return lambda *arguments: CliRunner().invoke(cli.app, arguments, env=environment)


def test_the_readme_leads_from_a_file_to_an_answer(typed: dict[str, str]) -> None:
    assert list(typed) == ["new", "upload", "train", "predict"]
    assert "binary-classification of churned (true or false)" in typed["new"]
    assert "801 delivered = 800 accepted + 1 quarantined + 0 duplicates" in typed["upload"]
    assert "promoted version 1" in typed["train"]
    assert "model" in typed["predict"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status"], "local cloud, pid"),
        (["models"], MODEL),
        (["versions", MODEL], "champion"),
        (["batches", MODEL], FILE),
        (["quarantine", MODEL], "wrong_type"),
        (["datasets", MODEL], "800"),
        (["history", MODEL], "promote"),
        (["runs", MODEL], "asked for by"),
        (["card", MODEL, "1"], MODEL),
        (["monitor", MODEL], "verdict"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_is_there_is_shown_as_text_and_as_json(run: Callable[..., Any], arguments: list[str], words: str) -> None:
    shown = run(*arguments)
    assert shown.exit_code == 0, shown.output
    assert words in shown.stdout
    if arguments[0] != "card":
        json.loads(run(*arguments, "--json").stdout)


def test_the_card_is_saved_with_the_plots_that_it_shows(run: Callable[..., Any], tmp_path: Path) -> None:
    shown = run("card", MODEL, "--save", str(tmp_path / "papers"))
    assert shown.exit_code == 0, shown.output
    assert "card of version 1 and importance.svg" in shown.stdout
    card = (tmp_path / "papers" / "card.md").read_text("utf-8")
    linked = re.findall(r"!\[.+\]\((.+)\)", card)
    assert sorted(linked) == sorted(path.name for path in (tmp_path / "papers").glob("*.svg"))
    assert all((tmp_path / "papers" / name).read_text("utf-8").startswith("<svg") for name in linked)


def test_the_key_is_printed_when_it_is_asked_for(run: Callable[..., Any]) -> None:
    key = json.loads(run("status", "--key", "--json").stdout)["api_key"]
    assert run("status", "--key").stdout == f"{key}\n"
    for arguments in (["status"], ["status", "--json"]):
        assert key not in run(*arguments).stdout


def test_quarantined_rows_of_a_batch_are_shown_with_their_reasons(run: Callable[..., Any]) -> None:
    [problem] = json.loads(run("quarantine", MODEL, "--json").stdout)["problems"]
    shown = json.loads(run("quarantine", MODEL, problem["batch_id"], "--json").stdout)
    [row] = shown["rows"]
    assert (row["age"], row["plan"]) == ("old", "pro")
    assert "wrong_type" in str(row["_reasons"])


def test_a_batch_is_shown_in_full_and_what_waits_of_it(run: Callable[..., Any]) -> None:
    [batch] = json.loads(run("batches", MODEL, "--json").stdout)
    shown = run("batches", MODEL, batch["batch_id"][:6]).stdout
    assert "801 delivered = 800 accepted + 1 quarantined" in shown
    assert "wrong_type" in shown
    assert "801 delivered = 800 accepted + 0 duplicates + 1 in quarantine" in run("batches", MODEL).stdout
    assert "1 rows of 1 batches wait" in run("quarantine", MODEL).stdout
    replayed = json.loads(run("quarantine", MODEL, "--replay", "--json").stdout)
    assert replayed["reports"] == []
    assert [(held["batch_id"], held["what"]) for held in replayed["held_back"]] == [(batch["batch_id"], "1 rows")]
    assert "1 rows: judged by this very definition" in run("quarantine", MODEL, "--replay").stdout


def test_a_dataset_is_shown_compared_and_foretold(run: Callable[..., Any]) -> None:
    [dataset] = json.loads(run("datasets", MODEL, "--json").stdout)
    version = dataset["version"]
    assert (dataset["rows"], dataset["superseded"], dataset["model_versions"]) == (800, 0, [1])
    assert "basic" in run("datasets", MODEL, version[:6]).stdout
    compared = run("datasets", MODEL, "diff", version[:6], version)
    assert compared.stdout.count("800 rows of 1 batches") == 2
    assert "DRIFTED" not in compared.stdout
    assert f"{version}, which exists" in run("datasets", MODEL, "--as-of", "2100-01-01").stdout
    early = run("datasets", MODEL, "--as-of", "2100-01-01", "--known-at", "2020-01-01T00:00:00+01:00", "--json")
    assert json.loads(early.stdout)["manifest"]["batches"] == []


def test_a_run_is_shown_as_it_ended_with_its_trials(run: Callable[..., Any]) -> None:
    [version] = json.loads(run("versions", MODEL, "--json").stdout)
    shown = run("runs", MODEL, version["run_id"][:20]).stdout
    assert "promoted version 1" in shown
    assert "chosen" in shown
    report = json.loads(run("runs", MODEL, version["run_id"], "--json").stdout)
    assert (report["version"], report["chosen_trial"] in [trial["trial"] for trial in report["trials"]]) == (1, True)


def test_runs_are_compared(run: Callable[..., Any]) -> None:
    compared, *_ = json.loads(run("runs", MODEL, "--json").stdout)
    assert compared["trials"] >= 1
    assert compared["started_at"] < compared["finished_at"]
    assert compared["intervals"]["roc_auc"]["low"] < compared["metrics"]["roc_auc"]
    line = run("runs", MODEL).stdout.splitlines()[1]
    assert all(str(words) in line for words in (compared["algorithm"], compared["dataset_version"], "asked for by"))


def test_who_was_champion_at_a_moment_is_told(run: Callable[..., Any]) -> None:
    [change] = json.loads(run("history", MODEL, "--json").stdout)["history"]
    assert "version 1 was champion of churn at" in run("history", MODEL, "--at", change["at"]).stdout
    assert "churn had no champion at 2020-01-01" in run("history", MODEL, "--at", "2020-01-01").stdout
    assert json.loads(run("history", MODEL, "--at", change["at"], "--json").stdout)["change"] == change


def test_a_training_is_told_while_it_goes_on(run: Callable[..., Any]) -> None:
    shown = run("train", MODEL, "--watch", "--json")
    assert json.loads(shown.stdout)["status"] == "refused", "the same rows again"
    assert shown.stderr.index("dataset prepared") < shown.stderr.index(" 1 of ") < shown.stderr.index("judged")


def test_a_version_is_made_again_to_the_byte(run: Callable[..., Any]) -> None:
    shown = run("reproduce", MODEL, "1")
    assert (shown.exit_code, "have the bytes of version 1" in shown.stdout) == (0, True), shown.output
    assert len(json.loads(run("versions", MODEL, "--json").stdout)) == 1


def test_an_outcome_and_a_check_are_taken(run: Callable[..., Any]) -> None:
    row = json.dumps({"age": 20, "plan": "pro", "monthly_fee": 29})
    [prediction] = json.loads(run("predict", MODEL, row, "--version", "1", "--json").stdout)["predictions"]
    assert run("outcome", MODEL, prediction["prediction_id"], "true").stdout == "recorded\n"
    checks = json.loads(run("monitor", MODEL, "--check", "--at", "2026-01-01T00:00:00Z", "--json").stdout)
    assert [check["verdict"] for check in checks] == ["too-few-rows"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["rollback", MODEL], "version 1 is its first champion (HTTP 409)"),
        (["reproduce", MODEL, "9"], "has no version 9"),
        (["promote", MODEL, "9"], "has no version 9; there are: 1 (HTTP 404)"),
        (["upload", MODEL, "nowhere.csv"], "nowhere.csv is not a file"),
        (["train", "chrun"], "no model is called 'chrun'"),
        (["batches", "chrun"], "no model is called 'chrun'"),
        (["quarantine", "chrun"], "no model is called 'chrun'"),
        (["datasets", "chrun"], "no model is called 'chrun'"),
        (["runs", MODEL, "no-run"], "has not ended, or never began (HTTP 404)"),
        (["predict", MODEL, "{age: 41}"], "expected JSON such as"),
        (["predict", MODEL, '{"age": "old"}'], "row 0, age: expected number, got 'old'"),
        (["quarantine", MODEL, "0000"], "expected the id of a batch of 'churn', got '0000', which is none"),
        (["datasets", MODEL, "diff", "0000", "1111"], "expected the id of a dataset of 'churn'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_line_or_two(
    typed: dict[str, str], environment: dict[str, str], tmp_path: Path, arguments: list[str], words: str
) -> None:
    program = Path(sys.executable).parent / "everloop"
    done = subprocess.run(
        [str(program), *arguments],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **environment},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert done.stderr.count("\n") <= 2
