"""Steps of the loop that many tests take, each waiting for what it started."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from everloop.contracts.batches import BatchReport, BatchStatus
from everloop.stores.history import BUILT
from local.loop import Loop, wait_for
from tests.e2e.pumps import Reading, end_of_week, readings, request_rows, write_csv

ROWS = 1_200
TIMEOUT_S = 180
ANSWER_TIMEOUT_S = 60
PUMPS = 17


def upload(loop: Loop, model: str, path: Path) -> BatchReport:
    return loop.wait_for_report(model, loop.upload(model, path), TIMEOUT_S)


def train(loop: Loop, model: str, *, week: int = 0, reason: str = "a test asked for it") -> dict[str, Any]:
    """How a run ended that learned from one week."""
    return loop.wait_for_run(model, loop.train(model, reason=reason, as_of=end_of_week(week)), TIMEOUT_S)


def train_first_champion(loop: Loop, model: str, files: Path, *, with_history: bool = False) -> dict[str, Any]:
    """Its histories are kept before it answers: a row answered earlier had none and would get another score later."""
    report = upload(loop, model, write_csv(files / f"{model}.csv", readings(ROWS, seed=1)))
    assert report.status is BatchStatus.ACCEPTED, report
    if with_history:
        wait_until_kept(loop, model)
    run = train(loop, model)
    assert (run["status"], run["version"]) == ("promoted", 1), run
    wait_until_answers(loop, model, 1)
    return run


def wait_until_answers(loop: Loop, model: str, version: int | None) -> dict[str, Any]:
    """The first answer of `version`: functions read the aliases again after some seconds only."""
    rows = request_rows(readings(3, seed=9))

    def answer() -> dict[str, Any] | None:
        given = loop.predict(model, rows)
        return given if given["version"] == version else None

    return wait_for(answer, f"an answer of version {version} of {model}", ANSWER_TIMEOUT_S)


def kept_states(loop: Loop, model: str) -> dict[str, bytes]:
    """What is kept of each entity of a model with [history], by its key."""
    return {key: state for key, state in _items(loop, model).items() if not key.endswith(BUILT)}


def wait_until_kept(loop: Loop, model: str) -> dict[str, bytes]:
    """Until the histories of all pumps and of the plant are there, and said to be whole."""

    def look() -> dict[str, bytes] | None:
        found = _items(loop, model)
        kept = {key: state for key, state in found.items() if not key.endswith(BUILT)}
        return kept if (len(kept), len(found) - len(kept)) == (PUMPS + 1, 2) else None

    return wait_for(look, "the histories of the pumps and of the plant", TIMEOUT_S)


def _items(loop: Loop, model: str) -> dict[str, bytes]:
    table = loop.target.client("dynamodb")
    pages = table.get_paginator("scan").paginate(TableName=loop.target.output("HistoryTableName"))
    items = {item["pk"]["S"]: item["state"]["B"] for page in pages for item in page["Items"]}
    return {key: state for key, state in items.items() if key.startswith(f"{model}/")}


def champion(loop: Loop, model: str) -> int | None:
    found: int | None = loop.call("GET", f"/models/{model}")["champion"]
    return found


def versions(loop: Loop, model: str) -> list[int]:
    return [version["version"] for version in loop.call("GET", f"/models/{model}/versions")["versions"]]


def executions(loop: Loop, run_id: str) -> list[dict[str, Any]]:
    """The executions of the state machine that belong to a run."""
    machines = loop.target.client("stepfunctions")
    arn = loop.target.output("TrainingStateMachineArn")
    listed = machines.get_paginator("list_executions").paginate(stateMachineArn=arn)
    arns = [execution["executionArn"] for page in listed for execution in page["executions"]]
    found = [machines.describe_execution(executionArn=execution) for execution in arns]
    return [execution for execution in found if json.loads(execution["input"])["run_id"] == run_id]


def ended_execution(loop: Loop, run_id: str) -> dict[str, Any]:
    """The one execution of a run: its report comes first, then the state machine ends."""

    def look() -> dict[str, Any] | None:
        [execution] = executions(loop, run_id)
        return None if execution["status"] == "RUNNING" else execution

    return wait_for(look, "the end of the execution", TIMEOUT_S)


def lake_keys(loop: Loop, prefix: str) -> list[str]:
    lake = loop.target.client("s3")
    pages = lake.get_paginator("list_objects_v2").paginate(Bucket=loop.target.output("LakeBucketName"), Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def lake_rows(loop: Loop, prefix: str, columns: str, folder: Path) -> list[tuple[Any, ...]]:
    """The columns (as SQL) of all Parquet files under a prefix."""
    folder.mkdir()
    for number, key in enumerate(lake_keys(loop, prefix)):
        path = str(folder / f"{number}.parquet")
        loop.target.client("s3").download_file(loop.target.output("LakeBucketName"), key, path)
    with duckdb.connect() as connection:
        return connection.execute(f"select {columns} from read_parquet('{folder}/*.parquet')").fetchall()


def ask_and_tell(loop: Loop, model: str, rows: Sequence[Reading]) -> list[dict[str, Any]]:
    """Predictions for at most 1,000 readings, and what really happened, told at the time of the reading."""
    predictions: list[dict[str, Any]] = loop.predict(model, request_rows(rows))["predictions"]
    loop.record(
        model,
        [
            {"prediction_id": asked["prediction_id"], "actual": row["failed"], "observed_at": row["measured_at"]}
            for asked, row in zip(predictions, rows, strict=True)
        ],
    )
    return predictions
