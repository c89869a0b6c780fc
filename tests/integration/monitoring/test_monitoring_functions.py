"""log_predictions and check_model on their samples: from a queue to a verdict."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import duckdb
import numpy as np
import pytest

from everloop.contracts.batches import batch_key
from everloop.contracts.predictions import OutcomeRecord
from everloop.contracts.registry import TrainingRequest
from everloop.features.profile import Profile, centres_of
from everloop.registry.promotion import promote
from functions.monitoring import check_model, log_predictions
from tests import logged
from tests.logged import Logged, id_of
from tests.plant import LAKE, MODEL, Plant
from tests.samples import MODELS, NOW, constant_model, event, version_files

CHECK = event("monitoring/check_model.json")
CHECKED_AT = datetime.fromisoformat(CHECK["scheduled_time"])
METRICS = {"candidate": {"roc_auc": 0.9}, "intervals": {"roc_auc": {"low": 0.88, "high": 0.92}}}


def inputs(pressure: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["axial", "radial", ""], len(pressure)).astype(object)
    return {"kind": kinds, "pressure": pressure, "starts": rng.integers(0, 7, len(pressure)).astype(float)}


@pytest.fixture
def serving(plant: Plant) -> Plant:
    """A champion that was trained on pressures about 100."""
    columns = inputs(np.random.default_rng(9).normal(100, 10, 2_000))
    files = version_files("run-1") | {
        "profile.json": Profile.of(columns, centres_of(columns)).to_json(),
        "metrics.json": json.dumps(METRICS).encode(),
    }
    plant.registry.register(MODEL, "run-1", files, now=NOW)
    plant.registry.change_aliases(MODEL, lambda aliases: promote(aliases, 1, at=NOW, reason="", by="run"))
    return plant


def sqs(*bodies: str) -> dict[str, Any]:
    (record, *_) = event("monitoring/log_predictions.json")["Records"]
    return {"Records": [{**record, "messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]}


def predictions(pressure: np.ndarray, *, seed: int = 1) -> tuple[str, list[Logged]]:
    columns = inputs(pressure, seed)
    records = []
    for number in range(len(pressure)):
        at = (CHECKED_AT - timedelta(minutes=1 + number)).isoformat()
        row = {name: values[number] for name, values in columns.items()}
        row |= {"kind": row["kind"] or None, "starts": int(row["starts"])}
        records.append(
            Logged(
                prediction_id=id_of(number, CHECKED_AT),
                event_time=at,
                score=number / len(pressure),
                inputs={**dict.fromkeys(("measured_at", "pump", "outdoors")), **row},
            )
        )
    return logged.predictions(MODEL, records).model_dump_json(), records


def outcomes(records: list[Logged], actual: list[float]) -> str:
    observed = [
        OutcomeRecord(prediction_id=record.prediction_id, actual=value, observed_at=record.event_time)
        for record, value in zip(records, actual, strict=True)
    ]
    return logged.outcomes(MODEL, observed).model_dump_json()


def log(*bodies: str) -> None:
    assert log_predictions.lambda_handler(sqs(*bodies), None) == {"batchItemFailures": []}


def check(**changes: Any) -> dict[str, Any]:
    found = check_model.lambda_handler(CHECK | changes, None)
    json.dumps(found, allow_nan=False)
    return found


def usual(rows: int = 400) -> np.ndarray:
    return np.random.default_rng(5).normal(100, 10, rows)


def test_the_sample_messages_lie_in_the_lake_by_kind_and_day(plant: Plant) -> None:
    assert log_predictions.lambda_handler(event("monitoring/log_predictions.json"), None) == {"batchItemFailures": []}
    folders = sorted(key.rsplit("/", 1)[0] for key in plant.lake.list_keys(""))
    lookup = f"lookup/2026-03-14T09/{MODEL}"
    assert folders == [lookup, f"outcomes/{MODEL}/dt=2026-03-15", f"predictions/{MODEL}/dt=2026-03-14"]


def test_a_message_delivered_twice_leaves_one_file(plant: Plant) -> None:
    for _ in range(2):
        log_predictions.lambda_handler(event("monitoring/log_predictions.json"), None)
    assert len(list(plant.lake.list_keys("predictions/"))) == 1
    assert len(list(plant.lake.list_keys("outcomes/"))) == 1


def test_the_challenger_of_the_sample_scores_beside_from_the_registry(serving: Plant, tmp_path: Path) -> None:
    serving.registry.register(MODEL, "run-2", version_files("run-2", constant_model(0.75)), now=NOW)
    log_predictions.lambda_handler(event("monitoring/log_predictions.json"), None)
    [key] = serving.lake.list_keys("predictions/")
    serving.lake.download(key, tmp_path / "rows.parquet")
    with duckdb.connect() as connection:
        read = connection.execute(
            "SELECT shadow_version, shadow_score, shadow_label, shadow_error, score, feature_hour, input_kind"
            f" FROM '{tmp_path / 'rows.parquet'}' ORDER BY prediction_id"
        ).fetchall()
    assert read == [(2, 0.75, "True", None, 0.7, 8.0, "Zahnrad-Ölpumpe"), (2, 0.75, "True", None, 0.2, 8.0, "axial")]


@pytest.mark.parametrize("bad", ["", "{}", "not json", '{"kind": "outcomes", "model": "unknown", "records": []}'])
def test_a_bad_message_fails_alone(plant: Plant, bad: str) -> None:
    good, _ = predictions(usual(3))
    answer = log_predictions.lambda_handler(sqs(bad, good), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert len(list(plant.lake.list_keys("predictions/"))) == 1


def test_without_a_champion_there_is_nothing_to_judge(plant: Plant) -> None:
    assert check()["verdict"] == "no-champion"


def test_few_rows_are_no_reason_to_judge(serving: Plant) -> None:
    log(predictions(usual(20))[0])
    found = check()
    assert (found["verdict"], found["rows"]) == ("too-few-rows", 20)


def test_a_model_whose_world_stays_is_healthy(serving: Plant) -> None:
    body, records = predictions(usual())
    log(body, outcomes(records, [float(record.score >= 0.5) for record in records]))
    found = check()
    assert (found["verdict"], found["rows"], found["outcomes"]) == ("healthy", 400, 400)
    assert found["performance"]["value"] == 1.0
    assert [told["type"] for told in serving.events()] == ["monitoring.checked"]


def test_delivering_everything_again_does_not_change_the_verdict(serving: Plant) -> None:
    body, records = predictions(usual())
    known = outcomes(records, [float(record.score >= 0.5) for record in records])
    log(body, known)
    log(known)
    log(body)
    found = check()
    assert (found["rows"], found["outcomes"]) == (400, 400)


def test_inputs_that_moved_ask_for_one_training(serving: Plant) -> None:
    log(predictions(usual() + 60)[0])
    found = check()
    assert found["verdict"] == "drifting"
    assert [column["column"] for column in found["columns"] if column["drifted"]] == ["pressure"]
    told = serving.events()
    assert sorted(each["type"] for each in told) == ["drift.detected", "monitoring.checked", "training.requested"]
    (asked,) = (each["data"] for each in told if each["type"] == "training.requested")
    request = TrainingRequest.model_validate(asked)
    assert request.run_id == found["retraining"]
    assert request.as_of == CHECKED_AT


def test_outcomes_of_predictions_that_nobody_made_are_counted_and_kept_apart(
    serving: Plant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body, records = predictions(usual())
    strangers = [replace(record, prediction_id=f"stranger-{number}") for number, record in enumerate(records[:7])]
    log(body, outcomes(records, [1.0] * 400), outcomes(strangers, [1.0] * 7))
    capsys.readouterr()
    found = check()
    assert (found["outcomes"], found["unknown_outcomes"], found["verdict"]) == (400, 7, "healthy")
    assert '"UnknownOutcomes": 7' in capsys.readouterr().out
    [key] = serving.lake.list_keys("unknown-outcomes/")
    assert key == f"unknown-outcomes/{MODEL}/{found['check_id']}.parquet"
    serving.lake.download(key, tmp_path / "unknown.parquet")
    with duckdb.connect() as connection:
        read = connection.execute(f"SELECT prediction_id, actual FROM '{tmp_path / 'unknown.parquet'}'").fetchall()
    assert sorted(read) == [(f"stranger-{number}", "1.0") for number in range(7)]


def test_a_schedule_that_fires_twice_makes_one_check_and_asks_once(serving: Plant) -> None:
    log(predictions(usual() + 60)[0])
    first = check()
    serving.events()
    assert check() == first
    assert serving.events() == []


def test_answers_that_went_wrong_are_degraded(serving: Plant) -> None:
    body, records = predictions(usual())
    log(body, outcomes(records, [float(number % 2) for number in range(len(records))]))
    found = check()
    assert found["verdict"] == "degraded"
    assert found["performance"]["value"] == pytest.approx(0.5, abs=0.1)
    assert "performance.degraded" in {told["type"] for told in serving.events()}


def test_within_the_cooldown_a_second_training_is_held_back(serving: Plant) -> None:
    log(predictions(usual() + 60)[0])
    check()
    later = check(scheduled_time=(CHECKED_AT + timedelta(hours=1)).isoformat())
    assert later["verdict"] == "drifting"
    assert later["retraining"] is None
    assert later["held_back"].startswith("cooldown")


def test_outcomes_of_one_class_are_no_performance_and_leave_no_nan(serving: Plant) -> None:
    body, records = predictions(usual())
    log(body, outcomes(records, [1.0] * len(records)))
    found = check()
    assert (found["performance"], found["outcomes"]) == (None, 400)
    assert check(scheduled_time=(CHECKED_AT + timedelta(days=1)).isoformat())["verdict"], "later checks can read it"


@pytest.mark.parametrize(
    ("change", "compared"),
    [
        (("pressure = ", "vibration = "), ["kind", "starts"]),
        (('"number", minimum = 0, maximum = 1000', '"category"'), ["kind", "starts"]),
        (
            ('{ type = "category", allowed = ["axial", "radial", "Zahnrad-Ölpumpe"] }', '"integer"'),
            ["pressure", "starts"],
        ),
        (('"number", minimum = 0, maximum = 1000', '"number", pii = "hash"'), ["kind", "starts"]),
    ],
    ids=[
        "a column is renamed",
        "a number became a category",
        "a category became a number",
        "a number became personal data",
    ],
)
def test_a_changed_definition_does_not_stop_the_checks_of_the_old_champion(
    serving: Plant, deploy_models: Callable[..., None], tmp_path: Path, change: tuple[str, str], compared: list[str]
) -> None:
    log(predictions(usual())[0])
    toml = (MODELS / "pump-failure.toml").read_text("utf-8").replace(*change)
    changed = tmp_path / "pump-failure.toml"
    changed.write_text(toml[: toml.index("[features]")] + toml[toml.index("[training]") :], "utf-8")
    deploy_models(changed)
    assert [column["column"] for column in check()["columns"]] == compared


@pytest.mark.parametrize(("moved", "verdict"), [(0, "healthy"), (60, "drifting")])
def test_drift_and_performance_are_judged_where_the_history_cannot_be(
    serving: Plant, deploy_models: Callable[..., None], tmp_path: Path, moved: float, verdict: str
) -> None:
    toml = (MODELS / "pump-failure.toml").read_text("utf-8")
    changed = tmp_path / "pump-failure.toml"
    changed.write_text(f"{toml}\n[history]\nbefore = {{ value = 'count()', by = 'pump', over = '1 day' }}\n", "utf-8")
    deploy_models(changed)
    _, records = predictions(usual() + moved)
    carried = [
        replace(record, inputs=record.inputs | {"measured_at": CHECKED_AT.timestamp() - 60, "pump": "P-1", "before": 0})
        for record in records
    ]
    body = logged.predictions(MODEL, carried).model_dump_json()
    log(body, outcomes(records, [float(record.score >= 0.5) for record in records]))
    serving.accept_batch(tmp_path, rows=300, until=CHECKED_AT)
    found = check()
    assert (found["history_skew"]["rows"], found["history_problem"]) == (400, None)

    boto3.client("s3").put_object(Bucket=LAKE, Key=batch_key(MODEL, "batch-1"), Body=b"no Parquet")
    found = check(scheduled_time=(CHECKED_AT + timedelta(seconds=1)).isoformat())
    assert found["history_skew"] is None
    assert found["history_problem"].startswith("batch 'batch-1': expected accepted rows with sha256")
    assert (found["verdict"], found["performance"]["value"]) == (verdict, 1.0)


@pytest.mark.parametrize("moment", ["2026-03-21T10:00:00+01:00", "2026-03-20T23:00:00-10:00"])
def test_the_scheduled_moment_is_the_same_in_every_zone(serving: Plant, moment: str) -> None:
    log(predictions(usual())[0])
    found = check(scheduled_time=moment)
    assert (found["check_id"], found["rows"]) == ("2026-03-21T09-00-00Z", 400)
