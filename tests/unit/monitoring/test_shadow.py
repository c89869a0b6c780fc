"""Challengers score beside, where the log is written: what they cannot do costs their scores, never the log."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.inference.rows import to_columns
from everloop.monitoring.log import write_messages
from everloop.monitoring.shadow import PAUSE_S, Challengers
from everloop.scorer import METADATA_KEY, RECOMMENDED, SCORES, Scorer
from everloop.stores.predictions import PredictionLog
from everloop.stores.registry import ModelRegistry, VersionReader
from tests import logged, shoppers
from tests.fakes import InMemoryObjectStore
from tests.logged import Logged, id_of
from tests.samples import constant_model, echo_model, pump_failure, pump_row, register
from tests.unit.monitoring.test_log import rows_of

NOW = datetime(2026, 3, 14, 9, tzinfo=UTC)
MODEL = "pump-failure"
SHADOW = "prediction_id, shadow_version, shadow_score, shadow_label, shadow_latency_ms, shadow_error, score"


class World:
    def __init__(self, folder: Path, definition: Definition | None = None) -> None:
        self.definition = definition or pump_failure()
        self.lake = InMemoryObjectStore()
        self.models = InMemoryObjectStore()
        self.registry = ModelRegistry(self.models)
        self._folder = folder

    def log(self, *rows: tuple[int | None, dict[str, Any]], limit_s: float = 20) -> list[tuple[Any, ...]]:
        """Rows with the version that shall score them; SHADOW of each, in their order."""
        written = [
            Logged(id_of(number, NOW), NOW.isoformat(), shadow=shadow, inputs=inputs)
            for number, (shadow, inputs) in enumerate(rows)
        ]
        challengers = Challengers(self.registry, limit_s=limit_s)
        message = logged.predictions(self.definition.name, written)
        write_messages([message], PredictionLog(self.lake), lambda _: self.definition, challengers)
        return rows_of(self.lake, self._folder, SHADOW)


def inputs(**cells: Any) -> dict[str, Any]:
    row = pump_row(**cells)
    return row | {"measured_at": datetime.fromisoformat(row["measured_at"]).timestamp()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def errors(read: Sequence[tuple[Any, ...]]) -> list[str | None]:
    return [row[5] for row in read]


def test_rows_that_name_a_version_are_scored_by_it(world: World) -> None:
    register(world.registry, MODEL, "run-1", constant_model(0.25))
    register(world.registry, MODEL, "run-2", constant_model(0.75))
    read = world.log((2, inputs()), (None, inputs()), (1, inputs()), (2, inputs(pressure=None)))
    assert [row[1:4] for row in read] == [
        (2, 0.75, "True"),
        (None, None, None),
        (1, 0.25, "False"),
        (2, 0.75, "True"),
    ]
    assert [row[4] is not None and row[4] > 0 for row in read] == [True, False, True, True]
    assert errors(read) == [None] * 4
    assert [row[6] for row in read] == [0.5] * 4, "the champion's own score is as it was"


def test_a_shadow_score_is_the_one_that_the_version_gives_the_request(world: World) -> None:
    model = echo_model()
    register(world.registry, MODEL, "run-1", model)
    rows = [pump_row(pressure=value) for value in (0.1, 1 / 3, 999.9999999999999, 5e-324)]
    direct = Scorer(model).score(to_columns(rows, world.definition))
    read = world.log(*((1, inputs(pressure=row["pressure"])) for row in rows))
    assert [row[2].hex() for row in read] == [float(score).hex() for score in direct]


def test_a_row_that_a_challenger_answers_with_nan_has_an_error_of_its_own(world: World) -> None:
    register(world.registry, MODEL, "run-1", echo_model())
    read = world.log((1, inputs(pressure=0.5)), (1, inputs(pressure=None)))
    assert [row[2] for row in read] == [0.5, None]
    assert errors(read) == [None, "version 1 answered NaN or infinity"]


def _flip(world: World) -> None:
    key = f"{MODEL}/versions/1/model.onnx"
    world.models.objects[key] = world.models.objects[key][:-1] + b"\x00"


def _lose(world: World) -> None:
    del world.models.objects[f"{MODEL}/versions/1/model.onnx"]


@pytest.mark.parametrize(
    ("model", "damage", "told"),
    [
        (constant_model(0.5), _flip, "its manifest says"),
        (constant_model(0.5), _lose, "model.onnx is gone"),
        (b"no model", None, "the model cannot be loaded"),
        (constant_model(0.5, column="vibration"), None, "columns the definition no longer has: vibration"),
        (constant_model(0.5, task=Task.REGRESSION), None, "has the task regression"),
    ],
)
def test_a_challenger_that_cannot_be_used_costs_its_scores_alone(
    world: World, model: bytes, damage: Any, told: str
) -> None:
    register(world.registry, MODEL, "run-1", model)
    register(world.registry, MODEL, "run-2", constant_model(0.75))
    if damage:
        damage(world)
    read = world.log((1, inputs()), (None, inputs()), (2, inputs()), (7, inputs()))
    assert told in str(errors(read)[0])
    assert errors(read)[1:] == [None, None, "model 'pump-failure' has no version 7"]
    assert [row[2] for row in read] == [None, None, 0.75, None]


def test_a_challenger_that_never_ends_is_stopped_and_left_alone(world: World) -> None:
    register(world.registry, MODEL, "run-1", endless_model())
    register(world.registry, MODEL, "run-2", constant_model(0.75))
    challengers = Challengers(world.registry, limit_s=0.2)
    row = {"input_pressure": 1.0, "shadow_version": 1, "shadow_score": None, "shadow_error": None}
    first, second = dict(row), dict(row)
    challengers.score(world.definition, [first])
    assert first["shadow_error"] == "version 1 did not score 1 row(s) within 0.2 s"
    challengers.score(world.definition, [second])
    assert second["shadow_error"] == f"version 1 was too slow, and is left alone for {PAUSE_S:g} s"
    other = row | {"shadow_version": 2}
    challengers.score(world.definition, [other])
    assert (other["shadow_score"], other["shadow_error"]) == (0.75, None)


def test_to_load_a_challenger_is_no_part_of_what_a_row_takes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    register(world.registry, MODEL, "run-1", constant_model(0.75))
    seconds = [0.0]

    class Far(VersionReader):
        def read(self, model: str, version: int, name: str) -> bytes:
            seconds[0] += 5
            return super().read(model, version, name)

    monkeypatch.setattr("everloop.monitoring.shadow.time.perf_counter", lambda: seconds[0])
    row = {"input_pressure": 1.0, "shadow_version": 1, "shadow_score": None, "shadow_error": None}
    Challengers(Far(world.models)).score(world.definition, [row])
    assert (row["shadow_score"], row["shadow_latency_ms"], seconds) == (0.75, 0, [5])


def test_what_reads_personal_data_cannot_score_beside(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        name: column.model_dump(exclude_none=True) for name, column in pump_failure().columns.items()
    }
    columns["pressure"]["pii"] = "hash"
    world = World(tmp_path, pump_failure(columns=columns, features=None))
    register(world.registry, MODEL, "run-1", constant_model(0.25))
    register(world.registry, MODEL, "run-2", constant_model(0.75, column="starts"))
    read = world.log((1, inputs(pressure="5f" * 16)), (2, inputs(pressure="5f" * 16)))
    assert errors(read) == ["the version takes personal data, which the log does not have: pressure", None]
    assert read[1][2] == 0.75


def test_history_that_the_version_learned_under_another_declaration_is_null(tmp_path: Path) -> None:
    definition = pump_failure(history={"before": {"value": "count()", "by": "pump", "over": "1 day"}})
    world = World(tmp_path, definition)
    for run, digest in (("run-1", definition.history_digests["before"]), ("run-2", "another")):
        model = onnx.load_from_string(constant_model(0, column="before"))
        del model.graph.node[:]
        model.graph.node.append(helper.make_node("Cast", ["before"], ["score"], to=TensorProto.FLOAT))
        metadata = f'{{"task": "binary-classification", "classes": [false, true], "history": {{"before": "{digest}"}}}}'
        helper.set_model_props(model, {METADATA_KEY: metadata})
        register(world.registry, MODEL, run, bytes(model.SerializeToString()))
    read = world.log((1, inputs() | {"before": 4.0}), (2, inputs() | {"before": 4.0}))
    assert [row[2] for row in read] == [4.0, None]


def test_recommended_items_are_logged_as_answers_are(tmp_path: Path) -> None:
    definition = shoppers.definition(columns={"article": "integer"}, serving={})
    world = World(tmp_path, definition)
    register(world.registry, definition.name, "run-1", recommending(["12", "5", ""]))
    [row] = world.log((1, {"shopper": None, "bought_at": None, "items": "7"}))
    assert row[1:4] == (1, None, "[12, 5]")
    register(world.registry, definition.name, "run-2", recommending(["twelve"]))
    world.lake = InMemoryObjectStore()
    assert "recommends what is no integer" in str(
        errors(world.log((2, {"shopper": None, "bought_at": None, "items": "7"})))[0]
    )


def recommending(items: Sequence[str]) -> bytes:
    """Always these items, for one row."""
    scores = [float(len(items) - place) for place in range(len(items))]
    nodes = [
        helper.make_node(
            "Constant", [], [RECOMMENDED], value=helper.make_tensor("i", TensorProto.STRING, [1, len(items)], items)
        ),
        helper.make_node(
            "Constant", [], [SCORES], value=helper.make_tensor("s", TensorProto.FLOAT, [1, len(items)], scores)
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "recommending",
        [helper.make_tensor_value_info("items", TensorProto.STRING, [None, 1])],
        [
            helper.make_tensor_value_info(RECOMMENDED, TensorProto.STRING, [None, len(items)]),
            helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, [None, len(items)]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: '{"task": "recommendation", "classes": [], "items": 3}'})
    return bytes(model.SerializeToString())


def endless_model() -> bytes:
    """Multiplies matrices some ten million times."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["m", "m"], ["m_out"]), helper.make_node("Identity", ["go"], ["go_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m", TensorProto.FLOAT, [64, 64]),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_out", TensorProto.FLOAT, [64, 64]),
        ],
    )
    nodes = [
        helper.make_node("Loop", ["times", "yes", "start"], ["end"], body=body),
        helper.make_node("ReduceMax", ["end"], ["most"], keepdims=0),
        helper.make_node("Cast", ["pressure"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["number", "most"], ["score"]),
    ]
    constants = [
        helper.make_tensor("times", TensorProto.INT64, [], [10_000_000]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        helper.make_tensor("start", TensorProto.FLOAT, [64, 64], np.zeros(64 * 64, np.float32)),
    ]
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("pressure", TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: '{"task": "binary-classification", "classes": [false, true]}'})
    return bytes(model.SerializeToString())
