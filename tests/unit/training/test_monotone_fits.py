"""Fits keep the directions that columns declare, where the rows alone would lead them astray."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from everloop.contracts.definition import Definition
from everloop.contracts.tasks import Task
from everloop.training.algorithms import load_algorithm
from everloop.training.candidate import PARITY_TOLERANCE, Candidate, fit_candidate
from everloop.training.evaluation import evaluate
from everloop.training.learned import fit
from everloop.training.prepared import Inputs, PreparedDataset
from tests.samples import LEARNERS, dataset_of, example, plain_features, prepared, quick_parameters

TASKS = (Task.BINARY, Task.REGRESSION)
DIRECTIONS = (1, -1)


def declared(task: Task) -> Definition:
    a, b = ({"type": "number", "monotone": direction} for direction in ("increasing", "decreasing"))
    return example(task, columns={**{name: c.type.value for name, c in example(task).columns.items()}, "a": a, "b": b})


KEEPING = [
    (algorithm, task) for algorithm, task in LEARNERS if task in TASKS and algorithm in declared(task).algorithms
]


def planted(task: Task, directions: Sequence[int]) -> PreparedDataset:
    """The target rises with `a` in waves, and with `b` in a stretch of noise; nulls and levels matter as well."""
    dataset = prepared(task, rows=1_500, holdout_rows=500)
    numbers, c = dataset.inputs.numbers, dataset.inputs.texts[:, 0]
    a, b = np.nan_to_num(numbers[:, 0], nan=-1).astype(np.float64), (numbers[:, 1].astype(np.float64) - 3e5) / 1e5
    noise = np.random.default_rng(3).normal(size=len(a))
    signal = a + 1.5 * np.sin(4 * a) + 0.6 * b + (c == "AA") + noise * np.where(np.abs(b) < 0.5, 2, 0.5)
    dataset.target[:] = signal if task.answers_value else signal > 0.3
    return replace(dataset, directions=list(directions))


def judged(
    algorithm: str, task: Task, directions: Sequence[int], **parameters: Any
) -> tuple[Candidate, dict[str, bool]]:
    """The candidate, and which gates it passes."""
    dataset = planted(task, directions)
    candidate = fit_candidate(
        algorithm, quick_parameters(algorithm) | parameters, dataset, plain_features(), declared(task)
    )
    return candidate, {gate.name: gate.passed for gate in evaluate(candidate, dataset, declared(task), None).gates}


@pytest.mark.parametrize(("algorithm", "task"), KEEPING)
def test_every_fit_keeps_the_directions_and_still_learns(algorithm: str, task: Task) -> None:
    candidate, passed = judged(algorithm, task, DIRECTIONS)
    assert all(passed.values()), passed
    assert candidate.parity_difference <= PARITY_TOLERANCE


@pytest.mark.parametrize(("algorithm", "task"), KEEPING)
def test_without_a_direction_the_same_fit_is_refused(algorithm: str, task: Task) -> None:
    _, passed = judged(algorithm, task, ())
    assert [name for name, is_passed in passed.items() if not is_passed] == ["monotone"]


@pytest.mark.parametrize("algorithm", [name for name, task in KEEPING if task is Task.BINARY])
def test_balanced_classes_keep_the_directions_too(algorithm: str) -> None:
    _, passed = judged(algorithm, Task.BINARY, DIRECTIONS, balanced=True)
    assert passed["monotone"]
    assert passed["parity"]


LINEAR = [("logistic-regression", Task.BINARY), ("ridge", Task.REGRESSION)]


def _linear(task: Task, columns: int = 3) -> tuple[Inputs, Any]:
    rng = np.random.default_rng(7)
    numbers = rng.normal(size=(2_000, columns)).astype(np.float32)
    numbers[:, 1] += numbers[:, 0]
    signal = numbers @ np.array([2.0, 1, -1])[:columns] + rng.normal(size=2_000)
    texts = np.where(rng.random((2_000, 1)) < 0.5, "x", "y")
    return Inputs(numbers, texts), (signal > 0).astype(float) if task is Task.BINARY else 1e3 * signal


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize(("algorithm", "task"), LINEAR)
def test_coefficients_that_have_their_sign_anyway_stay_as_they_are(algorithm: str, task: Task, balanced: bool) -> None:
    inputs, target = _linear(task)
    known = load_algorithm(algorithm).SPACE
    parameters = quick_parameters(algorithm) | {name: balanced for name in known if name == "balanced"}
    free, bound = (
        fit(
            algorithm, parameters, replace(dataset_of(task, inputs, target), directions=given), slice(None), seed=7
        ).predict(inputs)
        for given in ([], [1, 1, -1])
    )
    np.testing.assert_allclose(bound, free, atol=5e-3 * np.std(target), rtol=0)


@pytest.mark.parametrize(("algorithm", "task"), LINEAR)
def test_one_wrong_sign_leaves_the_model_that_never_saw_the_column(algorithm: str, task: Task) -> None:
    """Of a convex loss the best within a bound that the free optimum breaks lies on the bound."""
    inputs, target = _linear(task)
    parameters = quick_parameters(algorithm)
    bound = replace(dataset_of(task, inputs, target), directions=[0, 0, 1])
    without = dataset_of(task, Inputs(inputs.numbers[:, :2], inputs.texts), target)
    np.testing.assert_allclose(
        fit(algorithm, parameters, bound, slice(None), seed=7).predict(inputs),
        fit(algorithm, parameters, without, slice(None), seed=7).predict(without.inputs),
        atol=5e-3 * np.std(target),
        rtol=0,
    )
