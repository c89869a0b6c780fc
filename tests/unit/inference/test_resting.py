"""What makes a version rest, and what does not, however often somebody sends it."""

import json
import math
from datetime import timedelta

import onnx
import pytest

from everloop.contracts.registry import Breaker
from everloop.errors import ModelTooSlowError, ModelUnavailableError, VersionRestsError
from everloop.inference import predictor
from everloop.inference.predictor import Predictor
from everloop.inference.versions import Versions
from tests.failing_models import FOR_EVER, laborious_model, model_that_raises
from tests.histories import no_history
from tests.samples import constant_model, echo_model, pump_row
from tests.unit.inference.test_predictor import MAX_AGE, MODEL, Serving, no_rules, serving

FAST = {"fallback": 0.1, "latency_slo_ms": 20}
TEXT_KIND = {
    "reading": {"type": "text", "nullable": False},
    "measured_at": {"type": "timestamp", "nullable": False},
    "pump": "text",
    "kind": "category",
    "pressure": "number",
    "starts": {"type": "integer", "nullable": False},
    "outdoors": "boolean",
    "failed": "boolean",
}


def another_worker(world: Serving) -> Serving:
    predictor = Predictor(Versions(world.store, world.clock, MAX_AGE), no_history(world.clock), no_rules)
    return Serving(world.store, world.clock, predictor, world.definition)


def board(world: Serving) -> Breaker:
    return Breaker.model_validate_json(world.store.objects[f"{MODEL}/breaker.json"])


def test_a_version_that_is_too_slow_rests_and_costs_no_more_time() -> None:
    world = serving(constant_model(0.25), laborious_model(steps=FOR_EVER), serving=FAST)
    told = [type(world().failures[0]) for _ in range(5)]
    assert told == [ModelTooSlowError] * 3 + [VersionRestsError] * 2
    assert world().answered_by == ["fallback:previous"]
    assert board(world).resting.keys() == {2}


def test_a_version_that_cannot_be_loaded_is_not_read_again_while_it_rests() -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    world.damage(2)
    for _ in range(20):
        assert world().answered_by == ["fallback:previous"]
    assert sum(key.endswith("versions/2/model.onnx") for key in world.store.reads) == 3


def test_what_nobody_foresaw_is_the_versions_failure() -> None:
    """Python reads Infinity in its metadata, and no integer can be made of it."""
    odd = onnx.load_from_string(constant_model(0.75))
    (metadata,) = odd.metadata_props
    metadata.value = json.dumps({**json.loads(metadata.value), "items": math.inf})
    world = serving(constant_model(0.25), odd.SerializeToString())
    answer = world()
    assert answer.answered_by == ["fallback:previous"]
    assert "version 2 failed: OverflowError" in str(answer.failures[0])
    with pytest.raises(ModelUnavailableError, match="OverflowError"):
        world(pinned_version=2)


def test_many_rows_of_a_patient_definition_leave_time_for_those_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictor, "_LONGEST_S", 0.05)
    world = serving(constant_model(0.25), laborious_model(steps=FOR_EVER), serving={"latency_slo_ms": 1e300})
    answer = world(*[pump_row()] * 200)
    assert set(answer.answered_by) == {"fallback:previous"}
    assert [type(failure) for failure in answer.failures] == [ModelTooSlowError]


def test_another_worker_learns_it_from_its_first_failure() -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    world.damage(2)
    for _ in range(3):
        world()
    other = another_worker(world)
    other()
    assert [type(failure) for failure in other().failures] == [VersionRestsError]


def test_after_its_rest_one_request_tries_and_a_mended_version_answers_again() -> None:
    world = serving(constant_model(0.25), constant_model(0.75))
    sound = world.store.objects[f"{MODEL}/versions/2/model.onnx"]
    world.damage(2)
    for _ in range(3):
        world()
    world.store.objects[f"{MODEL}/versions/2/model.onnx"] = sound
    assert world().answered_by == ["fallback:previous"], "it rests still"
    world.clock.advance(timedelta(seconds=30))
    assert world().answered_by == ["model"]
    assert board(world).resting == {}


def test_rows_without_a_number_do_not_rest_a_version() -> None:
    world = serving(constant_model(0.25), echo_model())
    for _ in range(20):
        assert world(pump_row(pressure=None)).answered_by == ["fallback:previous"]
    assert world(pump_row(pressure=0.5)).answered_by == ["model"]


def test_rows_that_a_version_cannot_compute_do_not_rest_it() -> None:
    world = serving(constant_model(0.25), model_that_raises(), columns=TEXT_KIND)
    for _ in range(20):
        assert world(pump_row(kind="no number")).answered_by == ["fallback:previous"]
    assert world(pump_row(kind="0.5")).scores == [0.5]


def test_rows_that_take_a_version_long_do_not_rest_it() -> None:
    world = serving(constant_model(0.25), laborious_model(), serving=FAST)
    assert world(pump_row(pressure=0.5)).answered_by == ["model"]
    for _ in range(5):
        answer = world(pump_row(pressure=1000))
        assert answer.answered_by == ["fallback:previous"]
        assert [type(failure) for failure in answer.failures] == [ModelTooSlowError]
    assert world(pump_row(pressure=0.5)).answered_by == ["model"]
    assert f"{MODEL}/breaker.json" not in world.store.objects


def test_while_s3_is_away_no_version_is_blamed() -> None:
    world = serving(constant_model(0.25))
    world()
    other = another_worker(world)
    other.predictor._versions.aliases(MODEL, [])
    world.store.is_away = True
    for _ in range(10):
        assert other().answered_by == ["fallback:default"]
    world.store.is_away = False
    assert other().answered_by == ["model"]


@pytest.mark.parametrize("kind", ["damaged", "slow"])
def test_a_pinned_version_neither_rests_nor_minds(kind: str) -> None:
    model = laborious_model(steps=FOR_EVER) if kind == "slow" else constant_model(0.75)
    world = serving(constant_model(0.25), model, serving=FAST)
    if kind == "damaged":
        world.damage(2)
    for _ in range(4):
        with pytest.raises(Exception, match=r"did not answer within|has sha256"):
            world(pinned_version=2)
    assert f"{MODEL}/breaker.json" not in world.store.objects
