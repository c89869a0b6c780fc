"""A candidate is judged on rows it never saw, and beside a champion on rows neither ever saw."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from everloop.contracts.registry import Gate
from everloop.contracts.tasks import Task
from everloop.metrics import METRICS
from everloop.registry.promotion import promote
from everloop.scorer import METADATA_KEY, Scorer
from everloop.stores.registry import ModelRegistry
from everloop.training.candidate import Candidate, fit_candidate
from everloop.training.evaluation import Champion, Evaluation, evaluate, find_champion
from everloop.training.prepared import PreparedDataset
from tests.fakes import InMemoryObjectStore
from tests.samples import (
    CLASSES,
    NOW,
    constant_model,
    example,
    plain_features,
    prepared,
    quick_parameters,
    register,
    version_files,
)
from tests.unit.training.conftest import fitted

BINARY = prepared(Task.BINARY)
CHANCE = np.random.default_rng(1).integers(2, size=600).astype(float)
WEAK = fit_candidate(
    "logistic-regression",
    quick_parameters("logistic-regression"),
    prepared(Task.BINARY, target=CHANCE),
    plain_features(),
    example(Task.BINARY),
)
"""Learned from chance."""
STRONG = fitted("logistic-regression", Task.BINARY)


def champion(candidate: Candidate, **lineage: Any) -> Champion:
    """Trained long ago on other batches, unless the lineage says otherwise."""
    strangers = {
        "split_id": "split-0",
        "batches": ["batch-0"],
        "since": None,
        "as_of": NOW.isoformat(),
        "timestamp": example(Task.BINARY).data.timestamp,
    }
    return Champion(7, candidate.model, candidate.judged, strangers | lineage)


def judge(candidate: Candidate, against: Champion | None, dataset: PreparedDataset = BINARY) -> Evaluation:
    return evaluate(candidate, dataset, example(dataset.task), against)


def gate(evaluation: Evaluation, name: str) -> Gate:
    (found,) = (gate for gate in evaluation.gates if gate.name == name)
    return found


def test_the_metrics_are_those_of_the_judged_model_on_the_holdout() -> None:
    evaluation = judge(STRONG, None)
    score = Scorer(STRONG.judged).score(BINARY.holdout_raw)
    for name in ("roc_auc", "log_loss", "accuracy"):
        assert evaluation.metrics["candidate"][name] == METRICS[name](BINARY.holdout[1], score)
        interval = evaluation.metrics["intervals"][name]
        assert interval["low"] < evaluation.metrics["candidate"][name] < interval["high"]
    assert (evaluation.metrics["train_rows"], evaluation.metrics["holdout_rows"]) == (400, 200)
    assert evaluation.metrics["latency_ms"] > 0


@pytest.mark.parametrize("task", CLASSES)
def test_the_baseline_knows_the_training_rows_alone(task: Task) -> None:
    dataset = prepared(task)
    algorithm = "ridge" if task is Task.REGRESSION else "logistic-regression"
    baseline = judge(fitted(algorithm, task), None, dataset).metrics["baseline"]
    target = dataset.holdout[1]
    if task is Task.REGRESSION:
        assert baseline["rmse"] == METRICS["rmse"](target, np.full(len(target), dataset.train[1].mean()))
    elif task is Task.BINARY:
        assert baseline["roc_auc"] == 0.5
    else:
        commonest = np.bincount(dataset.train[1].astype(int)).argmax()
        assert baseline["accuracy"] == (target == commonest).mean()


def test_without_a_champion_every_gate_of_a_sound_candidate_passes() -> None:
    evaluation = judge(STRONG, None)
    assert evaluation.passed
    assert gate(evaluation, "champion").detail == "there is no champion yet"
    assert evaluation.metrics["champion"] is None


def test_a_candidate_must_beat_the_champion_beyond_chance() -> None:
    assert gate(judge(STRONG, champion(WEAK)), "champion").passed
    worse = gate(judge(WEAK, champion(STRONG)), "champion")
    assert not worse.passed
    assert worse.detail.startswith("roc_auc -")
    assert not gate(judge(STRONG, champion(STRONG)), "champion").passed, "no better than itself"


def test_the_champion_s_metrics_stand_beside() -> None:
    evaluation = judge(STRONG, champion(WEAK))
    assert evaluation.metrics["champion"]["version"] == 7
    assert evaluation.metrics["champion"]["rows"] == 200
    assert evaluation.metrics["champion"]["roc_auc"] < evaluation.metrics["candidate"]["roc_auc"]


def test_on_the_same_split_the_champion_is_compared_as_it_was_judged() -> None:
    """Its shipped model has seen the holdout, so comparing with that one would be unfair to the candidate."""
    peeping = replace(STRONG, judged=WEAK.judged)
    assert gate(judge(STRONG, champion(peeping, split_id="split-1", batches=BINARY.batches)), "champion").passed


def test_only_rows_new_to_the_champion_count() -> None:
    evaluation = judge(STRONG, champion(WEAK, batches=["batch-1"]))
    assert evaluation.metrics["champion"]["rows"] == 100, "every other row came in batch-2"


def test_with_a_timestamp_the_champion_s_own_window_decides_which_rows_it_saw() -> None:
    moments = np.linspace(NOW.timestamp() - 3_600, NOW.timestamp() + 3_600, 200)
    dataset = prepared(Task.BINARY, holdout_time=moments)
    known = {"batches": dataset.batches}
    assert judge(STRONG, champion(WEAK, **known), dataset).metrics["champion"]["rows"] == 100
    since = (NOW - timedelta(minutes=30)).isoformat()
    assert judge(STRONG, champion(WEAK, since=since, **known), dataset).metrics["champion"]["rows"] == 150
    of_another_column = champion(WEAK, timestamp="created", **known)
    assert not gate(judge(STRONG, of_another_column, dataset), "champion").passed, "it may have seen all of them"


def test_too_few_new_rows_keep_the_champion() -> None:
    evaluation = judge(STRONG, champion(WEAK, batches=BINARY.batches))
    refusal = gate(evaluation, "champion")
    assert not refusal.passed
    assert refusal.detail.startswith("only 0 rows of the holdout are new to champion 7, 100 are needed")
    json.dumps(evaluation.metrics, allow_nan=False)


def test_new_rows_of_one_class_keep_the_champion_and_leave_no_nan_behind() -> None:
    dataset = prepared(Task.BINARY)
    dataset.target[-200:][dataset.holdout_batch == 1] = 0
    evaluation = judge(STRONG, champion(WEAK, batches=["batch-1"]), dataset)
    assert gate(evaluation, "champion").detail == "the 100 rows new to champion 7 have no roc_auc"
    assert not evaluation.passed
    json.dumps(evaluation.metrics, allow_nan=False)


STRANGERS = {
    "unusable bytes": b"damaged",
    "another task": constant_model(0.5, task=Task.REGRESSION, column="a"),
    "takes a column that is gone": constant_model(0.5, column="pressure"),
    "answers NaN": constant_model(float("nan"), column="a"),
}


@pytest.mark.parametrize("model", STRANGERS.values(), ids=STRANGERS)
def test_a_champion_that_cannot_answer_does_not_block_its_successor(model: bytes) -> None:
    verdict = gate(judge(STRONG, champion(replace(STRONG, model=model))), "champion")
    assert verdict.passed
    assert verdict.detail.startswith("champion 7 cannot answer these rows")


@pytest.mark.parametrize("stranger", ["unusable bytes", "another task", "takes a column that is gone"])
def test_it_does_not_block_either_when_it_has_seen_every_row(stranger: str) -> None:
    against = champion(replace(STRONG, model=STRANGERS[stranger]), batches=BINARY.batches)
    assert gate(judge(STRONG, against), "champion").passed


MULTICLASS = fitted("logistic-regression", Task.MULTICLASS)


@pytest.mark.parametrize("classes", [["x", "y", "ž"], ["a", "x", "y", "ž"], ["x", "xx", "y", "ž"]])
def test_a_champion_s_probabilities_are_compared_class_by_class(classes: list[str]) -> None:
    """A class that appeared since moves the others to other places; the champion gives it no probability."""
    dataset = prepared(Task.MULTICLASS)
    places = np.array([classes.index(label) for label in ("x", "y", "ž")])
    dataset = replace(dataset, classes=classes, target=places[dataset.target.astype(int)].astype(float))
    candidate = replace(MULTICLASS, judged=_relabelled(classes))
    evaluation = evaluate(candidate, dataset, example(Task.MULTICLASS), champion(MULTICLASS))
    expected = judge(MULTICLASS, champion(MULTICLASS), prepared(Task.MULTICLASS)).metrics["champion"]
    assert evaluation.metrics["champion"]["accuracy"] == expected["accuracy"]
    assert evaluation.metrics["champion"]["log_loss"] == pytest.approx(expected["log_loss"])


def _relabelled(classes: list[str]) -> bytes:
    """A model that knows these classes, in which nobody is interested here."""
    from onnx import TensorProto, helper

    from everloop.scorer import METADATA_KEY

    width = len(classes)
    weights = helper.make_tensor("weights", TensorProto.DOUBLE, [1, width], [0.0] * width)
    nodes = [
        helper.make_node("Identity", ["b"], ["kept"]),
        helper.make_node("MatMul", ["kept", "weights"], ["zeros"]),
        helper.make_node("Softmax", ["zeros"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "uniform",
        [helper.make_tensor_value_info("b", TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.DOUBLE, [None, width])],
        initializer=[weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: json.dumps({"task": Task.MULTICLASS, "classes": classes})})
    return bytes(model.SerializeToString())


def test_a_champion_of_the_opposite_positive_class_is_not_compared() -> None:
    dataset = replace(BINARY, classes=[True, False])
    verdict = gate(judge(STRONG, champion(WEAK), dataset), "champion")
    assert verdict.detail == "champion 7 cannot answer these rows: its positive class is True"


def test_an_evaluation_comes_back_from_its_json() -> None:
    evaluation = judge(STRONG, champion(WEAK))
    assert Evaluation.from_json(evaluation.to_json()) == evaluation


@pytest.mark.parametrize(("bound", "passes"), [(0.55, True), (0.99, False)])
def test_a_slice_that_is_too_weak_refuses_the_candidate(bound: float, passes: bool) -> None:
    definition = example(Task.BINARY, promotion={"worst_slice": bound})
    dataset = prepared(Task.BINARY, rows=1_400, holdout_rows=1_000)
    evaluation = evaluate(STRONG, dataset, definition, None)
    assert gate(evaluation, "worst slice").passed is passes
    assert evaluation.metrics["slices"]["parts"][0]["high"] < 0.99


@pytest.mark.parametrize("task", CLASSES)
def test_what_was_measured_is_json(task: Task) -> None:
    algorithm = "ridge" if task is Task.REGRESSION else "logistic-regression"
    json.dumps(judge(fitted(algorithm, task), None, prepared(task)).metrics, allow_nan=False)


# Finding the champion


def test_the_champion_is_read_with_all_that_a_comparison_needs() -> None:
    registry = ModelRegistry(InMemoryObjectStore())
    files = {**version_files("run-1"), "judged.onnx": b"judged", "lineage.json": b'{"split_id": "s"}'}
    registry.register("example", "run-1", files, now=NOW)
    registry.change_aliases("example", lambda aliases: promote(aliases, 1, at=NOW, reason="", by="run"))
    found = find_champion(registry, "example", 1)
    assert found == Champion(1, files["model.onnx"], b"judged", {"split_id": "s"})


@pytest.mark.parametrize("damage", ["none is promoted", "model.onnx", "manifest.json", "a version without judged.onnx"])
def test_without_a_champion_that_is_whole_anything_sound_is_better(damage: str) -> None:
    store = InMemoryObjectStore()
    registry = ModelRegistry(store)
    register(registry, "example", "run-1")
    if damage != "none is promoted":
        registry.change_aliases("example", lambda aliases: promote(aliases, 1, at=NOW, reason="", by="run"))
    store.objects.pop(f"example/versions/1/{damage}", None)
    assert find_champion(registry, "example", None if damage == "none is promoted" else 1) is None


def test_a_champion_is_judged_with_the_history_that_it_is_served() -> None:
    """What is declared otherwise since is null to it: today's values under the same name would flatter or wrong it."""
    model = onnx.load_from_string(STRONG.model)
    known = json.loads(model.metadata_props[0].value)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(known | {"history": {"a": "then"}})})
    former = replace(STRONG, model=model.SerializeToString())
    told = {
        digest: judge(STRONG, champion(former), replace(BINARY, history={"a": digest})).metrics["champion"]["roc_auc"]
        for digest in ("then", "now")
    }
    nulls = {name: np.full_like(BINARY.holdout_raw[name], np.nan) for name in "a"}
    without = Scorer(STRONG.model).score(BINARY.holdout_raw | nulls)
    assert told["now"] == METRICS["roc_auc"](BINARY.holdout[1], without)
    assert told["then"] > told["now"]
