"""Versions tried beside the champion: assigned, measured, judged; the better one is promoted, the broken one goes."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from everloop.monitoring.trial import SETTLING
from local import cli
from local.loop import Loop, wait_for
from tests.e2e.pumps import Reading, end_of_week, readings, request_rows, write_csv
from tests.e2e.steps import ANSWER_TIMEOUT_S, ROWS, TIMEOUT_S, upload, wait_until_answers
from tests.foreign import linear

pytestmark = pytest.mark.server

MODEL = "pump-rivals"
STRENGTH = 0.06
"""Of the pressure: all versions put pumps in the same order, and differ by how probable they think a failure."""
BIASES = {1: 9.0, 2: -5.0, 3: -4.5}

Run = Callable[..., Any]


@pytest.fixture(scope="module", autouse=True)
def _one_judge(loop: Loop) -> Iterator[None]:
    """The schedule could end an experiment before a test has looked at it, so that `judged` would find none."""
    set_schedule(loop, "DISABLED")
    yield
    set_schedule(loop, "ENABLED")


def set_schedule(loop: Loop, state: str) -> None:
    """Let the schedule of all experiments run, or not."""
    scheduler = loop.target.client("scheduler")
    pages = scheduler.get_paginator("list_schedules").paginate()
    entries = [entry for page in pages for entry in page["Schedules"]]
    [judging] = [entry for entry in entries if "JudgeTraffic" in entry["Target"]["Arn"]]
    found = scheduler.get_schedule(Name=judging["Name"], GroupName=judging["GroupName"])
    told = {"Arn", "CreationDate", "LastModificationDate", "ResponseMetadata"}
    scheduler.update_schedule(**{key: value for key, value in found.items() if key not in told} | {"State": state})


@pytest.fixture(scope="module")
def run(loop: Loop, cloud_folder: Path, files: Path) -> Run:
    """`everloop …` in this process."""
    environment = {"EVERLOOP_HOME": str(cloud_folder / "home"), "EVERLOOP_TARGET": "local"}
    upload(loop, MODEL, write_csv(files / f"{MODEL}.csv", readings(ROWS, seed=1)))

    def typed(*arguments: Any) -> str:
        shown = CliRunner().invoke(cli.app, list(map(str, arguments)), env=environment)
        assert shown.exit_code == 0, (shown.output, shown.exception)
        return shown.stdout

    return typed


def imported(run: Run, folder: Path, version: int) -> dict[str, Any]:
    """How the run ended whose candidate was this version's model."""
    path = folder / f"pressure-{version}.onnx"
    path.write_bytes(linear(width=1, scale=STRENGTH, bias=BIASES[version]))
    how = ["--inputs", "pressure", "--answer", "logit", "--as-of", end_of_week(0)]
    report: dict[str, Any] = json.loads(run("import", MODEL, path, *how, "--json"))
    assert report["version"] == version, report
    return report


def pumps(seed: int) -> list[Reading]:
    """One reading of each of a thousand pumps, the same pumps whatever the seed."""
    return [{**reading, "pump": f"E-{number}"} for number, reading in enumerate(readings(1_000, seed=seed))]


def ask(loop: Loop, seed: int) -> tuple[list[Reading], list[dict[str, Any]]]:
    """Predictions from when every worker has heard of the experiment, which its judge waits for, too."""
    begun = datetime.fromisoformat(loop.call("GET", f"/models/{MODEL}")["traffic"]["started_at"])
    wait_for(lambda: (datetime.now(UTC) > begun + SETTLING) or None, "workers that know", ANSWER_TIMEOUT_S)
    rows = pumps(seed)
    return rows, loop.predict(MODEL, request_rows(rows))["predictions"]


def judged(loop: Loop) -> str:
    """The verdict of now, by the function that the schedule calls."""
    functions = loop.target.client("lambda")
    pages = functions.get_paginator("list_functions").paginate()
    names = [each["FunctionName"] for page in pages for each in page["Functions"]]
    [name] = [name for name in names if "JudgeTraffic" in name]
    request = {"scheduled_time": datetime.now(UTC).isoformat()}
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(request))
    verdicts = json.loads(answer["Payload"].read())
    assert not answer.get("FunctionError"), verdicts
    return str(verdicts[MODEL])


def history(loop: Loop) -> list[dict[str, Any]]:
    changes: list[dict[str, Any]] = loop.call("GET", f"/models/{MODEL}/history")["history"]
    return changes


@pytest.fixture(scope="module")
def trained(loop: Loop, run: Run, files: Path) -> dict[str, Any]:
    """The run of the second version."""
    assert imported(run, files, 1)["status"] == "promoted", "the first version has nobody to be tried against"
    wait_until_answers(loop, MODEL, 1)
    return imported(run, files, 2)


@pytest.fixture(scope="module")
def won(loop: Loop, run: Run, trained: dict[str, Any]) -> dict[str, Any]:
    """The A/B of version 2 against version 1, as its last judgement tells."""
    run("experiment", "stop", MODEL, "--reason", "an A/B shall decide")
    begun = run("experiment", "start", MODEL, "--challenger", 2, "--for", "7 days", "--reason", "is it better?")
    assert "beside it: ab: version 2, 50 %" in begun
    rows, first = ask(loop, seed=4)
    again = loop.predict(MODEL, request_rows(pumps(seed=5)))["predictions"]
    assert [each["variant"] for each in again] == [each["variant"] for each in first], "a pump keeps its side"
    outcomes = [
        {"prediction_id": each["prediction_id"], "actual": row["failed"]} for row, each in zip(rows, first, strict=True)
    ]
    loop.record(MODEL, outcomes)
    loop.wait_until_logged(TIMEOUT_S)
    told: dict[str, Any] = json.loads(run("experiment", "status", MODEL, "--json"))
    assert told["traffic"]["challenger"] == 2, "to look changes nothing"
    assert judged(loop) == "promote", json.dumps(told["report"])
    return told


def test_a_trained_version_is_put_on_trial_as_its_definition_says(trained: dict[str, Any], loop: Loop) -> None:
    assert trained["status"] == "challenging", trained
    assert trained["reason"].startswith("began an experiment (canary) with version 2 since ")
    promoted, tried = history(loop)[:2]
    assert (promoted["champion"], promoted["traffic"]) == (1, None)
    assert (tried["action"], tried["champion"], tried["by"]) == ("traffic", 1, f"run {trained['run_id']}")
    assert (tried["traffic"]["mode"], tried["traffic"]["share"], tried["traffic"]["steps"]) == (
        "canary",
        0.05,
        [0.25, 0.5],
    )


def test_of_two_versions_the_better_one_is_promoted(loop: Loop, run: Run, won: dict[str, Any]) -> None:
    report = won["report"]
    champion, challenger = report["variants"]
    assert (champion["version"], challenger["version"]) == (1, 2)
    assert champion["outcomes"] + challenger["outcomes"] == 1_000
    assert 400 < challenger["outcomes"] < 600
    assert report["difference"]["high"] < 0
    assert not report["sample_ratio"]["mismatch"]
    change = history(loop)[-1]
    assert (change["action"], change["champion"], change["traffic"]) == ("promote", 2, None)
    assert change["by"] == f"experiment {won['traffic']['salt']}"
    wait_until_answers(loop, MODEL, 2)
    shown = run("experiment", "status", MODEL)
    assert "no experiment runs, version 2 has all of the traffic" in shown
    assert "verdict: promote" in shown
    assert "ab: version 2, 50 %" in run("history", MODEL)


def test_a_canary_that_cannot_answer_is_aborted_and_no_caller_sees_it(
    loop: Loop, run: Run, won: dict[str, Any], files: Path
) -> None:
    assert imported(run, files, 3)["status"] == "challenging"
    assert "challenger" in run("versions", MODEL)
    place = {"Bucket": loop.target.output("ModelsBucketName"), "Key": f"{MODEL}/versions/3/model.onnx"}
    loop.target.client("s3").put_object(**place, Body=b"damaged")
    _, answered = ask(loop, seed=6)
    tried = [each for each in answered if each["variant"] == "challenger"]
    assert 20 <= len(tried) <= 100, "5 %"
    assert {(each["answered_by"], each["version"]) for each in tried} == {("fallback:champion", 2)}
    loop.wait_until_logged(TIMEOUT_S)
    assert judged(loop) == "abort"
    change = history(loop)[-1]
    assert (change["action"], change["champion"], change["traffic"]) == ("traffic", 2, None)
    assert "fallback share" in change["reason"]
    assert "BROKEN" in run("experiment", "status", MODEL)
