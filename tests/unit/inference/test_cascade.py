"""Each row of a request gets the one answer that it would get alone, whatever the others are and whoever fails."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everloop.contracts.definition import Definition
from everloop.features.rules import compile_rules
from everloop.inference.answer import Answer
from everloop.inference.predictor import Predictor
from everloop.inference.rules import Rules
from everloop.inference.versions import Versions
from tests.failing_models import model_of_a_later_opset, model_with_two_outputs
from tests.fakes import FixedClock
from tests.histories import no_history
from tests.samples import constant_model, echo_model, pump_failure, pump_row
from tests.unit.inference.test_experiments import traffic
from tests.unit.inference.test_predictor import MAX_AGE, Serving, serving

RULES = [
    {"name": "cold", "when": "pressure < 100", "answer": 0.05},
    {"name": "new", "when": "starts = 0", "answer": 0.01},
]
SERVING = {"fallback": 0.1, "rules": RULES}
DEFINITION = pump_failure(serving=SERVING)
MODELS = {
    "sound": constant_model(0.5),
    "no number for null": echo_model(),
    "never a number": constant_model(float("nan")),
    "no model": b"no model",
    "another shape": model_with_two_outputs(),
    "another column": constant_model(0.5, column="altitude"),
    "a later opset": model_of_a_later_opset(),
    "gone": constant_model(0.5),
}
LINES = st.lists(st.sampled_from(sorted(MODELS)), min_size=0, max_size=3)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "pump": st.sampled_from([None, *(f"P-{number}" for number in range(8))]),
            "pressure": st.sampled_from([None, 0.5, 200.0, 300.0]),
            "starts": st.integers(0, 2),
        }
    ),
    min_size=1,
    max_size=15,
)
MODES = st.sampled_from([None, "ab", "canary", "shadow"])


class Given(NamedTuple):
    answered_by: str
    version: int | None
    variant: str
    score: float | None
    label: Any
    shadow: int | None


def world_of(line: list[str], mode: str | None) -> Serving:
    world = serving(*(MODELS[kind] for kind in line), serving=SERVING)
    for version, kind in enumerate(line, start=1):
        if kind == "gone":
            del world.store.objects[f"pump-failure/versions/{version}/model.onnx"]
    if mode and len(line) > 1:
        world.experiment(traffic(mode=mode, challenger=len(line)))
    return world


GRAPH = compile_rules(DEFINITION)
assert GRAPH


def fresh_predictor(world: Serving) -> Predictor:
    rules = Rules(GRAPH, DEFINITION)
    clock = FixedClock(world.clock.now())
    return Predictor(Versions(world.store, clock, MAX_AGE), no_history(clock), lambda _: rules)


def given_to(answer: Answer) -> list[Given]:
    shadows = answer.shadows or [None] * len(answer.scores)
    columns = (answer.answered_by, answer.versions, answer.variants, answer.scores, answer.labels, shadows)
    return [Given(*row) for row in zip(*columns, strict=True)]


@given(line=LINES, mode=MODES, cells=ROWS)
@settings(max_examples=40)
def test_each_row_gets_what_it_would_get_alone(line: list[str], mode: str | None, cells: list[dict[str, Any]]) -> None:
    world = world_of(line, mode)
    rows = [pump_row(**each) for each in cells]
    ids = [f"id-{number}" for number in range(len(rows))]
    together = given_to(fresh_predictor(world).predict(DEFINITION, rows, ids))
    alone = [
        given_to(fresh_predictor(world).predict(DEFINITION, [row], [own]))[0]
        for row, own in zip(rows, ids, strict=True)
    ]
    assert together == alone
    for each, row in zip(together, cells, strict=True):
        assert each.score is not None
        assert each.score == each.score, "no NaN leaves the house"
        if row["pressure"] == 0.5:
            assert (each.answered_by, each.version, each.shadow) == ("rule:cold", None, None)
        elif row["starts"] == 0:
            assert each.answered_by == "rule:new"
        else:
            assert each.answered_by in {"model", "fallback:champion", "fallback:previous", "fallback:default"}
            assert (each.version is None) == (each.answered_by == "fallback:default")


def test_before_the_first_version_rules_and_the_constant_answer() -> None:
    rows = [pump_row(pressure=50), pump_row(starts=0), pump_row(pressure=None)]
    world = world_of([], None)
    answer = fresh_predictor(world).predict(DEFINITION, [*rows[:2], pump_row(pressure=500)], ["a", "b", "c"])
    assert answer.answered_by == ["rule:cold", "rule:cold", "fallback:default"]
    assert answer.scores == [0.05, 0.05, 0.1]
    assert answer.failures == []


def test_rules_that_cannot_be_run_leave_the_rows_to_the_models() -> None:
    world = world_of(["sound"], None)
    clock = FixedClock()

    def broken(definition: Definition) -> Rules:
        return Rules(b"no graph", definition)

    predictor = Predictor(Versions(world.store, clock, MAX_AGE), no_history(clock), broken)
    answer = predictor.predict(DEFINITION, [pump_row(pressure=50)], ["a"])
    assert answer.answered_by == ["model"]
    assert [type(failure).__name__ for failure in answer.failures] == ["ModelLoadError"]


def test_rules_that_were_not_deployed_are_told_and_leave_the_rows_to_the_models() -> None:
    answer = world_of(["sound"], None)(pump_row(pressure=50))
    assert answer.answered_by == ["model"]
    assert [str(failure) for failure in answer.failures] == [
        "the rules of 'pump-failure' were not deployed with it; deploy again"
    ]


def test_a_rule_needs_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(["no model", "no model"], None)
    answer = fresh_predictor(world).predict(DEFINITION, [pump_row(pressure=50)] * 3, ["a", "b", "c"])
    assert answer.answered_by == ["rule:cold"] * 3
    assert answer.failures == []
    assert world.store.reads_of("model.onnx") == 0
