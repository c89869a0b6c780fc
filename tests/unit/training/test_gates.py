"""Each gate by itself: what passes, what does not, and what it says."""

from typing import Any

import numpy as np
import pytest

from everloop.contracts.registry import Gate
from everloop.contracts.tasks import Task
from everloop.metrics import Interval
from everloop.training.baselines import Baseline
from everloop.training.candidate import PARITY_TOLERANCE
from everloop.training.gates import (
    GATES,
    Evidence,
    beats_baseline,
    beats_champion,
    indifference,
    latency,
    minimum_metrics,
    monotone,
    parity,
    size,
    worst_slice,
)
from tests.samples import example

NAN = float("nan")
STATISTICS = {
    "slices": {"metric": "roc_auc", "minimum_rows": 100, "parts": []},
    "reliability": None,
    "monotone": [],
    "indifference": {"rows": 200, "largest_difference": 0.0, "columns_no_request_carries": []},
}


def evidence(task: Task = Task.BINARY, *, promotion: dict[str, Any] | None = None, **changes: Any) -> Evidence:
    metrics = {"roc_auc": 0.8, "log_loss": 0.4, "accuracy": 0.75, "rmse": 2.0, "r2": 0.5, "mae": 1.5}
    naive = {"roc_auc": 0.5, "log_loss": 0.69, "accuracy": 0.6, "rmse": 3.0, "r2": 0.0, "mae": 2.5}
    sections = {"promotion": promotion or {}}
    if "metric" in changes:
        sections["training"] = {"metric": changes.pop("metric")}
    fields = {
        "definition": example(task, **sections),
        "candidate": metrics,
        "baseline": Baseline("naive", np.empty(0), naive),
        "over_champion": None,
        "champion_note": "",
        "parity_difference": 1e-7,
        "parity_rows": 264,
        "latency_ms": 0.2,
        "size_mb": 1.5,
        "statistics": STATISTICS,
    }
    return Evidence(**fields | changes)


@pytest.mark.parametrize(
    ("bounds", "passes"),
    [
        ({}, True),
        ({"roc_auc": 0.8}, True),
        ({"roc_auc": 0.81}, False),
        ({"log_loss": 0.4}, True),
        ({"log_loss": 0.39}, False),
        ({"roc_auc": 0.7, "accuracy": 0.9}, False),
    ],
)
def test_minimum_metrics_are_floors_and_for_losses_ceilings(bounds: dict[str, float], passes: bool) -> None:
    assert minimum_metrics(evidence(promotion={"minimum": bounds})).passed is passes


def test_each_minimum_that_is_missed_is_told() -> None:
    gate = minimum_metrics(evidence(promotion={"minimum": {"roc_auc": 0.9, "log_loss": 0.1}}))
    assert gate.detail == "roc_auc 0.8000, required 0.9; log_loss 0.4000, required 0.1"


@pytest.mark.parametrize(
    ("task", "metric", "value", "passes"),
    [
        (Task.BINARY, "roc_auc", 0.51, True),
        (Task.BINARY, "roc_auc", 0.5, False),
        (Task.BINARY, "log_loss", 0.68, True),
        (Task.BINARY, "log_loss", 0.70, False),
        (Task.REGRESSION, "rmse", 2.9, True),
        (Task.REGRESSION, "rmse", 3.0, False),
        (Task.REGRESSION, "r2", -0.1, False),
        (Task.BINARY, "roc_auc", NAN, False),
        (Task.BINARY, "log_loss", NAN, False),
    ],
)
def test_the_naive_prediction_must_be_beaten(task: Task, metric: str, value: float, passes: bool) -> None:
    facts = evidence(task, metric=metric)
    facts.candidate[metric] = value
    assert beats_baseline(facts).passed is passes


@pytest.mark.parametrize(
    ("metric", "gain", "passes"),
    [
        ("roc_auc", Interval(0.02, 0.01, 0.03), True),
        ("roc_auc", Interval(0.02, -0.001, 0.03), False),
        ("roc_auc", Interval(0.0, 0.0, 0.0), False),
        ("roc_auc", Interval(-0.02, -0.03, -0.01), False),
        ("log_loss", Interval(-0.02, -0.03, -0.01), True),
        ("log_loss", Interval(-0.02, -0.03, 0.001), False),
        ("log_loss", Interval(0.02, 0.01, 0.03), False),
        ("roc_auc", Interval(NAN, NAN, NAN), False),
        ("log_loss", Interval(NAN, NAN, NAN), False),
    ],
)
def test_the_champion_must_be_beaten_by_the_whole_interval(metric: str, gain: Interval, passes: bool) -> None:
    assert beats_champion(evidence(metric=metric, over_champion=gain)).passed is passes


def test_a_candidate_that_answers_as_the_champion_does_is_told_so() -> None:
    gate = beats_champion(evidence(over_champion=Interval(0.0, 0.0, 0.0)))
    assert not gate.passed
    assert gate.detail.endswith("answers as the champion does, being the same model or made of the same data")
    assert "answers as" not in beats_champion(evidence(over_champion=Interval(0.0, -0.01, 0.01))).detail


def test_of_a_champion_that_was_trained_elsewhere_it_is_unknown_what_it_saw() -> None:
    gain = Interval(0.02, 0.01, 0.03)
    assert beats_champion(evidence(over_champion=gain, is_champion_imported=True)).detail.endswith("is unknown")
    assert "unknown" not in beats_champion(evidence(over_champion=gain)).detail


def test_a_champion_need_not_be_beaten_when_the_definition_says_so() -> None:
    worse = Interval(-0.02, -0.03, -0.01)
    gate = beats_champion(evidence(promotion={"must_beat_champion": False}, over_champion=worse))
    assert (gate.passed, gate.detail) == (True, "promotion.must_beat_champion is false")


@pytest.mark.parametrize(
    ("difference", "passes"),
    [(0.0, True), (PARITY_TOLERANCE, True), (PARITY_TOLERANCE * 1.01, False), (NAN, False), (float("inf"), False)],
)
def test_parity_is_within_the_tolerance_or_refused(difference: float, passes: bool) -> None:
    assert parity(evidence(parity_difference=difference)).passed is passes


@pytest.mark.parametrize(("bound", "passes"), [(None, True), (0.2, True), (0.19, False)])
def test_latency_has_the_bound_that_is_declared(bound: float | None, passes: bool) -> None:
    assert latency(evidence(promotion={"max_latency_ms": bound})).passed is passes


@pytest.mark.parametrize(("bound", "passes"), [(None, True), (1.5, True), (1.49, False)])
def test_size_has_the_bound_that_is_declared(bound: float | None, passes: bool) -> None:
    assert size(evidence(promotion={"max_size_mb": bound})).passed is passes


def slices(metric: str, value: float, low: float, high: float) -> dict[str, Any]:
    part = {"column": "carrier", "part": "9E", "rows": 320, "value": value, "low": low, "high": high}
    return STATISTICS | {"slices": {"metric": metric, "minimum_rows": 100, "parts": [part]}}


@pytest.mark.parametrize(
    ("metric", "bounds", "bound", "passes"),
    [
        ("roc_auc", (0.52, 0.48, 0.56), None, True),
        ("roc_auc", (0.52, 0.48, 0.56), 0.55, True),
        ("roc_auc", (0.52, 0.48, 0.56), 0.57, False),
        ("log_loss", (0.7, 0.6, 0.8), 0.65, True),
        ("log_loss", (0.7, 0.6, 0.8), 0.59, False),
    ],
)
def test_a_slice_is_refused_when_it_is_beyond_the_bound_beyond_doubt(
    metric: str, bounds: tuple[float, float, float], bound: float | None, passes: bool
) -> None:
    facts = evidence(promotion={"worst_slice": bound}, statistics=slices(metric, *bounds))
    assert worst_slice(facts).passed is passes


def test_the_worst_slice_is_told_bound_or_not() -> None:
    facts = evidence(statistics=slices("roc_auc", 0.52, 0.48, 0.56))
    told = "roc_auc 0.5200 (95 %: 0.4800 to 0.5600) in 320 rows with carrier 9E, no bound declared"
    assert worst_slice(facts).detail == told


@pytest.mark.parametrize(("bound", "passes"), [(None, True), (0.5, False)])
def test_a_bound_that_no_slice_can_prove_refuses(bound: float | None, passes: bool) -> None:
    assert worst_slice(evidence(promotion={"worst_slice": bound})).passed is passes


@pytest.mark.parametrize(("back", "passes"), [(0.0, True), (1e-3, True), (1.1e-3, False), (NAN, False)])
def test_a_column_declared_monotone_may_step_back_within_the_tolerance(back: float, passes: bool) -> None:
    found = {"column": "a", "direction": "increasing", "rows": 500, "largest_step_back": back, "share_of_rows": 0.25}
    gate = monotone(evidence(statistics=STATISTICS | {"monotone": [found]}))
    assert gate.passed is passes
    if back == 1.1e-3:
        told = "a is not increasing: a step back of 0.0011, and one in 25.0% of 500 rows, tolerance 0.001"
        assert gate.detail == told


@pytest.mark.parametrize(
    ("difference", "columns", "passes"),
    [(0.0, [], True), (1e-5, [], True), (1e-4, [], False), (NAN, [], False), (0.0, ["y"], False)],
)
def test_an_answer_that_depends_on_anything_else_is_refused(
    difference: float, columns: list[str], passes: bool
) -> None:
    found = {"rows": 200, "largest_difference": difference, "columns_no_request_carries": columns}
    assert indifference(evidence(statistics=STATISTICS | {"indifference": found})).passed is passes


def test_every_gate_has_a_name_of_its_own_and_tells_its_evidence() -> None:
    gates = [gate(evidence(over_champion=Interval(0.02, 0.01, 0.03))) for gate in GATES]
    assert all(isinstance(gate, Gate) and gate.detail for gate in gates)
    assert [gate.name for gate in gates] == [
        "parity",
        "indifference",
        "monotone",
        "minimum",
        "worst slice",
        "baseline",
        "champion",
        "latency",
        "size",
    ]
