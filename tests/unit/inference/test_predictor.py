"""Who answers: the champion, else its predecessor, else the declared constant."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import onnx
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.contracts.traffic import Traffic
from everloop.errors import HistoryUnavailableError, IntegrityError, ModelUnavailableError, NotFoundError, StorageError
from everloop.inference.answer import Answer
from everloop.inference.predictor import Predictor
from everloop.inference.records import prediction_message
from everloop.inference.versions import Versions
from everloop.ports import StoredObject
from everloop.registry.promotion import promote, roll_back, start_traffic
from everloop.scorer import METADATA_KEY
from everloop.stores.registry import ModelRegistry
from tests.fakes import FixedClock, InMemoryObjectStore
from tests.histories import no_history
from tests.samples import NOW, constant_model, echo_model, pump_failure, pump_row, register

MODEL = "pump-failure"
MAX_AGE = timedelta(seconds=1)


def no_rules(_: Definition) -> None:
    """As of a definition without any."""


class CountingObjectStore(InMemoryObjectStore):
    """Knows how often each key was read, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.is_away = False

    def get(self, key: str) -> StoredObject:
        if self.is_away:
            raise StorageError("S3 is away")
        self.reads.append(key)
        return super().get(key)

    def reads_of(self, name: str) -> int:
        return sum(key.endswith(name) for key in self.reads)


@dataclass
class Serving:
    store: CountingObjectStore
    clock: FixedClock
    predictor: Predictor
    definition: Definition

    @property
    def registry(self) -> ModelRegistry:
        return ModelRegistry(self.store)

    def promote(self, version: int) -> None:
        self.registry.change_aliases(
            MODEL, lambda aliases: promote(aliases, version, at=NOW, reason="", by=str(version))
        )

    def experiment(self, traffic: Traffic) -> None:
        """With the champion as its challenger, and the one before as the champion."""
        self.registry.change_aliases(
            MODEL,
            lambda aliases: start_traffic(
                roll_back(aliases, at=NOW, reason="", by="me"), traffic, at=NOW, reason="", by="me"
            ),
        )

    def damage(self, version: int, name: str = "model.onnx") -> None:
        self.store.objects[f"{MODEL}/versions/{version}/{name}"] = b"damaged"

    def __call__(self, *rows: dict[str, Any], **options: Any) -> Answer:
        asked = rows or (pump_row(),)
        return self.predictor.predict(self.definition, asked, [f"id-{row}" for row in range(len(asked))], **options)


def serving(*models: bytes, **sections: Any) -> Serving:
    """Each model is a version that was promoted after the one before."""
    store, clock = CountingObjectStore(), FixedClock(NOW)
    predictor = Predictor(Versions(store, clock, MAX_AGE), no_history(clock), no_rules)
    world = Serving(store, clock, predictor, pump_failure(**sections))
    for number, model in enumerate(models, start=1):
        assert register(world.registry, MODEL, f"run-{number}", model) == number
        world.promote(number)
    store.reads.clear()
    return world


def test_the_champion_answers() -> None:
    answer = serving(constant_model(0.25), constant_model(0.75))()
    assert (answer.versions, answer.answered_by, answer.variants) == ([2], ["model"], ["champion"])
    assert answer.scores == [0.75]
    assert answer.labels == [True]
    assert answer.failures == []


def test_aliases_that_are_gone_leave_yesterdays_champion_and_are_told() -> None:
    world = serving(constant_model(0.25))
    assert world().failures == []
    del world.store.objects[f"{MODEL}/aliases.json"]
    world.clock.advance(2 * MAX_AGE)
    answer = world()
    assert answer.answered_by == ["model"]
    assert [type(failure) for failure in answer.failures] == [IntegrityError]


def test_each_row_gets_its_own_answer_in_order() -> None:
    answer = serving(echo_model())(*(pump_row(pressure=pressure) for pressure in (0.0, 0.5, 0.25)))
    assert answer.scores == [0.0, 0.5, 0.25]
    assert answer.labels == [False, True, False]


def test_the_threshold_of_the_version_decides_the_label() -> None:
    model = onnx.load_from_string(echo_model())
    metadata = {"task": Task.BINARY, "classes": [False, True], "threshold": 0.2}
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
    world = serving(model.SerializeToString())
    assert world(*(pump_row(pressure=pressure) for pressure in (0.1, 0.25, 0.5))).labels == [False, True, True]


def test_history_that_is_declared_no_more_is_null_for_the_version_that_learned_it_and_no_input() -> None:
    model = onnx.load_from_string(echo_model())
    metadata = {"task": Task.BINARY, "classes": [False, True], "history": {"starts_7d": "as it was declared"}}
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(metadata)})
    world = serving(model.SerializeToString())
    answer = world(pump_row(pressure=0.5))
    assert answer.answered_by == ["model"]
    assert [type(failure) for failure in answer.failures] == [HistoryUnavailableError]
    message = prediction_message(world.definition, answer, ["p-1"], now=NOW)
    assert message["inputs"].keys() == world.definition.inputs.keys()


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_damaged_champion_is_replaced_by_the_one_before(name: str) -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    world.damage(2, name)
    answer = world()
    assert (answer.versions, answer.answered_by) == ([1], ["fallback:previous"])
    (failure,) = answer.failures
    assert isinstance(failure, IntegrityError)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json"])
def test_a_champion_that_is_gone_is_replaced_by_the_one_before(name: str) -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    del world.store.objects[f"{MODEL}/versions/2/{name}"]
    assert world().answered_by == ["fallback:previous"]


@pytest.mark.parametrize(
    "model",
    [b"no model at all", b"", constant_model(float("nan")), constant_model(float("inf"))],
    ids=["garbage", "empty", "NaN", "infinity"],
)
def test_a_champion_that_cannot_answer_is_replaced_by_the_one_before(model: bytes) -> None:
    answer = serving(constant_model(0.25), model)()
    assert (answer.versions, answer.answered_by) == ([1], ["fallback:previous"])
    assert len(answer.failures) == 1


def test_a_row_that_makes_a_model_answer_nan_is_answered_by_somebody_else() -> None:
    world = serving(constant_model(0.25), echo_model())
    assert world(pump_row(pressure=None)).answered_by == ["fallback:previous"]
    assert world(pump_row(pressure=0.5)).answered_by == ["model"]


def test_without_any_model_that_works_the_constant_answers() -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    world.damage(1)
    world.damage(2)
    answer = world(pump_row(), pump_row())
    assert (answer.versions, answer.answered_by) == ([None, None], ["fallback:default"] * 2)
    assert answer.scores == [0.1, 0.1]
    assert len(answer.failures) == 2


def test_before_the_first_version_the_constant_answers() -> None:
    answer = serving()()
    assert (answer.answered_by, answer.failures) == (["fallback:default"], [])


def test_damaged_aliases_are_no_reason_to_stay_silent() -> None:
    world = serving(constant_model(0.75))
    world.store.objects[f"{MODEL}/aliases.json"] = b"damaged"
    assert world().answered_by == ["fallback:default"]


def test_a_text_constant_answers_with_a_label() -> None:
    columns = {"x": "number", "y": "category"}
    definition = Definition.model_validate(
        {
            "name": MODEL,
            "task": Task.MULTICLASS,
            "data": {"target": "y"},
            "columns": columns,
            "serving": {"fallback": "a"},
        }
    )
    store = CountingObjectStore()
    clock = FixedClock(NOW)
    predictor = Predictor(Versions(store, clock, MAX_AGE), no_history(clock), no_rules)
    answer = predictor.predict(definition, [{"x": 1}, {"x": 2}], ["id-1", "id-2"])
    assert (answer.scores, answer.labels) == ([None, None], ["a", "a"])


def test_without_a_constant_the_caller_is_told_why_nobody_answers() -> None:
    world = serving(constant_model(0.25), serving=None)
    world.damage(1)
    with pytest.raises(ModelUnavailableError, match=r"model\.onnx has sha256 .*serving\.fallback is not declared"):
        world()
    with pytest.raises(ModelUnavailableError, match="it has no champion yet"):
        serving(serving=None)()


def test_a_pinned_version_is_asked_alone() -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    answer = world(pinned_version=1)
    assert (answer.versions, answer.variants) == ([1], ["pinned"])
    world.damage(1)
    assert world(pinned_version=1).versions == [1], "it was verified when it was loaded"
    world.damage(2)
    with pytest.raises(IntegrityError):
        world(pinned_version=2)
    with pytest.raises(NotFoundError, match="has no version 9"):
        world(pinned_version=9)


def test_aliases_are_read_again_when_they_are_as_old_as_allowed() -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    assert world().versions == [2]
    world.promote(1)
    world.store.reads.clear()
    world.clock.advance(MAX_AGE - timedelta(microseconds=1))
    assert world().versions == [2]
    assert world.store.reads_of("aliases.json") == 0
    world.clock.advance(timedelta(microseconds=1))
    assert world().versions == [1]
    assert world.store.reads_of("aliases.json") == 1


def test_a_loaded_version_is_not_read_again() -> None:
    world = serving(constant_model(0.25))
    for _ in range(5):
        world()
        world.clock.advance(MAX_AGE)
    assert world.store.reads_of("model.onnx") == 1


def test_while_s3_is_away_a_warm_worker_goes_on_with_what_it_has() -> None:
    world = serving(constant_model(0.25))
    world()
    world.store.is_away = True
    world.clock.advance(timedelta(hours=1))
    assert world().answered_by == ["model"]


def test_while_s3_is_away_a_cold_worker_answers_with_the_constant() -> None:
    world = serving(constant_model(0.25))
    world.store.is_away = True
    answer = world()
    assert answer.answered_by == ["fallback:default"]
    assert [str(failure) for failure in answer.failures] == ["S3 is away"]


def test_a_worker_keeps_a_few_models_only() -> None:
    world = serving(*(constant_model(number / 10) for number in range(1, 9)))
    for version in (1, 2, 3, 4, 5, 6, 1, 7, 1, 2):
        world(pinned_version=version)
    assert world.store.reads_of("model.onnx") == 8, "2 was asked longest ago when 7 came, and had to come back"


def test_a_champion_that_takes_a_column_the_definition_lost_is_replaced() -> None:
    world = serving(constant_model(0.25))
    columns = {name: column.model_dump(exclude_none=True) for name, column in world.definition.columns.items()}
    del columns["pressure"]
    world.definition = pump_failure(columns=columns, features=None)
    row = {name: value for name, value in pump_row().items() if name != "pressure"}
    answer = world(row)
    assert answer.answered_by == ["fallback:default"]
    assert "columns the definition no longer has: pressure" in str(answer.failures[0])
