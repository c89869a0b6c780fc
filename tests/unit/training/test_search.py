"""A trial of the random search: seeded draws, and a validation part that is never fitted on."""

import json

import pytest

from everloop.contracts.tasks import ALGORITHMS, Task
from everloop.errors import AllTrialsFailedError
from everloop.training.algorithms import load_algorithm
from everloop.training.halving import best_trial
from everloop.training.search import draw_parameters, run_trial
from tests.samples import LEARNERS, example, prepared


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_draws_are_seeded_and_start_with_the_defaults(algorithm: str) -> None:
    space = load_algorithm(algorithm).SPACE
    assert draw_parameters(algorithm, 0, seed=1) == {name: values[0] for name, values in space.items()}
    draws = [draw_parameters(algorithm, draw, seed=1) for draw in range(20)]
    assert draws == [draw_parameters(algorithm, draw, seed=1) for draw in range(20)]
    assert draws != [draw_parameters(algorithm, draw, seed=2) for draw in range(20)]
    assert all(values[name] in space[name] for values in draws for name in space)
    assert len({json.dumps(values) for values in draws}) > 3


@pytest.mark.parametrize(("algorithm", "task"), LEARNERS)
def test_a_trial_tells_all_that_is_needed_to_repeat_it(algorithm: str, task: Task) -> None:
    planned = {"trial": 3, "algorithm": algorithm, "draw": 1}
    result = run_trial(planned, prepared(task), example(task))
    assert result.items() >= planned.items()
    assert result["parameters"] == draw_parameters(algorithm, 1, 7)
    assert result["metric"] == example(task).metric
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    again = run_trial(planned, prepared(task), example(task))
    assert again["value"] == result["value"]


def test_a_trial_never_looks_at_the_holdout() -> None:
    plain = prepared(Task.REGRESSION)
    poisoned = prepared(Task.REGRESSION)
    poisoned.target[-poisoned.holdout_rows :] = 1e9
    planned = {"trial": 0, "algorithm": "ridge", "draw": 0}
    results = [run_trial(planned, dataset, example(Task.REGRESSION))["value"] for dataset in (plain, poisoned)]
    assert results[0] == results[1]


def test_a_metric_that_cannot_be_told_is_null_and_no_nan_in_the_answer() -> None:
    """The newest training rows may all be of one class: Step Functions refuses NaN."""
    dataset = prepared(Task.BINARY)
    dataset.target[320:400] = 0
    result = run_trial({"trial": 0, "algorithm": "logistic-regression", "draw": 0}, dataset, example(Task.BINARY))
    assert result["value"] is None
    json.dumps(result, allow_nan=False)
    with pytest.raises(AllTrialsFailedError, match="trial 0: no finite metric"):
        best_trial([result], "roc_auc")
