"""A logged prediction is made again, to the bit, and is followed back to the files that its model learned from."""

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import onnx
import pytest

from everloop.columns import Columns
from everloop.contracts.batches import BatchReport, BatchStatus, RowCounts, Source, report_key
from everloop.contracts.datasets import DatasetBatch, DatasetManifest, DatasetStatistics
from everloop.contracts.definition import Definition
from everloop.contracts.predictions import OutcomeRecord
from everloop.contracts.tasks import Task
from everloop.errors import NotFoundError, StorageError
from everloop.features.rules import compile_rules
from everloop.ids import new_id, new_ids
from everloop.inference.predictor import Predictor
from everloop.inference.records import message_bodies, prediction_message
from everloop.inference.rules import NO_RULE, Rules
from everloop.inference.versions import Versions
from everloop.monitoring.explanation import Explainer
from everloop.monitoring.log import parse_message, write_messages
from everloop.monitoring.shadow import Challengers
from everloop.ports import StoredObject
from everloop.registry.promotion import promote
from everloop.stores.batches import BatchStore
from everloop.stores.datasets import DatasetStore
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import fit_candidate
from everloop.training.search import draw_parameters
from tests import logged, shoppers
from tests.fakes import FixedClock, InMemoryObjectStore
from tests.histories import no_history
from tests.logged import Logged
from tests.samples import LEARNERS, constant_model, echo_model, example, pump_failure, pump_row, version_files
from tests.unit.training.conftest import fitted

NOW = datetime(2026, 3, 14, 9, 26, 53, 123_456, tzinfo=UTC)
RULES = [
    {"name": "cold", "when": "pressure < 100", "answer": 0.05},
    {"name": "new", "when": "starts = 0", "answer": 0.01},
]
NUMBERS = (0.1, 1 / 3, -0.0, 5e-324, 1.7976931348623157e308, -1e12, 16_777_217.0, math.pi * 1e5, None)
TEXTS = ("AA", "ü字", "", None, "never seen", "a\tb\n'\"\\", "🜨")
ROWS = [
    {"a": NUMBERS[place % len(NUMBERS)], "b": NUMBERS[(place * 5 + 2) % len(NUMBERS)], "c": TEXTS[place % len(TEXTS)]}
    for place in range(63)
]


class World:
    """A model's versions, and what the log's writer left of their answers."""

    def __init__(self, definition: Definition, *models: bytes, lineage: dict[str, Any] | None = None) -> None:
        self.definition = definition
        self.lake, self.models = InMemoryObjectStore(), InMemoryObjectStore()
        self.registry = ModelRegistry(self.models)
        self.log = PredictionLog(self.lake)
        self._runs = 0
        for model in models:
            self.add(model, **(lineage or {}))

    def add(self, model: bytes, **lineage: Any) -> None:
        """As the next champion."""
        run_id, self._runs = f"run-{self._runs}", self._runs + 1
        files = version_files(run_id, model) | {"lineage.json": json.dumps({"run_id": run_id, **lineage}).encode()}
        version = self.registry.register(self.definition.name, run_id, files, now=NOW)
        self.registry.change_aliases(
            self.definition.name, lambda aliases: promote(aliases, version, at=NOW, reason="", by="test")
        )

    def predict(self, *rows: dict[str, Any], **options: Any) -> list[str]:
        """Ids of answers that are logged."""
        clock = FixedClock(NOW)
        versions = Versions(self.models, clock, timedelta(seconds=1))
        predictor = Predictor(versions, no_history(clock), _rules)
        ids = new_ids(NOW, len(rows))
        answer = predictor.predict(self.definition, rows, ids, **options)
        told = prediction_message(self.definition, answer, ids, now=NOW)
        self._write([parse_message(body) for body in message_bodies(told)])
        return ids

    def happened(self, prediction_id: str, actual: float | str, at: datetime) -> None:
        outcome = OutcomeRecord(prediction_id=prediction_id, actual=actual, observed_at=at.isoformat())
        self._write([logged.outcomes(self.definition.name, [outcome])])

    def log_by_hand(self, row: Logged) -> None:
        self._write([logged.predictions(self.definition.name, [row], predicted_at=NOW.isoformat())])

    def _write(self, messages: Sequence[Any]) -> None:
        write_messages(messages, self.log, lambda _: self.definition, Challengers(self.registry))

    def explain(self, prediction_id: str, **changes: Any) -> dict[str, Any]:
        parts = {
            "log": self.log,
            "registry": self.registry,
            "datasets": DatasetStore(self.lake),
            "batches": BatchStore(self.lake),
            "first_rule": _first_rule,
        }
        told = Explainer(**parts | changes).explain(prediction_id, lambda _: self.definition)
        json.dumps(told, allow_nan=False)
        return told


def _rules(definition: Definition) -> Rules | None:
    graph = compile_rules(definition)
    return Rules(graph, definition) if graph else None


def _first_rule(definition: Definition, columns: Columns) -> int:
    rules = _rules(definition)
    return int(rules.first_matching(columns)[0]) if rules else NO_RULE


# Made again


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_a_trained_model_gives_each_logged_row_the_same_bits_again(algorithm: str, task: Task) -> None:
    """Alone, though it was scored with others."""
    world = World(example(task), fitted(algorithm, task).model)
    for prediction_id in world.predict(*ROWS)[::8]:
        told = world.explain(prediction_id)
        assert told["answer"]["answered_by"] == "model"
        again = told["reexecution"]
        assert again == {"reproduced": True, "score": told["answer"]["score"], "label": told["answer"]["label"]}
        assert told["answer"]["score"] is not None


@pytest.mark.parametrize("algorithm", ["matrix-factorization", "item-similarity"])
def test_the_same_items_are_recommended_again(algorithm: str, tmp_path: Path) -> None:
    definition = shoppers.definition()
    dataset = shoppers.dataset_of(shoppers.purchases(), definition, tmp_path)
    model = fit_candidate(algorithm, draw_parameters(algorithm, 0, 7), dataset, onnx.ModelProto(), definition).model
    world = World(definition, model)
    ids = world.predict({"shopper": "2-s2"}, {"items": ["3-ä1", "3-ä2"]}, {"shopper": "nobody"}, {})
    for prediction_id in ids:
        told = world.explain(prediction_id)
        assert len(json.loads(told["answer"]["label"])) == 5
        assert told["reexecution"] == {"reproduced": True, "score": None, "label": told["answer"]["label"]}


def test_a_row_that_the_version_before_answered_is_made_again_by_that() -> None:
    world = World(pump_failure(), constant_model(0.25), echo_model())
    [prediction_id] = world.predict(pump_row(pressure=None))
    told = world.explain(prediction_id)
    assert (told["answer"]["answered_by"], told["answer"]["version"]) == ("fallback:previous", 1)
    assert told["reexecution"]["reproduced"] is True
    assert told["version"]["run_id"] == "run-0"


def test_a_constant_needs_nothing_to_be_made_again() -> None:
    world = World(pump_failure())
    told = world.explain(*world.predict(pump_row()))
    assert (told["answer"]["score"], told["version"], told["dataset"]) == (0.1, None, None)
    assert told["reexecution"] == {
        "reproduced": None,
        "detail": "the declared constant answered: there is nothing to compute",
    }
    assert told["missing"] == []


def test_a_rule_is_looked_for_again_and_told_with_its_text() -> None:
    world = World(pump_failure(serving={"rules": RULES}), constant_model(0.5))
    told = world.explain(*world.predict(pump_row(pressure=500, starts=0)))
    assert told["answer"]["answered_by"] == "rule:new"
    assert told["rule"] == {"name": "new", "when": "starts = 0", "answer": 0.01}
    assert told["reexecution"] == {"reproduced": True, "score": 0.01, "label": None}


@pytest.mark.parametrize(
    ("changed", "detail"),
    [
        ([], "now no rule answers"),
        ([{**RULES[1], "when": "starts > 7"}], "now no rule answers"),
        ([{**RULES[1], "name": "fresh"}], "now rule:fresh answers 0.01"),
        ([{**RULES[1], "answer": 0.02}], "now rule:new answers 0.02"),
    ],
)
def test_a_rule_that_changed_since_is_told(changed: list[dict[str, Any]], detail: str) -> None:
    world = World(pump_failure(serving={"rules": RULES}), constant_model(0.5))
    [prediction_id] = world.predict(pump_row(pressure=500, starts=0))
    world.definition = pump_failure(serving={"rules": changed})
    again = world.explain(prediction_id)["reexecution"]
    assert again["reproduced"] is False
    assert again["detail"] == f"{detail}: the rules have changed since"


def test_what_comes_out_otherwise_is_told_to_the_bit() -> None:
    world = World(pump_failure(), echo_model())
    row = Logged(new_id(NOW), NOW.isoformat(), score=0.1, label="False", inputs={"pressure": 0.2})
    world.log_by_hand(row)
    again = world.explain(row.prediction_id)["reexecution"]
    assert again["reproduced"] is False
    assert f"the log has score {(0.1).hex()} and label 'False', now it is 0x1.99999a0000000p-3" in again["detail"]


def test_what_took_personal_data_is_not_made_again() -> None:
    columns: dict[str, Any] = {
        name: column.model_dump(exclude_none=True) for name, column in pump_failure().columns.items()
    }
    columns["pressure"]["pii"], columns["pump"]["pii"] = "hash", "drop"
    world = World(pump_failure(columns=columns), echo_model())
    told = world.explain(*world.predict(pump_row(pressure=0.5)))
    assert told["personal"] == {"pressure": "hash", "pump": "drop"}
    assert "pump" not in told["request"]
    assert told["request"]["pressure"] != 0.5
    assert told["features"]["pressure_per_start"] is None
    assert told["reexecution"] == {
        "reproduced": None,
        "detail": "the version takes personal data, which the log does not have: pressure",
    }


def test_a_column_declared_as_another_type_since_is_told() -> None:
    world = World(pump_failure(), echo_model())
    [prediction_id] = world.predict(pump_row(pressure=0.5))
    columns = {name: column.model_dump(exclude_none=True) for name, column in pump_failure().columns.items()}
    world.definition = pump_failure(columns=columns | {"pressure": "category"}, features=None)
    again = world.explain(prediction_id)["reexecution"]
    assert again["reproduced"] is None
    assert "'pressure'" in again["detail"]


def test_what_was_logged_before_a_column_became_a_timestamp_is_told_as_it_is() -> None:
    world = World(pump_failure(), echo_model())
    row = Logged(new_id(NOW), NOW.isoformat(), score=0.1, label="False", inputs={"pressure": 1.7e12, "kind": "axial"})
    world.log_by_hand(row)
    columns = {name: column.model_dump(exclude_none=True) for name, column in pump_failure().columns.items()}
    world.definition = pump_failure(columns=columns | {"pressure": "timestamp", "kind": "timestamp"}, features=None)
    told = world.explain(row.prediction_id)
    assert (told["request"]["pressure"], told["request"]["kind"]) == (1.7e12, "axial")
    assert told["reexecution"]["reproduced"] is None


# Where it came from


def traced() -> tuple[World, str, Callable[[str], str]]:
    """A world whose version learned from two batches, a prediction, and the key of a batch's report."""
    definition = pump_failure()
    manifest = DatasetManifest(
        model=definition.name,
        definition_hash="0",
        since=None,
        as_of=NOW,
        batches=tuple(DatasetBatch(batch_id=name, rows=7, sha256=None) for name in ("first", "second")),
    )
    world = World(definition, echo_model(), lineage={"dataset_version": manifest.version, "algorithm": "ridge"})
    statistics = DatasetStatistics(prepared_at=NOW, delivered=14, left_out=0, superseded=0, rows=14, columns={})
    DatasetStore(world.lake).save(manifest, statistics, b"{}")
    for batch in manifest.batches:
        BatchStore(world.lake).save_report(
            BatchReport(
                batch_id=batch.batch_id,
                model=definition.name,
                status=BatchStatus.ACCEPTED,
                rows=RowCounts(delivered=7, accepted=7),
                source=Source(bucket="landing", key=f"uploads/pump-failure/{batch.batch_id}.csv", size_bytes=1),
                rows_sha256="1f" * 32,
                received_at=NOW,
                timestamp_column="measured_at",
            )
        )
    [prediction_id] = world.predict(pump_row(pressure=0.7))
    return world, prediction_id, lambda batch: report_key(definition.name, batch)


def test_a_prediction_is_followed_to_the_files() -> None:
    world, prediction_id, _ = traced()
    told = world.explain(prediction_id)
    assert told["missing"] == []
    assert (told["model"], told["predicted_at"]) == ("pump-failure", "2026-03-14T09:26:53.123456+00:00")
    assert told["event_time"] == "2026-03-14T08:00:00+00:00"
    assert told["request"]["kind"] == "axial"
    assert told["request"]["starts"] == 3
    assert told["request"]["measured_at"] == "2026-03-14T08:00:00+00:00"
    assert told["features"]["hour"] == 8
    assert (told["version"]["version"], told["version"]["run_id"], told["version"]["algorithm"]) == (
        1,
        "run-0",
        "ridge",
    )
    assert told["version"]["sha256"] == world.registry.manifest("pump-failure", 1).files["model.onnx"]
    assert [each["file"] for each in told["dataset"]["batches"]] == [
        "uploads/pump-failure/first.csv",
        "uploads/pump-failure/second.csv",
    ]
    assert told["dataset"]["as_of"] == NOW.isoformat()
    assert told["shadow"] is None


def test_links_that_are_gone_are_named_and_the_rest_is_told() -> None:
    world, prediction_id, report_of = traced()
    del world.lake.objects[report_of("second")]
    told = world.explain(prediction_id)
    assert [each.get("file") for each in told["dataset"]["batches"]] == ["uploads/pump-failure/first.csv", None]
    assert [each.split(":")[0] for each in told["missing"]] == ["batch second"]
    assert told["reexecution"]["reproduced"] is True

    for key in [key for key in world.lake.objects if key.startswith("datasets/")]:
        del world.lake.objects[key]
    told = world.explain(prediction_id)
    assert "has no dataset version" in told["missing"][0]
    assert told["dataset"].keys() == {"version"}

    for key in [key for key in world.models.objects if "/versions/" in key]:
        del world.models.objects[key]
    told = world.explain(prediction_id)
    assert told["version"] == {"version": 1}
    assert told["missing"] == ["version 1: model 'pump-failure' has no version 1"]
    assert told["reexecution"] == {"reproduced": None, "detail": "model 'pump-failure' has no version 1"}


def test_damaged_bytes_are_told_and_never_run() -> None:
    world, prediction_id, _ = traced()
    world.models.objects["pump-failure/versions/1/model.onnx"] = b"damaged"
    again = world.explain(prediction_id)["reexecution"]
    assert again["reproduced"] is None
    assert "its manifest says" in again["detail"]


def test_storage_that_fails_is_no_missing_link() -> None:
    class Away(InMemoryObjectStore):
        def get(self, key: str) -> StoredObject:
            raise StorageError("S3 is away")

    world, prediction_id, _ = traced()
    with pytest.raises(StorageError):
        world.explain(prediction_id, registry=ModelRegistry(Away()))


def test_outcomes_are_told_as_they_came() -> None:
    world, prediction_id, _ = traced()
    assert world.explain(prediction_id)["outcomes"] == []
    other = new_id(NOW)
    for at, actual in ((NOW + timedelta(days=9), 1.0), (NOW, 0.0), (NOW, 0.0)):
        world.happened(prediction_id, actual, at)
        world.happened(other, 1.0, at)
    assert world.explain(prediction_id)["outcomes"] == [
        {"actual": "0.0", "observed_at": NOW.isoformat()},
        {"actual": "1.0", "observed_at": (NOW + timedelta(days=9)).isoformat()},
    ]


def test_outcomes_that_were_not_looked_through_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everloop.monitoring.explanation._OUTCOME_FILES", 2)
    world, prediction_id, _ = traced()
    for days in range(3):
        world.happened(prediction_id, float(days), NOW + timedelta(days=days))
    told = world.explain(prediction_id)
    assert [each["actual"] for each in told["outcomes"]] == ["0.0", "1.0"]
    assert told["missing"] == ["only the oldest 2 files of outcomes were looked through"]


def test_the_score_beside_is_told() -> None:
    world = World(pump_failure(), echo_model(), constant_model(0.75))
    row = Logged(new_id(NOW), NOW.isoformat(), version=1, shadow=2, inputs={"pressure": 0.5})
    world.log_by_hand(row)
    shadow = world.explain(row.prediction_id)["shadow"]
    assert (shadow["version"], shadow["score"], shadow["label"], shadow["error"]) == (2, 0.75, "True", None)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (new_id(NOW, 7), "one that was just made is written within seconds: ask again"),
        ("P-7", "expected a UUID of version 7 in lower case, got 'P-7'"),
        ("../../aliases.json", "expected a UUID of version 7"),
    ],
)
def test_an_id_of_which_nothing_is_known_is_told_in_plain_words(asked: str, told: str) -> None:
    world, _, _ = traced()
    with pytest.raises(NotFoundError, match=told):
        world.explain(asked)
