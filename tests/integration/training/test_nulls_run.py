"""Columns of every type, each with nulls, through the real steps: trained, registered and asked."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from everloop.adapters.definitions import load_definition
from everloop.contracts.tasks import Task
from everloop.inference.rows import to_columns
from everloop.scorer import Scorer
from everloop.stores.work import WorkStore
from functions.registry import register_version
from functions.training import evaluate_candidate, fit_candidate, prepare_dataset, run_trial
from tests.plant import Plant
from tests.samples import NOW

MODEL = "repairs"
ROWS = 1_000
COLUMNS = {
    "hours": "number",
    "starts": "integer",
    "outdoors": "boolean",
    "kind": "category",
    "serviced": "timestamp",
    "note": "text",
    "serial": "text",
}
TARGETS = {Task.BINARY: "boolean", Task.MULTICLASS: "category", Task.REGRESSION: "number"}
LINEAR = {Task.BINARY: "logistic-regression", Task.MULTICLASS: "logistic-regression", Task.REGRESSION: "ridge"}
SQL = {
    "hours": "hash(i) % 1000 / 10.0",
    "starts": "(hash(i + 1) % 50)::bigint",
    "outdoors": "hash(i + 2) % 2 = 0",
    "kind": "['axial', 'radial', 'Zahnrad-Ölpumpe'][1 + (hash(i + 3) % 3)::bigint]",
    "serviced": "timestamp '2026-01-01' + to_hours((hash(i + 4) % 1000)::bigint)",
    "note": "['Lager läuft heiß', '異音 なし 正常', 'leck an der dichtung'][1 + (hash(i + 5) % 3)::bigint]",
    "serial": "'s' || hash(i)",
}
"""Of each column, where it is not null: in every tenth row, another one for each."""
OUTCOME = {
    Task.BINARY: "coalesce(note LIKE '%heiß%', false) OR coalesce(hours > 90, false)",
    Task.MULTICLASS: "CASE WHEN note LIKE '%heiß%' THEN 'hot' WHEN note LIKE '%leck%' THEN 'leak' ELSE 'sound' END",
    Task.REGRESSION: "coalesce(hours, 50) / 50 + (coalesce(note, '') LIKE '%heiß%')::integer * 3",
}
RUN = {"model": MODEL, "run_id": "run-1"}
REQUEST = {**RUN, "as_of": "2026-03-14T09:30:00Z", "reason": "a test asked for it", "requested_by": "pytest"}
ROW = {"hours": 20.0, "starts": 3, "outdoors": True, "kind": "axial", "serviced": "2026-01-05T00:00:00Z"}


@pytest.fixture(params=TARGETS, ids=str)
def task(request: pytest.FixtureRequest) -> Task:
    chosen: Task = request.param
    return chosen


def definition_of(task: Task) -> str:
    declared = "\n".join(f'{name} = "{kind}"' for name, kind in {**COLUMNS, "outcome": TARGETS[task]}.items())
    return f"""
name = "{MODEL}"
task = "{task}"
[data]
target = "outcome"
[columns]
{declared}
[features]
hour = "hour(serviced)"
urgent = "note LIKE '%heiß%'"
[training]
algorithms = ["hist-gradient-boosting", "{LINEAR[task]}"]
trials = 2
"""


@pytest.fixture
def world(plant: Plant, task: Task, deploy_models: Callable[..., None], tmp_path: Path) -> Plant:
    path = tmp_path / f"{MODEL}.toml"
    path.write_text(definition_of(task), "utf-8")
    deploy_models(path)
    cells = [
        f"if(hash(i + {place}) % 10 = 0, null, {sql}) AS {name}" for place, (name, sql) in enumerate(SQL.items(), 10)
    ]
    file = tmp_path / "rows.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT *, {OUTCOME[task]} AS outcome FROM (SELECT {', '.join(cells)} FROM range({ROWS}) t(i)))"
            f" TO '{file}' (FORMAT parquet)"
        )
    plant.accept(MODEL, file, ROWS, received_at=NOW - timedelta(hours=1))
    return plant


def train(plant: Plant) -> dict[str, Any]:
    """What metrics.json holds."""
    dataset = prepare_dataset.lambda_handler(REQUEST, None)
    trials = [run_trial.lambda_handler({**RUN, "trial": trial}, None) for trial in dataset["search"]["trials"]]
    assert all(trial["value"] is not None for trial in trials)
    fit_candidate.lambda_handler({**RUN, "trials": trials}, None)
    evaluation = evaluate_candidate.lambda_handler(RUN, None)
    assert evaluation["passed"], evaluation["gates"]
    register_version.lambda_handler(RUN, None)
    metrics: dict[str, Any] = json.loads(WorkStore(plant.lake, MODEL, RUN["run_id"]).candidate_files()["metrics.json"])
    return metrics


def ask(plant: Plant, *rows: dict[str, Any]) -> Any:
    """Scores, as the version answers what a request carries."""
    scorer = Scorer(plant.registry.read(MODEL, 1, "model.onnx"))
    return scorer.score(to_columns(rows, load_definition(MODEL)))


def test_columns_of_every_type_with_nulls_train_and_serve(world: Plant, task: Task) -> None:
    metrics = train(world)
    worth = {each["column"]: each["loss"] for each in metrics["importance"]}
    assert worth.keys() == COLUMNS.keys()
    assert worth["note"] > 0.05
    assert worth["serial"] == pytest.approx(0, abs=0.02), "an id says nothing"
    assert {each["column"] for each in metrics["slices"]["parts"]}.isdisjoint({"note", "serial"})
    hot, sound, null, absent = ask(world, {**ROW, "note": "heiß!"}, {**ROW, "note": "正常"}, dict.fromkeys(COLUMNS), {})
    np.testing.assert_array_equal(null, absent)
    if task is Task.MULTICLASS:
        assert (hot.argmax(), sound.argmax()) == (0, 2), "hot, leak, sound"
    else:
        assert hot > sound + 0.5
